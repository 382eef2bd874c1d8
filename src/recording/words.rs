//! Lengths and sizes as people read them.

use crate::locale;

/// As a player writes times: `12:03`, `1:02:03`.
pub fn clock(ms: i64) -> String {
    let s = ms.max(0) / 1_000;
    let (hours, minutes, seconds) = (s / 3_600, s / 60 % 60, s % 60);
    if hours > 0 { format!("{hours}:{minutes:02}:{seconds:02}") } else { format!("{minutes}:{seconds:02}") }
}

/// As one says it: `1 hour 2 minutes`, `45 seconds`; the same second as the clock's.
pub fn length(ms: i64) -> String {
    let s = ms.max(0) / 1_000;
    let part = |count: i64, unit: &str| {
        let one = if count == 1 { "one" } else { "many" };
        (count > 0).then(|| locale::text_with(&format!("recording.length.{unit}_{one}"), "count", count))
    };
    let parts = match s {
        0..60 => vec![part(s.max(1), "second")],
        60..600 => vec![part(s / 60, "minute"), part(s % 60, "second")],
        _ => vec![part(s / 3_600, "hour"), part(s / 60 % 60, "minute")],
    };
    parts.into_iter().flatten().collect::<Vec<_>>().join(" ")
}

/// `1.2 GB`, `34 MB`.
pub fn size(bytes: i64) -> String {
    match bytes {
        1_000_000_000.. => format!("{}.{} GB", bytes / 1_000_000_000, bytes / 100_000_000 % 10),
        1_000_000.. => format!("{} MB", bytes / 1_000_000),
        _ => format!("{} kB", bytes.max(0) / 1_000),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_and_sizes_read_well() {
        assert_eq!([clock(0), clock(723_900), clock(3_723_000)], ["0:00", "12:03", "1:02:03"]);
        assert_eq!(
            [length(400), length(61_000), length(3_600_000), length(7_380_000)],
            ["1 second", "1 minute 1 second", "1 hour", "2 hours 3 minutes"]
        );
        assert_eq!([size(900), size(34_999_999), size(1_290_000_000)], ["0 kB", "34 MB", "1.2 GB"]);
    }
}
