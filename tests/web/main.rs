//! The whole server on a free port with a database of its own, asked over HTTP as browsers and strangers would.

#[path = "../support/mod.rs"]
#[allow(dead_code)]
mod support;

mod access;
mod browser;
mod house;
mod live;
mod pages;
mod security;
mod signing_in;
mod studio;
