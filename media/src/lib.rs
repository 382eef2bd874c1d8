//! Media of Backstage Pass: it knows RTP, RTMP and HLS, not passes.

pub mod flv;
pub mod frame;
pub mod h264;
pub mod mp4;
pub mod origin;
pub mod participant;
pub mod rtmp;
