//! What an object is, told by the ending of its key: nothing else is kept beside it.

use super::Key;

/// Kinds that we store and that browsers may be told. Nothing that a browser would run or render as a page.
const KINDS: [(&str, &str); 18] = [
    ("aac", "audio/aac"),
    ("csv", "text/csv; charset=utf-8"),
    ("flv", "video/x-flv"),
    ("jpeg", "image/jpeg"),
    ("jpg", "image/jpeg"),
    ("json", "application/json"),
    ("m3u8", "application/vnd.apple.mpegurl"),
    ("m4a", "audio/mp4"),
    ("m4s", "video/iso.segment"),
    ("m4v", "video/mp4"),
    ("mp4", "video/mp4"),
    ("ogg", "audio/ogg"),
    ("png", "image/png"),
    ("ts", "video/mp2t"),
    ("txt", "text/plain; charset=utf-8"),
    ("vtt", "text/vtt; charset=utf-8"),
    ("webm", "video/webm"),
    ("webp", "image/webp"),
];

/// The media type of an object; `application/octet-stream` for endings that are not ours.
pub fn content_type(key: &Key) -> &'static str {
    let ending = key.as_str().rsplit(['.', '/']).next().unwrap_or_default().to_ascii_lowercase();
    KINDS.iter().find(|(known, _)| *known == ending).map_or("application/octet-stream", |(_, kind)| kind)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ending_tells_and_nothing_is_served_as_a_page() {
        let kind = |key: &str| content_type(&Key::parse(key).unwrap());
        assert_eq!(kind("a/b.MP4"), "video/mp4");
        assert_eq!(kind("a.mp4/b"), "application/octet-stream");
        for page in ["x.html", "x.svg", "x.js", "x.xml", "x"] {
            assert_eq!(kind(page), "application/octet-stream", "{page}");
        }
    }
}
