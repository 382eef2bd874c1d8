//! A clip made by ffmpeg, as the FLV tags that an encoder would send.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use backstage_media::origin::hls::{Live, Picture, Sound};
use bytes::Bytes;

/// A folder that goes when it is dropped.
pub struct Folder(PathBuf);

impl Folder {
    pub fn new() -> Folder {
        let path = std::env::temp_dir().join(format!("hls-test-{}", uuid::Uuid::new_v4().simple()));
        std::fs::create_dir_all(&path).unwrap();
        Folder(path)
    }

    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

pub fn run(program: &str, args: &[&str]) -> Output {
    let output = Command::new(program).args(args).output().unwrap_or_else(|error| panic!("{program}: {error}"));
    assert!(output.status.success(), "{program} {args:?}: {}", String::from_utf8_lossy(&output.stderr));
    output
}

/// One FLV tag.
#[derive(Clone)]
pub struct Tag {
    pub ms: i64,
    pub video: bool,
    pub body: Bytes,
}

/// A test picture of 320x180 at 30 a second, a keyframe each second, and a tone.
pub fn clip(seconds: u32) -> Vec<Tag> {
    encoded(seconds, "320x180", &["-profile:v", "baseline"])
}

/// As [`clip`], of another size or with other wishes to x264.
pub fn encoded(seconds: u32, size: &str, wishes: &[&str]) -> Vec<Tag> {
    let folder = Folder::new();
    let file = folder.path().join("clip.flv");
    let picture = format!("testsrc2=size={size}:rate=30");
    let seconds = seconds.to_string();
    let mut args = vec!["-v", "error", "-f", "lavfi", "-i", &picture, "-f", "lavfi", "-i"];
    args.extend(["sine=frequency=440:sample_rate=48000", "-t", &seconds, "-c:v", "libx264", "-preset", "ultrafast"]);
    args.extend(["-pix_fmt", "yuv420p", "-g", "30", "-keyint_min", "30", "-sc_threshold", "0", "-b:v", "300k"]);
    args.extend(wishes);
    args.extend(["-c:a", "aac", "-ac", "2", "-f", "flv", file.to_str().unwrap()]);
    run("ffmpeg", &args);
    tags(&std::fs::read(&file).unwrap())
}

fn tags(flv: &[u8]) -> Vec<Tag> {
    let mut rest = &flv[13..];
    let mut tags = vec![];
    while rest.len() >= 11 {
        let number =
            |at: usize, count: usize| rest[at..at + count].iter().fold(0usize, |n, byte| n << 8 | usize::from(*byte));
        let size = number(1, 3);
        let ms = (number(4, 3) | number(7, 1) << 24) as i64;
        let body = Bytes::copy_from_slice(&rest[11..11 + size]);
        if matches!(rest[0], 8 | 9) {
            tags.push(Tag { ms, video: rest[0] == 9, body });
        }
        rest = &rest[11 + size + 4..];
    }
    tags
}

/// Sends a tag, as ingest would.
pub async fn push(live: &Live, tag: &Tag) {
    let kind = tag.body[1];
    let us = tag.ms * 1_000;
    match (tag.video, kind) {
        (true, 0) => live.video_config(tag.body.slice(5..)).await.unwrap(),
        (true, 1) => {
            let cts = i32::from_be_bytes([tag.body[2], tag.body[3], tag.body[4], 0]) >> 8;
            let keyframe = tag.body[0] >> 4 == 1;
            let picture = Picture { dts_us: us, cts_us: cts * 1_000, keyframe, data: tag.body.slice(5..) };
            live.video(picture).await.unwrap();
        }
        (false, 0) => live.audio_config(tag.body.slice(2..)).await.unwrap(),
        (false, _) => live.audio(Sound { pts_us: us, data: tag.body.slice(2..) }).await.unwrap(),
        (true, _) => {}
    }
}

pub async fn push_all(live: &Live, tags: &[Tag]) {
    for tag in tags {
        push(live, tag).await;
    }
}

/// Sends tags until so many parts of a segment are there, and gives back what is left.
pub async fn push_until<'a>(live: &Live, tags: &'a [Tag], msn: u64, parts: usize) -> &'a [Tag] {
    for (index, tag) in tags.iter().enumerate() {
        let edge = live.progress().edge;
        if (edge.msn, edge.parts) >= (msn, parts) {
            return &tags[index..];
        }
        push(live, tag).await;
    }
    panic!("the clip is too short for part {parts} of segment {msn}: {:?}", live.progress());
}
