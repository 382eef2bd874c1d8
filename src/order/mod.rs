//! Purchases: how orders are kept, paid, charged again and given back. What an order decides is in `core::order`; here are
//! its rows, the till that takes the money, and the work that follows.
//!
//! ```text
//! checkout ──open──> store <──tell── work <── jobs that are due, webhooks from the inbox
//!     └──────────── till ──────────────┘──> adapters::stripe ──> Stripe, or the sandbox
//! ```

pub mod card;
pub mod customers;
pub mod due;
mod facts;
mod letters;
pub mod routes;
pub mod store;
mod sweep;
mod till;
pub mod views;
mod work;

pub use facts::KEY_PREFIX;
pub use sweep::{run as run_sweeps, sweep};
pub use till::{Answer, Begun, NotTaken, Till};
pub use work::{apply, drain, run, tell, work_on};
