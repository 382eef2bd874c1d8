//! What a player fetches next. Pure.

use super::playlist::{Playlist, Segment};

/// What is fetched next.
pub(super) enum Next<'a> {
    /// This part of a segment.
    Part(&'a Segment, usize),
    /// All of a segment.
    Whole(&'a Segment),
    /// The beginning of the segment after it.
    After(&'a Segment),
    /// It has left the playlist.
    Gone,
    /// It is not there yet.
    NotYet,
}

/// From a place in it: msn and part.
pub(super) fn next(list: &Playlist, (msn, part): (u64, usize)) -> Next<'_> {
    let Some(segment) = list.segment(msn) else {
        let last = list.segments.last().map_or(0, |last| last.msn);
        // A number far beyond the end is that of an encoder that began anew.
        return if msn == last + 1 || list.segments.is_empty() { Next::NotYet } else { Next::Gone };
    };
    match (segment.parts.len(), segment.uri.is_some()) {
        (parts, _) if part < parts => Next::Part(segment, part),
        (0, true) if part == 0 => Next::Whole(segment),
        (0, true) => Next::Gone,
        (_, true) => Next::After(segment),
        (_, false) => Next::NotYet,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hls::playlist::Part;
    use std::time::Duration;

    fn segment(msn: u64, parts: usize, whole: bool) -> Segment {
        let part = Part { uri: "p".into(), duration: Duration::from_millis(200), independent: false };
        Segment { msn, parts: vec![part; parts], uri: whole.then(|| "s".into()), ..Segment::default() }
    }

    #[test]
    fn what_comes_next_follows_from_the_playlist() {
        let segments = vec![segment(5, 0, true), segment(6, 5, true), segment(7, 2, false)];
        let list = Playlist { segments, ..Playlist::default() };
        assert!(matches!(next(&list, (5, 0)), Next::Whole(_)));
        assert!(matches!(next(&list, (5, 3)), Next::Gone), "its parts are not listed any more");
        assert!(matches!(next(&list, (6, 4)), Next::Part(_, 4)));
        assert!(matches!(next(&list, (6, 5)), Next::After(_)));
        assert!(matches!(next(&list, (7, 1)), Next::Part(_, 1)));
        assert!(matches!(next(&list, (7, 2)), Next::NotYet));
        assert!(matches!(next(&list, (8, 0)), Next::NotYet));
        assert!(matches!(next(&list, (4, 0)), Next::Gone));
        assert!(matches!(next(&list, (12, 0)), Next::Gone), "an encoder began anew");
    }
}
