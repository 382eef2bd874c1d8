//! Short clips, made by ffmpeg.

use crate::server::Folder;
use backstage_media::participant::{AudioClip, VideoClip};
use std::collections::HashMap;
use std::process::{Command, Stdio};
use std::sync::Mutex;

/// Frames per second of all clips.
pub const FPS: u32 = 30;

/// Each is made once per run.
static MADE: Mutex<Option<HashMap<String, bytes::Bytes>>> = Mutex::new(None);

fn make(key: String, args: &[&str], name: &str) -> bytes::Bytes {
    let mut made = MADE.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    let made = made.get_or_insert_default();
    made.entry(key)
        .or_insert_with(|| {
            let folder = Folder::new();
            let file = folder.0.join(name);
            let status = Command::new("ffmpeg")
                .args(["-hide_banner", "-loglevel", "error", "-y"])
                .args(args)
                .arg(&file)
                .stdin(Stdio::null())
                .status()
                .expect("ffmpeg can be run");
            assert!(status.success(), "ffmpeg {args:?}");
            std::fs::read(file).unwrap().into()
        })
        .clone()
}

/// Moving pictures, a keyframe each `gop` frames, parameter sets before each.
pub fn video(size: &str, seconds: u32, gop: u32, bitrate: &str) -> VideoClip {
    let source = format!("testsrc2=size={size}:rate={FPS}");
    let (seconds, gop) = (seconds.to_string(), gop.to_string());
    let args = [
        "-f",
        "lavfi",
        "-i",
        &source,
        "-t",
        &seconds,
        "-c:v",
        "libx264",
        "-preset",
        "veryfast",
        "-profile:v",
        "baseline",
        "-pix_fmt",
        "yuv420p",
        "-b:v",
        bitrate,
        "-maxrate",
        bitrate,
        "-bufsize",
        bitrate,
        "-g",
        &gop,
        "-bf",
        "0",
        "-sc_threshold",
        "0",
        "-x264-params",
        "aud=1:repeat-headers=1:slices=1",
        "-f",
        "h264",
    ];
    let stream = make(format!("{size} {seconds} {gop} {bitrate}"), &args, "clip.h264");
    VideoClip::from_annex_b(stream, f64::from(FPS)).unwrap()
}

/// 320 x 180 with a keyframe each second.
pub fn small(seconds: u32) -> VideoClip {
    video("320x180", seconds, FPS, "300k")
}

/// A tone.
pub fn tone(seconds: u32) -> AudioClip {
    let seconds = seconds.to_string();
    let args = [
        "-f",
        "lavfi",
        "-i",
        "sine=frequency=440:sample_rate=48000",
        "-t",
        &seconds,
        "-c:a",
        "libopus",
        "-b:a",
        "48k",
        "-frame_duration",
        "20",
        "-f",
        "ogg",
    ];
    AudioClip::from_ogg(&make(format!("tone {seconds}"), &args, "clip.ogg")).unwrap()
}
