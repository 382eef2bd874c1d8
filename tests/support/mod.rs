//! What tests need around them: folders and servers that go when the test goes.

pub mod mailbox;
pub mod postgres;
pub mod show;
pub mod temp;
