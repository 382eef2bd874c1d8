//! Playlists as text (RFC 8216bis). Pure.
//!
//! Every address in a playlist is relative and without a token, so that one text serves all viewers: it is rendered once
//! per part, however many wait for it, and its addresses stay short.

#[cfg(test)]
mod tests;

use std::fmt::Write;

use super::packager::CLOCK_HZ;
use super::window::{PARTS_LISTED, Segment, Window};

/// A server keeps parts to at least this many target durations from the end (RFC 8216bis, 4.4.4.9: three).
const HOLD_BACK_TARGETS: u64 = 3;
/// What a delta update may leave out is further from the end than this many target durations (4.4.3.8: at least six).
const SKIP_TARGETS: u64 = 6;
/// A playlist for players near the edge goes back this far, ticks: a minute.
pub const EDGE_TICKS: u64 = 60 * CLOCK_HZ as u64;

/// How much of a broadcast a media playlist shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Extent {
    /// The newest [`EDGE_TICKS`].
    Edge,
    /// As far back as the window goes.
    Whole,
    /// All of a broadcast that is over, which never changes.
    Vod,
}

/// How a media playlist is rendered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct View {
    /// How much of it.
    pub extent: Extent,
    /// Leave out what a player that follows knows (`_HLS_skip`).
    pub skip: bool,
}

/// Low latency by this much: the part length aimed at, and how far behind the edge players stay at least (ticks).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Latency {
    /// Ticks.
    pub part: u64,
    /// Ticks; three parts at least are told in any case.
    pub part_hold_back: u64,
}

fn seconds(ticks: u64) -> f64 {
    ticks as f64 / f64::from(CLOCK_HZ)
}

/// A part's length to the millisecond above, so that no part is longer than what is said of all.
fn seconds_above(ticks: u64) -> f64 {
    (ticks.div_ceil(u64::from(CLOCK_HZ) / 1_000)) as f64 / 1_000.0
}

/// The multivariant playlist: one variant, which `uri` leads to. `None` while there is nothing to watch.
pub fn multivariant(window: &Window, uri: &str) -> Option<String> {
    let tracks = window.tracks().filter(|_| !window.is_empty())?;
    let rates = window.rates();
    // Players compare it with what they measure: what is packaged costs a little more on the way.
    let above = |bps: u64| bps + bps / 10;
    let mut out = format!(
        "#EXTM3U\n#EXT-X-VERSION:9\n#EXT-X-INDEPENDENT-SEGMENTS\n#EXT-X-STREAM-INF:BANDWIDTH={},AVERAGE-BANDWIDTH={},CODECS=\"{}\"",
        above(rates.peak_bps).max(1),
        above(rates.average_bps).max(1),
        tracks.codecs,
    );
    if let Some((width, height)) = tracks.resolution {
        let _ = write!(out, ",RESOLUTION={width}x{height}");
        if rates.pictures_per_second > 0.0 {
            let _ = write!(out, ",FRAME-RATE={:.3}", rates.pictures_per_second);
        }
    }
    if !window.segments().iter().chain(window.open_segment()).all(|segment| segment.opened.independent) {
        out = out.replace("#EXT-X-INDEPENDENT-SEGMENTS\n", "");
    }
    let _ = write!(out, "\n{uri}\n");
    Some(out)
}

/// The media playlist of a broadcast, live or ended.
pub fn media(window: &Window, view: View, latency: Latency) -> String {
    let segments = window.segments();
    let first = if view.extent == Extent::Edge { near_edge(window) } else { 0 };
    let live = !window.ended();
    let listed = segments.range(first..);
    let open = window.open_segment().filter(|open| !open.parts.is_empty());
    let with_parts = segments.len().saturating_sub(PARTS_LISTED).max(first);
    let mut out = String::with_capacity(1_024 + 128 * (segments.len() - first));
    let _ = write!(out, "#EXTM3U\n#EXT-X-VERSION:9\n#EXT-X-TARGETDURATION:{}\n", window.target_duration());
    let skipped = if view.skip && live { skippable(window, first) } else { 0 };
    if live {
        let parts = segments.range(with_parts..).chain(open).flat_map(|segment| &segment.parts);
        let target = parts.map(|part| part.duration).max().unwrap_or(0).max(latency.part);
        let target_s = seconds_above(target);
        let hold_back_s = (3.0 * target_s).max(seconds(latency.part_hold_back));
        let _ = write!(
            out,
            "#EXT-X-SERVER-CONTROL:CAN-BLOCK-RELOAD=YES,PART-HOLD-BACK={hold_back_s:.3},HOLD-BACK={}.0,CAN-SKIP-UNTIL={}.0\n#EXT-X-PART-INF:PART-TARGET={target_s:.3}\n",
            HOLD_BACK_TARGETS * window.target_duration(),
            SKIP_TARGETS * window.target_duration(),
        );
    } else if view.extent == Extent::Vod {
        out.push_str("#EXT-X-PLAYLIST-TYPE:VOD\n");
    }
    let sequence = segments.get(first).or(window.open_segment()).map_or(window.resume().msn, |one| one.opened.msn);
    let _ = writeln!(out, "#EXT-X-MEDIA-SEQUENCE:{sequence}");
    let gone = window.discontinuities_before(first);
    if gone > 0 {
        let _ = writeln!(out, "#EXT-X-DISCONTINUITY-SEQUENCE:{gone}");
    }
    if listed.clone().chain(open).all(|segment| segment.opened.independent) {
        out.push_str("#EXT-X-INDEPENDENT-SEGMENTS\n");
    }
    if skipped > 0 {
        let _ = writeln!(out, "#EXT-X-SKIP:SKIPPED-SEGMENTS={skipped}");
    }
    let mut init = None;
    for (index, segment) in segments.iter().enumerate().skip(first + skipped) {
        head(&mut out, segment, &mut init);
        if live && index >= with_parts {
            parts(&mut out, segment);
        }
        let _ = write!(out, "#EXTINF:{:.5},\n{}.m4s\n", seconds(segment.duration), segment.opened.msn);
    }
    if !live {
        out.push_str("#EXT-X-ENDLIST\n");
        return out;
    }
    // There is always a hint, also between two encoders: hls.js (1.7.4) takes the last segment of a playlist that ends with
    // it for the one that comes next, and stumbles over the discontinuity.
    match open {
        Some(open) => {
            head(&mut out, open, &mut init);
            parts(&mut out, open);
            hint(&mut out, open.opened.msn, open.parts.len());
        }
        None => hint(&mut out, window.open_segment().map_or(window.resume().msn, |empty| empty.opened.msn), 0),
    }
    out
}

/// The first segment of [`EDGE_TICKS`].
fn near_edge(window: &Window) -> usize {
    let mut listed = 0;
    let after = window.segments().iter().rposition(|segment| {
        listed += segment.duration;
        listed > EDGE_TICKS
    });
    after.map_or(0, |index| index + 1).min(window.segments().len().saturating_sub(PARTS_LISTED))
}

/// How many of the listed segments lie before the skip boundary.
fn skippable(window: &Window, first: usize) -> usize {
    let until = SKIP_TARGETS * window.target_duration() * u64::from(CLOCK_HZ);
    let mut behind = window.open_segment().map_or(0, |open| open.duration);
    let listed = window.segments().range(first..);
    let near = listed
        .rev()
        .take_while(|segment| {
            behind += segment.duration;
            behind < until
        })
        .count();
    // The one that the boundary lies in stays.
    (window.segments().len() - first).saturating_sub(near + 1)
}

fn head(out: &mut String, segment: &Segment, init: &mut Option<u32>) {
    let opened = &segment.opened;
    if opened.discontinuity {
        out.push_str("#EXT-X-DISCONTINUITY\n");
    }
    if init.replace(opened.init) != Some(opened.init) {
        let _ = writeln!(out, "#EXT-X-MAP:URI=\"init-{}.mp4\"", opened.init);
    }
    let _ = writeln!(out, "#EXT-X-PROGRAM-DATE-TIME:{}", date_time(opened.captured_us));
}

fn parts(out: &mut String, segment: &Segment) {
    for (index, part) in segment.parts.iter().enumerate() {
        let _ = writeln!(
            out,
            "#EXT-X-PART:DURATION={:.5},URI=\"{}.{index}.m4s\"{}",
            seconds(part.duration),
            segment.opened.msn,
            if part.independent { ",INDEPENDENT=YES" } else { "" },
        );
    }
}

fn hint(out: &mut String, msn: u64, part: usize) {
    let _ = writeln!(out, "#EXT-X-PRELOAD-HINT:TYPE=PART,URI=\"{msn}.{part}.m4s\"");
}

/// ISO 8601 in UTC with milliseconds: `2026-11-25T01:02:03.456Z`.
pub fn date_time(unix_us: i64) -> String {
    let ms = unix_us.div_euclid(1_000);
    let (days, in_day) = (ms.div_euclid(86_400_000), ms.rem_euclid(86_400_000));
    let (year, month, day) = civil(days);
    let (hours, minutes, secs, ms) = (in_day / 3_600_000, in_day / 60_000 % 60, in_day / 1_000 % 60, in_day % 1_000);
    format!("{year:04}-{month:02}-{day:02}T{hours:02}:{minutes:02}:{secs:02}.{ms:03}Z")
}

/// Year, month and day of the Gregorian calendar, by days since 1970: eras of 400 years, years that begin in March.
fn civil(days: i64) -> (i64, i64, i64) {
    let shifted = days + 719_468;
    let (era, day_of_era) = (shifted.div_euclid(146_097), shifted.rem_euclid(146_097));
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let march_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * march_month + 2) / 5 + 1;
    let month = if march_month < 10 { march_month + 3 } else { march_month - 9 };
    (year_of_era + era * 400 + i64::from(month <= 2), month, day)
}
