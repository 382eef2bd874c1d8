//! The gate in front of every route: origins, CSRF, headers, sizes, rates, and who asks.

pub mod cookies;
pub mod csrf;
pub mod headers;
pub mod limits;
pub mod next;
pub mod scope;
pub mod seal;
pub mod shell;
pub mod upload;
pub mod visitor;
