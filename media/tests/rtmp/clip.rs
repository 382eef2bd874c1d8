//! Short films by ffmpeg, and what ffprobe finds in a file.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::atomic::{AtomicU32, Ordering};

use tokio::process::Command;

/// A folder of one test.
pub struct Folder(PathBuf);

impl Folder {
    pub fn new() -> Folder {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!("backstage-rtmp-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let path = std::env::temp_dir().join(name);
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

/// Runs a program; whether it succeeded, and all that it said.
pub async fn run(program: &str, arguments: &[&str]) -> (bool, String) {
    let output = Command::new(program).args(arguments).stdin(Stdio::null()).kill_on_drop(true).output().await.unwrap();
    let said = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8_lossy(&said).into_owned())
}

/// 3 s of pictures with B-frames and a tone, as FLV.
pub async fn film(folder: &Folder) -> String {
    let picture = "testsrc2=size=320x180:rate=25";
    let tone = "sine=frequency=440:sample_rate=48000";
    make(
        folder,
        &["-f", "lavfi", "-i", picture, "-f", "lavfi", "-i", tone, "-t", "3"],
        &["-c:v", "libx264", "-preset", "veryfast", "-bf", "2", "-g", "25", "-pix_fmt", "yuv420p", "-c:a", "aac"],
    )
    .await
}

/// 12 s of nothing to hear: frames of one size, for which encoders leave out whole headers.
pub async fn silence(folder: &Folder) -> String {
    make(folder, &["-f", "lavfi", "-i", "anullsrc=r=48000:cl=stereo", "-t", "12"], &["-c:a", "aac"]).await
}

async fn make(folder: &Folder, from: &[&str], how: &[&str]) -> String {
    let file = folder.path().join("clip.flv").display().to_string();
    let arguments = [&["-v", "error", "-y"][..], from, how, &["-f", "flv", &file]].concat();
    let (made, said) = run("ffmpeg", &arguments).await;
    assert!(made, "{said}");
    file
}

/// One packet of a file: decode time in milliseconds, and how much later it is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Packet {
    pub dts_ms: u64,
    pub cts_ms: i32,
}

/// The packets of one kind (`v` or `a`) in an FLV file, whose clock counts milliseconds.
pub async fn packets(file: &str, kind: &str) -> Vec<Packet> {
    let fields = ["-show_entries", "packet=pts,dts", "-of", "csv=p=0"];
    let arguments = [&["-v", "error", "-select_streams", kind][..], &fields, &[file]].concat();
    let (_, said) = run("ffprobe", &arguments).await;
    said.lines()
        .filter_map(|line| {
            let mut fields = line.split(',');
            let pts: i64 = fields.next()?.parse().ok()?;
            let dts: i64 = fields.next()?.parse().ok()?;
            Some(Packet { dts_ms: dts as u64, cts_ms: (pts - dts) as i32 })
        })
        .collect()
}

/// Publishes a file as fast as it goes, time stamps as they are.
pub async fn publish(file: &str, address: &str) -> (bool, String) {
    run("ffmpeg", &["-v", "warning", "-copyts", "-i", file, "-c", "copy", "-f", "flv", address]).await
}
