//! Media of Backstage Pass: it knows RTP, RTMP and HLS, not passes.

pub mod mp4;
