//! One contract for object storage, over the store of files and over S3 (a real S3 wire: s3s on a folder).

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]
#![allow(clippy::print_stdout, clippy::disallowed_methods, reason = "a test stands in the world itself")]

#[path = "../support/temp.rs"]
mod temp;

mod contract;
mod crash;
mod files;
mod s3;
mod stand;
