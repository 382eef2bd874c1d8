//! Playback tokens in addresses: in the query (`?token=…`), or as a part of the path (`/~…/`), as the origin hands it on. Pure.

use url::Url;

/// Where the token is, as bytes of the address.
fn place(url: &str) -> Option<(usize, usize)> {
    let begin = ["?token=", "&token=", "/~"].iter().find_map(|before| Some(url.find(before)? + before.len()))?;
    let end = url[begin..].find(['&', '#', '/', '?']).map_or(url.len(), |length| begin + length);
    Some((begin, end))
}

/// The token in a playback address; `None` without one.
pub fn token_of(url: &str) -> Option<&str> {
    place(url).map(|(begin, end)| &url[begin..end])
}

/// The address with a fresh token in place of its own. Addresses of other hosts than that of `from`, or without a token,
/// stay as they are.
pub fn with_token(url: &str, from: &Url, fresh: &str) -> String {
    let same = Url::parse(url).is_ok_and(|own| own.host() == from.host() && own.port() == from.port());
    match place(url) {
        Some((begin, end)) if same => format!("{}{fresh}{}", &url[..begin], &url[end..]),
        Some(_) | None => url.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fresh_token_takes_the_place_of_the_old_one() {
        let from = Url::parse("http://origin:1/x.m3u8?token=new").unwrap();
        for (old, new) in [
            ("http://origin:1/id.m3u8?token=a.b", "http://origin:1/id.m3u8?token=new"),
            ("http://origin:1/id.m3u8?x=1&token=a.b&y=2", "http://origin:1/id.m3u8?x=1&token=new&y=2"),
            ("http://origin:1/~a.b/id/1.m4s?_HLS_msn=3", "http://origin:1/~new/id/1.m4s?_HLS_msn=3"),
            ("http://other:1/~a.b/id/1.m4s", "http://other:1/~a.b/id/1.m4s"),
            ("http://origin:1/id/1.m4s", "http://origin:1/id/1.m4s"),
        ] {
            assert_eq!(with_token(old, &from, "new"), new);
        }
        assert_eq!(token_of("http://o/~a.b/c"), Some("a.b"));
        assert_eq!(token_of("http://o/c"), None);
    }
}
