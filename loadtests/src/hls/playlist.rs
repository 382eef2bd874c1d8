//! Playlists (RFC 8216bis) as far as a live player needs them. Pure; what it does not know it leaves out.

use std::time::Duration;

/// Segments and parts beyond these are refused.
const ENTRIES_MAX: usize = 20_000;

/// Why a text is no playlist.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PlaylistError {
    /// It does not begin with `#EXTM3U`.
    #[error("it does not begin with #EXTM3U")]
    NoPlaylist,
    /// A multivariant playlist without a variant.
    #[error("it has no variant")]
    NoVariant,
    /// A tag that cannot be read.
    #[error("{0} cannot be read")]
    Tag(&'static str),
    /// Too much in it.
    #[error("it lists too much")]
    TooMuch,
}

/// A part of a segment.
#[derive(Debug, Clone, PartialEq)]
pub struct Part {
    /// As written.
    pub uri: String,
    /// How long it plays.
    pub duration: Duration,
    /// Decoding can begin here.
    pub independent: bool,
}

/// A segment; the last one may not be complete yet.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Segment {
    /// Media sequence number.
    pub msn: u64,
    /// As written; `None` while it is not complete.
    pub uri: Option<String>,
    /// How long it plays, when it is complete.
    pub duration: Duration,
    /// Those that are listed.
    pub parts: Vec<Part>,
    /// Address of its init segment.
    pub init: Option<String>,
    /// Wall-clock time of its beginning, µs since the Unix epoch.
    pub begins_us: Option<i64>,
    /// The timeline is another one from here.
    pub discontinuity: bool,
}

/// A media playlist.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Playlist {
    /// Its segments, with the one that is being made.
    pub segments: Vec<Segment>,
    /// How long segments may be.
    pub target: Duration,
    /// How long parts may be; `None`: there are none.
    pub part_target: Option<Duration>,
    /// Stay that far from the end.
    pub hold_back: Duration,
    /// Reloads may wait for what comes.
    pub blocks: bool,
    /// Nothing will come any more.
    pub ended: bool,
}

/// The address of the variant of the least bandwidth: load is in the number of viewers.
///
/// # Errors
/// When there is none.
pub fn variant(text: &str) -> Result<String, PlaylistError> {
    if !text.starts_with("#EXTM3U") {
        return Err(PlaylistError::NoPlaylist);
    }
    let mut lines = text.lines();
    let mut found: Option<(u64, String)> = None;
    while let Some(line) = lines.next() {
        let Some(attributes) = line.strip_prefix("#EXT-X-STREAM-INF:") else { continue };
        let rate = attribute(attributes, "BANDWIDTH").and_then(|rate| rate.parse().ok()).unwrap_or(u64::MAX);
        let Some(uri) = lines.by_ref().find(|line| !line.starts_with('#') && !line.is_empty()) else { break };
        if found.as_ref().is_none_or(|(least, _)| rate < *least) {
            found = Some((rate, uri.to_owned()));
        }
    }
    found.map(|(_, uri)| uri).ok_or(PlaylistError::NoVariant)
}

impl Playlist {
    /// Reads a media playlist that is whole (no delta).
    ///
    /// # Errors
    /// When it is none; never panics.
    pub fn parse(text: &str) -> Result<Playlist, PlaylistError> {
        if !text.starts_with("#EXTM3U") {
            return Err(PlaylistError::NoPlaylist);
        }
        let mut playlist = Playlist::default();
        let (mut open, mut first, mut init, mut entries) = (Segment::default(), 0, None, 0);
        let mut hold_back = None;
        for line in text.lines() {
            let (tag, value) = line.split_once(':').unwrap_or((line, ""));
            match tag {
                "#EXT-X-TARGETDURATION" => playlist.target = seconds(value, "#EXT-X-TARGETDURATION")?,
                "#EXT-X-MEDIA-SEQUENCE" => {
                    first = value.parse().map_err(|_| PlaylistError::Tag("#EXT-X-MEDIA-SEQUENCE"))?;
                }
                "#EXT-X-PART-INF" => {
                    let target = attribute(value, "PART-TARGET").ok_or(PlaylistError::Tag("#EXT-X-PART-INF"))?;
                    playlist.part_target = Some(seconds(target, "#EXT-X-PART-INF")?);
                }
                "#EXT-X-SERVER-CONTROL" => {
                    playlist.blocks = attribute(value, "CAN-BLOCK-RELOAD") == Some("YES");
                    let told = attribute(value, "PART-HOLD-BACK").or(attribute(value, "HOLD-BACK"));
                    hold_back = told.map(|told| seconds(told, "#EXT-X-SERVER-CONTROL")).transpose()?;
                }
                "#EXT-X-MAP" => init = attribute(value, "URI").map(str::to_owned),
                "#EXT-X-DISCONTINUITY" => open.discontinuity = true,
                "#EXT-X-PROGRAM-DATE-TIME" => open.begins_us = date(value),
                "#EXT-X-PART" => {
                    let bad = PlaylistError::Tag("#EXT-X-PART");
                    let uri = attribute(value, "URI").ok_or(bad.clone())?.to_owned();
                    let duration = seconds(attribute(value, "DURATION").ok_or(bad)?, "#EXT-X-PART")?;
                    let independent = attribute(value, "INDEPENDENT") == Some("YES");
                    open.init.clone_from(&init);
                    open.parts.push(Part { uri, duration, independent });
                    entries += 1;
                }
                "#EXTINF" => open.duration = seconds(value.split(',').next().unwrap_or(value), "#EXTINF")?,
                "#EXT-X-ENDLIST" => playlist.ended = true,
                _ if line.starts_with('#') || line.is_empty() => {}
                _ => {
                    open.init.clone_from(&init);
                    open.uri = Some(line.to_owned());
                    playlist.segments.push(std::mem::take(&mut open));
                    entries += 1;
                }
            }
            if entries > ENTRIES_MAX {
                return Err(PlaylistError::TooMuch);
            }
        }
        if !open.parts.is_empty() {
            playlist.segments.push(open);
        }
        for (index, segment) in playlist.segments.iter_mut().enumerate() {
            segment.msn = u64::saturating_add(first, index as u64);
        }
        playlist.hold_back = hold_back.unwrap_or(3 * playlist.target);
        Ok(playlist)
    }

    /// Where to begin: the segment whose beginning (or whose part that can be decoded first) is at least the hold-back
    /// from the end; else the first one. As msn and part.
    pub fn start(&self) -> Option<(u64, usize)> {
        let mut from_end = Duration::ZERO;
        for segment in self.segments.iter().rev() {
            for (index, part) in segment.parts.iter().enumerate().rev() {
                from_end += part.duration;
                if part.independent && from_end >= self.hold_back {
                    return Some((segment.msn, index));
                }
            }
            if segment.parts.is_empty() {
                from_end += segment.duration;
                if from_end >= self.hold_back {
                    return Some((segment.msn, 0));
                }
            }
        }
        self.segments.first().map(|segment| (segment.msn, 0))
    }

    /// By its number.
    pub fn segment(&self, msn: u64) -> Option<&Segment> {
        self.segments.iter().find(|segment| segment.msn == msn)
    }

    /// What comes next after all that is listed: msn and part.
    pub fn next(&self) -> (u64, usize) {
        match self.segments.last() {
            Some(last) if last.uri.is_none() => (last.msn, last.parts.len()),
            Some(last) => (last.msn + 1, 0),
            None => (0, 0),
        }
    }
}

/// A value of an attribute list, without its quotes.
fn attribute<'a>(list: &'a str, name: &str) -> Option<&'a str> {
    let mut rest = list;
    while let Some((key, after)) = rest.split_once('=') {
        let (value, next) = match after.strip_prefix('"') {
            Some(quoted) => {
                let end = quoted.find('"')?;
                (&quoted[..end], quoted[end + 1..].trim_start_matches(','))
            }
            None => after.split_once(',').unwrap_or((after, "")),
        };
        if key.trim() == name {
            return Some(value);
        }
        rest = next;
    }
    None
}

fn seconds(text: &str, tag: &'static str) -> Result<Duration, PlaylistError> {
    let number: f64 = text.trim().parse().map_err(|_| PlaylistError::Tag(tag))?;
    let good = number.is_finite() && (0.0..=86_400.0).contains(&number);
    if good { Ok(Duration::from_secs_f64(number)) } else { Err(PlaylistError::Tag(tag)) }
}

/// `2026-11-25T02:00:00.000Z` as µs since the Unix epoch; `None` for anything else.
fn date(text: &str) -> Option<i64> {
    let (day, time) = text.trim().strip_suffix('Z')?.split_once('T')?;
    let mut day = day.splitn(3, '-').map(|part| part.parse::<i64>().ok());
    let (year, month, of_month) = (day.next()??, day.next()??, day.next()??);
    let mut time = time.splitn(3, ':');
    let (hour, minute) = (time.next()?.parse::<i64>().ok()?, time.next()?.parse::<i64>().ok()?);
    let second: f64 = time.next()?.parse().ok()?;
    let sane = (1970..=9999).contains(&year) && (1..=12).contains(&month) && (1..=31).contains(&of_month);
    if !sane || !(0..24).contains(&hour) || !(0..60).contains(&minute) || !(0.0..61.0).contains(&second) {
        return None;
    }
    // Days since 1970 in the civil calendar, years beginning in March.
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let (era, of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let days = era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + (153 * month + 2) / 5 + of_month - 719_469;
    Some(((days * 24 + hour) * 60 + minute) * 60_000_000 + (second * 1e6).round() as i64)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIVE: &str = "#EXTM3U
#EXT-X-VERSION:9
#EXT-X-TARGETDURATION:1
#EXT-X-SERVER-CONTROL:CAN-BLOCK-RELOAD=YES,PART-HOLD-BACK=0.600,HOLD-BACK=3.0
#EXT-X-PART-INF:PART-TARGET=0.200
#EXT-X-MEDIA-SEQUENCE:7
#EXT-X-MAP:URI=\"init-0.mp4\"
#EXT-X-PROGRAM-DATE-TIME:2026-11-25T02:00:00.250Z
#EXTINF:1.00000,
7.m4s
#EXT-X-PROGRAM-DATE-TIME:2026-11-25T02:00:01.250Z
#EXT-X-PART:DURATION=0.5,URI=\"8.0.m4s\",INDEPENDENT=YES
#EXT-X-PART:DURATION=0.5,URI=\"8.1.m4s\"
#EXTINF:1.00000,
8.m4s
#EXT-X-DISCONTINUITY
#EXT-X-MAP:URI=\"init-1.mp4\"
#EXT-X-PART:DURATION=0.2,URI=\"9.0.m4s\",INDEPENDENT=YES
#EXT-X-PRELOAD-HINT:TYPE=PART,URI=\"9.1.m4s\"
";

    #[test]
    fn a_low_latency_playlist_is_read() {
        let playlist = Playlist::parse(LIVE).unwrap();
        assert_eq!((playlist.segments.len(), playlist.next()), (3, (9, 1)));
        assert!(playlist.blocks && !playlist.ended);
        assert_eq!(playlist.hold_back, Duration::from_millis(600));
        let open = playlist.segment(9).unwrap();
        assert_eq!((open.uri.as_ref(), open.init.as_deref(), open.discontinuity), (None, Some("init-1.mp4"), true));
        assert_eq!(playlist.segment(7).unwrap().begins_us, Some(1_795_572_000_250_000));
        assert_eq!(playlist.start(), Some((8, 0)), "0.2 s would be too near, and in the middle nothing can be decoded");
        let ended = Playlist::parse(&format!("{}#EXT-X-ENDLIST\n", LIVE.split("#EXT-X-DISC").next().unwrap())).unwrap();
        assert!(ended.ended && ended.next() == (9, 0));
    }

    #[test]
    fn the_smallest_variant_is_taken() {
        let text = "#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=900,CODECS=\"avc1.42,mp4a.40.2\"\na.m3u8\n#EXT-X-STREAM-INF:BANDWIDTH=90\nb.m3u8\n";
        assert_eq!(variant(text).unwrap(), "b.m3u8");
        assert_eq!(variant("#EXTM3U\n"), Err(PlaylistError::NoVariant));
        assert_eq!(attribute("CODECS=\"a,b\",RESOLUTION=3x4", "RESOLUTION"), Some("3x4"));
    }

    #[test]
    fn nonsense_is_an_error_and_no_panic() {
        for text in [
            "",
            "<html>",
            "#EXTM3U\n#EXT-X-PART:URI=\"x\n",
            "#EXTM3U\n#EXTINF:abc,\nx\n",
            "#EXTM3U\n#EXTINF:-1,\nx\n",
            "#EXTM3U\n#EXT-X-MEDIA-SEQUENCE:-3\n",
        ] {
            assert!(Playlist::parse(text).is_err(), "{text}");
        }
        let endless = format!("#EXTM3U\n{}", "x\n".repeat(ENTRIES_MAX + 1));
        assert_eq!(Playlist::parse(&endless), Err(PlaylistError::TooMuch));
        for text in ["", "2026", "2026-13-01T00:00:00Z", "2026-01-01T00:00Z", "2026-01-01T25:00:00Z"] {
            assert_eq!(date(text), None, "{text}");
        }
        assert_eq!(date("1970-01-01T00:00:01.5Z"), Some(1_500_000));
    }
}
