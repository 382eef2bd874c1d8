//! Shows made by ffmpeg: moving pictures that flash white for 0.1 s every two seconds, with a beep at the same moment.

use std::path::{Path, PathBuf};
use std::process::Command;

use backstage_media::bridge::opus;
use backstage_media::h264::{access_units, is_keyframe};
use bytes::Bytes;

/// How often picture and sound flash and beep, seconds.
pub const FLASH_EACH_S: f64 = 2.0;

/// Encoded pictures and sound with their times, microseconds.
#[derive(Debug, Clone)]
pub struct Clip {
    pub pictures: Vec<(i64, bool, Bytes)>,
    pub sounds: Vec<(i64, Bytes)>,
}

impl Clip {
    pub fn make(folder: &Path, size: &str, seconds: u32) -> Clip {
        Clip::of(folder, size, seconds, &format!("-f lavfi -i testsrc2=size={size}:rate=30"))
    }

    /// Real footage where it is installed (a street, 768 x 576, 80 s: Debian's `opencv-doc`), else moving patterns.
    pub fn footage(folder: &Path, size: &str, seconds: u32) -> Clip {
        let street = "/usr/share/doc/opencv-doc/examples/data/vtest.avi";
        if Path::new(street).exists() {
            return Clip::of(folder, size, seconds, &format!("-i {street}"));
        }
        eprintln!("no footage: opencv-doc is not installed");
        Clip::make(folder, size, seconds)
    }

    fn of(folder: &Path, size: &str, seconds: u32, input: &str) -> Clip {
        let (video, audio) = (folder.join(format!("{size}.h264")), folder.join(format!("{size}.ogg")));
        let flash = format!("drawbox=t=fill:color=white:enable='lt(mod(t,{FLASH_EACH_S}),0.1)'");
        ffmpeg(&[
            &format!("{input} -t {seconds} -vf fps=30,scale={},{flash}", size.replace('x', ":")),
            "-c:v libx264 -preset ultrafast -tune zerolatency -profile:v baseline -pix_fmt yuv420p -b:v 600k",
            "-x264-params keyint=30:min-keyint=30:scenecut=0:repeat-headers=1:aud=1:slices=1:bframes=0 -f h264",
            &video.to_string_lossy(),
        ]);
        let beep = format!("0.5*sin(2*PI*1000*t)*lt(mod(t,{FLASH_EACH_S}),0.1)");
        ffmpeg(&[
            &format!("-f lavfi -i aevalsrc={}:s=48000 -t {seconds}", beep.replace(',', "\\,")),
            "-c:a libopus -b:a 64k -frame_duration 20 -f ogg",
            &audio.to_string_lossy(),
        ]);
        let bytes = Bytes::from(std::fs::read(&video).unwrap());
        let pictures = access_units(&bytes)
            .enumerate()
            .map(|(nth, range)| (nth as i64 * 1_000_000 / 30, is_keyframe(&bytes[range.clone()]), bytes.slice(range)))
            .collect();
        let mut at_us = 0;
        let sounds = ogg_packets(&std::fs::read(&audio).unwrap())
            .into_iter()
            .skip(2)
            .map(|packet| {
                let begin_us = at_us;
                at_us += i64::from(opus::samples(&packet).unwrap()) * 125 / 6;
                (begin_us, Bytes::from(packet))
            })
            .collect();
        Clip { pictures, sounds }
    }
}

/// Runs ffmpeg on words that have no spaces in them.
pub fn ffmpeg(args: &[&str]) {
    let words = args.iter().flat_map(|arg| arg.split_whitespace());
    let done = Command::new("ffmpeg").args(["-v", "error", "-nostdin", "-y"]).args(words).output().unwrap();
    assert!(done.status.success(), "ffmpeg {args:?}: {}", String::from_utf8_lossy(&done.stderr));
}

/// The packets of an Ogg file (RFC 3533) with one stream.
fn ogg_packets(mut file: &[u8]) -> Vec<Vec<u8>> {
    let (mut packets, mut packet) = (vec![], vec![]);
    while let Some(count) = file.get(26).map(|count| usize::from(*count)) {
        let lacing = &file[27..27 + count];
        let mut at = 27 + count;
        for length in lacing.iter().map(|length| usize::from(*length)) {
            packet.extend_from_slice(&file[at..at + length]);
            at += length;
            if length < 255 {
                packets.push(std::mem::take(&mut packet));
            }
        }
        file = &file[at..];
    }
    packets
}

/// A folder that goes away with the test.
pub struct Folder(pub PathBuf);

impl Folder {
    pub fn new() -> Folder {
        let path = std::env::temp_dir().join(format!("backstage-bridge-{}", uuid::Uuid::new_v4()));
        std::fs::create_dir_all(&path).unwrap();
        Folder(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
