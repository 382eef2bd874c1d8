//! Recordings of shows that ffmpeg made: moving pictures and a tone, H.264 and Opus, written by the real recorder.

use backstage_media::bridge::recording::Recorder;
use backstage_media::bridge::recording::finish::{FinishSettings, finish};
use backstage_media::bridge::{Cause, Picture, Unit, opus};
use backstage_media::frame::Kind;
use backstage_media::h264::{ParameterSets, access_units, is_keyframe, to_length_prefixed};
use bytes::Bytes;
use std::path::Path;
use std::process::Command;
use std::sync::{Arc, OnceLock};
use tokio::sync::OnceCell;

use super::temp::TempDir;

/// Length of each of the two stretches, s.
pub const STRETCH_S: i64 = 8;
/// What is missing between them, s.
pub const MISSING_S: i64 = 5;
/// When the show began, microseconds since the Unix epoch.
pub const BEGIN_US: i64 = 1_772_000_000_000_000;

struct Clip {
    pictures: Vec<Bytes>,
    sounds: Vec<Bytes>,
}

static CLIP: OnceLock<Clip> = OnceLock::new();
static FINISHED: OnceCell<TempDir> = OnceCell::const_new();

/// Runs ffmpeg on words without spaces in them.
fn ffmpeg(args: &str) {
    let done = Command::new("ffmpeg").args("-v error -nostdin -y".split(' ')).args(args.split_whitespace()).output();
    let done = done.expect("ffmpeg is not installed: run bin/setup");
    assert!(done.status.success(), "ffmpeg {args}: {}", String::from_utf8_lossy(&done.stderr));
}

impl Clip {
    fn make() -> Clip {
        let folder = TempDir::new("clip");
        let (video, audio) = (folder.path().join("v.h264"), folder.path().join("a.ogg"));
        ffmpeg(&format!(
            "-f lavfi -i testsrc2=size=640x360:rate=25 -t {STRETCH_S} -c:v libx264 -preset ultrafast -tune zerolatency \
             -profile:v baseline -pix_fmt yuv420p -b:v 500k -x264-params \
             keyint=25:min-keyint=25:scenecut=0:repeat-headers=1:aud=1:slices=1:bframes=0 -f h264 {}",
            video.display()
        ));
        ffmpeg(&format!(
            "-f lavfi -i sine=frequency=440:sample_rate=48000 -t {STRETCH_S} -c:a libopus -b:a 64k -frame_duration 20 \
             -f ogg {}",
            audio.display()
        ));
        let stream = Bytes::from(std::fs::read(video).unwrap());
        let pictures = access_units(&stream).map(|range| stream.slice(range)).collect();
        let sounds = ogg_packets(&std::fs::read(audio).unwrap()).into_iter().skip(2).map(Bytes::from).collect();
        Clip { pictures, sounds }
    }

    /// The units of a stretch that begins at this second of the timeline.
    fn units(&self, from_s: i64) -> Vec<Unit> {
        let from_us = from_s * 1_000_000;
        let picture = Arc::new(Picture::of(ParameterSets::of(&self.pictures[0]).unwrap()).unwrap());
        let mut units = vec![];
        for (nth, data) in self.pictures.iter().enumerate() {
            let at_us = from_us + nth as i64 * 40_000;
            let (keyframe, picture) = (is_keyframe(data), Some(picture.clone()));
            let (captured_us, data) = (BEGIN_US + at_us, to_length_prefixed(data));
            units.push(Unit {
                kind: Kind::Video,
                at_us,
                duration_us: 0,
                captured_us,
                keyframe,
                filler: None,
                data,
                picture,
            });
        }
        let mut at_us = from_us;
        for data in &self.sounds {
            let duration_us = i64::from(opus::samples(data).unwrap()) * 125 / 6;
            let (captured_us, data) = (BEGIN_US + at_us, data.clone());
            let (keyframe, filler, picture) = (true, None, None);
            units.push(Unit { kind: Kind::Audio, at_us, duration_us, captured_us, keyframe, filler, data, picture });
            at_us += duration_us;
        }
        units.sort_by_key(|unit| unit.at_us);
        units
    }
}

/// Records a show of two stretches, with some of it missing between them.
pub fn record(folder: &Path) {
    let clip = CLIP.get_or_init(Clip::make);
    let mut recorder = Recorder::open(folder).unwrap();
    recorder.write(clip.units(0)).unwrap();
    recorder.interrupt(Cause::Reconnecting).unwrap();
    recorder.write(clip.units(STRETCH_S + MISSING_S)).unwrap();
    recorder.close().unwrap();
}

/// The same with its film made already: made once, copied for each test.
pub async fn record_finished(folder: &Path) {
    let finished = FINISHED
        .get_or_init(|| async {
            let made = TempDir::new("film");
            record(made.path());
            finish(made.path(), &FinishSettings::default(), |_| ()).await.unwrap();
            made
        })
        .await;
    copy(finished.path(), folder);
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap().flatten() {
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}

/// How long a film plays by ffprobe, s, after all of it was decoded without a complaint.
pub fn plays_s(film: &Path) -> f64 {
    let decoded = Command::new("ffmpeg").args(["-v", "error", "-i"]).arg(film).args(["-f", "null", "-"]).output();
    let words = String::from_utf8_lossy(&decoded.unwrap().stderr).into_owned();
    assert!(words.is_empty(), "{words}");
    let args = "-v error -show_entries format=duration -of csv=p=0".split(' ');
    let probed = Command::new("ffprobe").args(args).arg(film).output().unwrap();
    String::from_utf8(probed.stdout).unwrap().trim().parse().unwrap()
}

/// The packets of an Ogg file (RFC 3533) with one stream.
fn ogg_packets(mut file: &[u8]) -> Vec<Vec<u8>> {
    let (mut packets, mut packet) = (vec![], vec![]);
    while let Some(count) = file.get(26).map(|count| usize::from(*count)) {
        let mut at = 27 + count;
        for length in file[27..27 + count].iter().map(|length| usize::from(*length)) {
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

/// A longer show: so many stretches before the gap, and as many after it.
pub fn record_long(folder: &Path, times: i64) {
    let clip = CLIP.get_or_init(Clip::make);
    let mut recorder = Recorder::open(folder).unwrap();
    for nth in 0..times {
        recorder.write(clip.units(nth * STRETCH_S)).unwrap();
    }
    recorder.interrupt(Cause::Reconnecting).unwrap();
    for nth in times..2 * times {
        recorder.write(clip.units(nth * STRETCH_S + MISSING_S)).unwrap();
    }
    recorder.close().unwrap();
}
