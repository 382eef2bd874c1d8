//! Development only: the mailbox, the components, and what the first start finds.

pub mod mailbox;
pub mod routes;
pub mod seeds;
pub mod views;
