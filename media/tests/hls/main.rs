//! The HLS side of the origin, held to strangers: ffmpeg encodes and plays, m3u8-rs reads, an HTTP client asks.

mod images;
mod low_latency;
mod playback;
mod publisher;
mod restart;
mod server;
mod signed;
