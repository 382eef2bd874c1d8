//! Teams own spaces; people are members with a role.

pub mod store;
