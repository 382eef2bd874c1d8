//! The payment sandbox: it speaks the part of Stripe that we use, so that what runs against Stripe runs without an
//! account too. No money moves, and only Stripe's own test cards are taken.
//!
//! ```text
//! adapters::stripe ──REST──> server ──> calls (one lock, pure) ──> books ──> webhooks ──> our server
//! ```
//!
//! | file | what |
//! |---|---|
//! | `server` | starts and stops it: [`Sandbox`] |
//! | `door` | keys, limits, idempotency; what an answer looks like |
//! | `calls` | which call is whose |
//! | `customers`, `methods`, `payments`, `setups`, `refunds`, `disputes`, `balance`, `events` | the calls, by noun |
//! | `taking` | a card is used: paid, declined, asked, disputed |
//! | `terms` | amounts, and the way back |
//! | `authentication` | where a 3-D Secure question is answered |
//! | `cards` | test cards and what they do |
//! | `model`, `books` | what is kept |
//! | `wire` | objects as Stripe shows them, complete |
//! | `form`, `refusal` | parameters; errors |
//! | `webhooks` | signed, repeated |
//! | `keep` | the file that outlives a restart |
//! | `clock`, `faults` | the time, and mishaps, for tests |
//!
//! Source: <https://docs.stripe.com/api>, <https://docs.stripe.com/testing>, as of version 2026-09-30.endive.

mod authentication;
mod balance;
mod books;
mod calls;
mod cards;
mod clock;
mod customers;
mod disputes;
mod door;
mod events;
mod faults;
mod form;
mod keep;
mod methods;
mod model;
mod payments;
mod refunds;
mod refusal;
mod server;
mod setups;
mod taking;
mod terms;
mod webhooks;
mod wire;

pub use clock::Clock;
pub use faults::Faults;
pub use server::{Sandbox, SandboxError, Settings};
pub use webhooks::Receiver;

/// The version of Stripe's API that is spoken.
pub const API_VERSION: &str = "2026-09-30.endive";
