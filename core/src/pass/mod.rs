//! What a pass costs, and how many of it there are.

pub mod interval;
pub mod price;
pub mod stock;

pub use interval::{Interval, Unit};
pub use price::{Charge, Price, PriceKind, PriceRejection, Split, Stay};
pub use stock::{SoldOut, Stock};
