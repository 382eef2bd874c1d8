//! Where to go after signing in: only places on this site.

/// `next` if it is a plain local path, else `None`. Refused: other hosts in any spelling (`//x`, `/\x`, `https:`),
/// control characters, and the sign-in pages themselves.
pub fn local_path(next: &str) -> Option<&str> {
    let plain = next.len() <= 512 && !next.bytes().any(|b| b.is_ascii_control() || b == b'\\' || b == b' ');
    let local = next.starts_with('/') && !next.starts_with("//");
    let elsewhere = next.starts_with("/sign-in") || next.starts_with("/sign-out");
    (plain && local && !elsewhere).then_some(next)
}

#[cfg(test)]
mod tests {
    #[test]
    fn other_places_are_refused() {
        assert_eq!(super::local_path("/m/demo/live?x=1"), Some("/m/demo/live?x=1"));
        for bad in [
            "",
            "//evil.test",
            "/\\evil.test",
            "https://evil.test",
            "javascript:x",
            "/\n/evil",
            "/\t/evil",
            "evil",
            "/sign-in?next=/",
        ] {
            assert_eq!(super::local_path(bad), None, "{bad:?}");
        }
    }
}
