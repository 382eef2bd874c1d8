use bytes::Bytes;

use super::*;
use crate::origin::hls::format::Tracks;
use crate::origin::hls::packager::{Fragment, Init, Opened};

const LATENCY: Latency = Latency { part: 18_000, part_hold_back: 54_000 };
const EDGE: View = View { extent: Extent::Edge, skip: false };

/// Segments of a second in five parts; `open` parts of another one.
fn window(segments: u64, open: usize, discontinuity_at: Option<u64>) -> Window {
    let mut window = Window::default();
    let tracks = Tracks { codecs: "avc1.42c01f,mp4a.40.2".into(), resolution: Some((1280, 720)) };
    window.init(&Init { number: 0, data: Bytes::from_static(b"init"), tracks });
    for msn in 0..=segments {
        window.open(Opened {
            msn,
            init: 0,
            start: msn * 90_000,
            captured_us: msn as i64 * 1_000_000,
            discontinuity: discontinuity_at == Some(msn),
            independent: true,
        });
        let parts = if msn < segments { 5 } else { open };
        for part in 0..parts {
            let data = Bytes::from(vec![0; 25_000]);
            window.part(&Fragment { data, duration: 18_000, independent: part == 0, pictures: 6 });
        }
        if msn < segments {
            window.close();
        }
    }
    window
}

#[test]
fn a_young_playlist_reads_like_this() {
    let expected = "#EXTM3U\n\
        #EXT-X-VERSION:9\n\
        #EXT-X-TARGETDURATION:1\n\
        #EXT-X-SERVER-CONTROL:CAN-BLOCK-RELOAD=YES,PART-HOLD-BACK=0.600,HOLD-BACK=3.0,CAN-SKIP-UNTIL=6.0\n\
        #EXT-X-PART-INF:PART-TARGET=0.200\n\
        #EXT-X-MEDIA-SEQUENCE:0\n\
        #EXT-X-INDEPENDENT-SEGMENTS\n\
        #EXT-X-MAP:URI=\"init-0.mp4\"\n\
        #EXT-X-PROGRAM-DATE-TIME:1970-01-01T00:00:00.000Z\n\
        #EXT-X-PART:DURATION=0.20000,URI=\"0.0.m4s\",INDEPENDENT=YES\n\
        #EXT-X-PART:DURATION=0.20000,URI=\"0.1.m4s\"\n\
        #EXT-X-PART:DURATION=0.20000,URI=\"0.2.m4s\"\n\
        #EXT-X-PART:DURATION=0.20000,URI=\"0.3.m4s\"\n\
        #EXT-X-PART:DURATION=0.20000,URI=\"0.4.m4s\"\n\
        #EXTINF:1.00000,\n\
        0.m4s\n\
        #EXT-X-DISCONTINUITY\n\
        #EXT-X-PROGRAM-DATE-TIME:1970-01-01T00:00:01.000Z\n\
        #EXT-X-PART:DURATION=0.20000,URI=\"1.0.m4s\",INDEPENDENT=YES\n\
        #EXT-X-PRELOAD-HINT:TYPE=PART,URI=\"1.1.m4s\"\n";
    assert_eq!(media(&window(1, 1, Some(1)), EDGE, LATENCY), expected);
}

#[test]
fn a_multivariant_playlist_says_what_was_measured() {
    let text = multivariant(&window(3, 0, None), "a/b/media.m3u8").unwrap();
    let expected = "#EXTM3U\n\
        #EXT-X-VERSION:9\n\
        #EXT-X-INDEPENDENT-SEGMENTS\n\
        #EXT-X-STREAM-INF:BANDWIDTH=1100000,AVERAGE-BANDWIDTH=1100000,CODECS=\"avc1.42c01f,mp4a.40.2\",RESOLUTION=1280x720,FRAME-RATE=30.000\n\
        a/b/media.m3u8\n";
    assert_eq!(text, expected);
    assert_eq!(multivariant(&Window::default(), "x"), None);
}

#[test]
fn near_the_edge_a_minute_is_listed_and_the_whole_window_on_demand() {
    let window = window(300, 2, Some(10));
    let edge = media(&window, EDGE, LATENCY);
    assert!(
        edge.contains("#EXT-X-MEDIA-SEQUENCE:240\n") && edge.contains("#EXT-X-DISCONTINUITY-SEQUENCE:1\n"),
        "{edge}"
    );
    assert_eq!(edge.matches("#EXTINF").count(), 60);
    assert_eq!(edge.matches("#EXT-X-PART:").count(), 5 * PARTS_LISTED + 2);
    assert_eq!(edge.matches("#EXT-X-MAP:").count(), 1);
    let whole = media(&window, View { extent: Extent::Whole, skip: false }, LATENCY);
    assert!(whole.contains("#EXT-X-MEDIA-SEQUENCE:0\n") && !whole.contains("DISCONTINUITY-SEQUENCE"));
    assert_eq!(whole.matches("#EXTINF").count(), 300);
}

#[test]
fn a_delta_update_leaves_out_what_is_known() {
    let delta = View { extent: Extent::Whole, skip: true };
    let text = media(&window(300, 2, Some(10)), delta, LATENCY);
    assert!(text.contains("#EXT-X-SKIP:SKIPPED-SEGMENTS=294\n"), "{text}");
    assert!(!text.contains("\n293.m4s\n") && text.contains("\n294.m4s\n"), "{text}");
}

#[test]
fn between_two_encoders_the_next_part_is_hinted_at() {
    let text = media(&window(2, 0, None), EDGE, LATENCY);
    assert!(text.ends_with("\n1.m4s\n#EXT-X-PRELOAD-HINT:TYPE=PART,URI=\"2.0.m4s\"\n"), "{text}");
}

#[test]
fn no_part_is_longer_than_what_is_said_of_all() {
    let mut window = window(2, 1, None);
    window.part(&Fragment { data: Bytes::from_static(b"late"), duration: 29_001, independent: false, pictures: 1 });
    let text = media(&window, EDGE, LATENCY);
    assert!(text.contains("PART-TARGET=0.323\n") && text.contains("PART-HOLD-BACK=0.969,"), "{text}");
}

#[test]
fn what_left_the_window_is_counted() {
    let mut window = window(20, 1, Some(3));
    assert_eq!(window.forget_before(10 * 90_000), (0..10).collect::<Vec<_>>());
    let text = media(&window, View { extent: Extent::Whole, skip: false }, LATENCY);
    assert!(text.contains("#EXT-X-MEDIA-SEQUENCE:10\n#EXT-X-DISCONTINUITY-SEQUENCE:1\n"), "{text}");
    assert!(window.segment(9).is_none() && window.segment(10).is_some() && window.segment(20).is_some());
}

#[test]
fn times_are_written_as_dates() {
    for (us, text) in [
        (0, "1970-01-01T00:00:00.000Z"),
        (951_782_400_000_000, "2000-02-29T00:00:00.000Z"),
        (1_790_000_000_123_456, "2026-09-21T14:13:20.123Z"),
        (-1, "1969-12-31T23:59:59.999Z"),
        (4_107_542_399_999_999, "2100-02-28T23:59:59.999Z"),
        (4_107_542_400_000_000, "2100-03-01T00:00:00.000Z"),
    ] {
        assert_eq!(date_time(us), text);
    }
}
