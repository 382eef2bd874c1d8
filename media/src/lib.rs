//! Media of Backstage Pass: it knows RTP, RTMP and HLS, not passes.

pub mod bridge;
pub mod frame;
pub mod h264;
pub mod mp4;
