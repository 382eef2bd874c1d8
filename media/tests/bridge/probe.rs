//! What ffprobe and ffmpeg say about a file.

use std::path::Path;
use std::process::Command;

fn output(program: &str, args: &[&str]) -> Vec<u8> {
    let done = Command::new(program).args(args).output().unwrap();
    assert!(done.status.success(), "{program} {args:?}: {}", String::from_utf8_lossy(&done.stderr));
    done.stdout
}

/// Decodes all of it; what the decoder complains about. Pictures keep their times: otherwise ffmpeg rounds them to a
/// frame rate, and complains about itself.
pub fn complaints(path: &Path) -> String {
    let path = path.to_string_lossy();
    let args = ["-v", "error", "-nostdin", "-i", &path, "-fps_mode", "passthrough", "-enc_time_base", "-1"];
    let done = Command::new("ffmpeg").args(args).args(["-f", "null", "-"]).output().unwrap();
    String::from_utf8_lossy(&done.stderr).into_owned()
}

/// Seconds.
pub fn duration_s(path: &Path) -> f64 {
    let args = ["-v", "error", "-show_entries", "format=duration", "-of", "csv=p=0", &path.to_string_lossy()];
    String::from_utf8(output("ffprobe", &args)).unwrap().trim().parse().unwrap()
}

/// `codec,width,height` of the pictures and `codec,rate,channels` of the sound.
pub fn formats(path: &Path) -> String {
    let entries = "stream=codec_name,width,height,sample_rate,channels";
    let args = ["-v", "error", "-show_entries", entries, "-of", "csv=p=0", &path.to_string_lossy()];
    String::from_utf8(output("ffprobe", &args)).unwrap().trim().replace('\n', " ")
}

/// Times of packets of a stream (`v` or `a`), seconds.
pub fn times_s(path: &Path, stream: &str) -> Vec<f64> {
    let args = [
        "-v",
        "error",
        "-select_streams",
        stream,
        "-show_entries",
        "packet=dts_time",
        "-of",
        "csv=p=0",
        &path.to_string_lossy(),
    ];
    let text = String::from_utf8(output("ffprobe", &args)).unwrap();
    text.lines().filter_map(|line| line.trim_matches(',').parse().ok()).collect()
}

/// The mean brightness of each picture with its time, seconds (its number, where a file has no times).
pub fn brightness(path: &Path) -> Vec<(f64, f64)> {
    let graph = format!("movie={},scale=64:36,signalstats", path.to_string_lossy());
    let entries = "frame=pts_time:frame_tags=lavfi.signalstats.YAVG";
    let args = ["-v", "error", "-f", "lavfi", &graph, "-show_entries", entries, "-of", "csv=p=0"];
    let text = String::from_utf8(output("ffprobe", &args)).unwrap();
    let number = |field: Option<&str>| field.and_then(|field| field.parse().ok());
    text.lines()
        .enumerate()
        .filter_map(|(nth, line)| {
            let mut fields = line.split(',');
            Some((number(fields.next()).unwrap_or(nth as f64), number(fields.next())?))
        })
        .collect()
}

/// When the picture turns white, seconds.
pub fn flashes_s(path: &Path) -> Vec<f64> {
    let bright = brightness(path);
    let pairs = bright.iter().zip(bright.iter().skip(1));
    let mut found: Vec<f64> = pairs.filter(|(a, b)| a.1 < 190.0 && b.1 >= 190.0).map(|(_, b)| b.0).collect();
    if bright.first().is_some_and(|first| first.1 >= 190.0) {
        found.insert(0, bright[0].0);
    }
    found
}

/// When the beep begins, seconds.
pub fn beeps_s(path: &Path) -> Vec<f64> {
    let args = [
        "-v",
        "error",
        "-nostdin",
        "-i",
        &path.to_string_lossy(),
        "-vn",
        "-af",
        "aresample=async=1000",
        "-f",
        "s16le",
        "-ac",
        "1",
        "-ar",
        "48000",
        "-",
    ];
    let samples = output("ffmpeg", &args);
    let loud = |sample: &[u8]| i16::from_le_bytes([sample[0], sample[1]]).unsigned_abs() > 3_000;
    let begin_s = times_s(path, "a").first().copied().unwrap_or(0.0).max(0.0);
    let (mut found, mut last) = (vec![], None);
    for (nth, _) in samples.chunks_exact(2).enumerate().filter(|(_, sample)| loud(sample)) {
        if last.is_none_or(|last| nth - last > 24_000) {
            found.push(begin_s + nth as f64 / 48_000.0);
        }
        last = Some(nth);
    }
    found
}

/// For each flash with a beep within half a second: beep less flash, milliseconds.
pub fn skews_ms(path: &Path) -> Vec<f64> {
    let beeps = beeps_s(path);
    let near = |flash: &f64| {
        let nearest = beeps.iter().map(|beep| beep - flash).min_by(|a, b| a.abs().total_cmp(&b.abs()))?;
        (nearest.abs() < 0.5).then_some(nearest * 1_000.0)
    };
    flashes_s(path).iter().filter_map(near).collect()
}
