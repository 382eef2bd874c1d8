//! The embedded origin: it speaks Mux, so that what runs against Mux runs without an account too.
//!
//! ```text
//! encoder ──RTMP──> ingest ──> hls (packager, playlists) ──HTTP──> players
//! owner   ──REST──> api ──> model (pure) ──> store (journal) ──> webhooks ──> owner
//! ```
//!
//! | file | what |
//! |---|---|
//! | `model/` | what is kept and how it changes; pure |
//! | `store` | the journal on disk |
//! | `api/` | REST |
//! | `webhooks` | signed, repeated, in order |
//! | `ingest` | encoders, recordings, simulcast targets |
//! | `clip` | cuts clips |
//! | `hls/` | packager and playback |
//! | `server` | starts and stops all of it: [`Origin`] |

pub mod api;
mod catalogue;
mod clip;
pub mod credentials;
pub mod faults;
pub mod hls;
pub mod ingest;
mod keep;
pub mod model;
pub mod rate;
pub mod server;
pub mod store;
pub mod webhooks;

pub use credentials::Credentials;
pub use faults::{ApiFault, Faults};
pub use rate::{Rate, Rates};
pub use server::{Origin, OriginError, Settings};
pub use webhooks::Receiver;
