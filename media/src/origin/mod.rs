//! The embedded origin: it takes a broadcast in, and answers players as Mux does.

pub mod hls;
