//! Where an object is: a relative path that is safe as a file name, in a URL and at every S3.

use serde::{Deserialize, Serialize};
use std::fmt;

/// Longest key, bytes.
pub const KEY_BYTES_MAX: usize = 512;
/// Longest part between two slashes, bytes: what a file system takes, with room to spare.
pub const SEGMENT_BYTES_MAX: usize = 128;

/// Why a text cannot be a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadKey {
    /// Empty or over [`KEY_BYTES_MAX`].
    #[error("a key has 1 to 512 bytes")]
    Length,
    /// Something other than `a-z A-Z 0-9 . _ - /`: backslashes, NUL, spaces, anything beyond ASCII.
    #[error("a key is made of a-z, A-Z, 0-9, dots, dashes, underscores and slashes")]
    Characters,
    /// A segment is empty (also: a slash at an end), begins with a dot (so `.` and `..` too), or is over [`SEGMENT_BYTES_MAX`].
    #[error("between slashes a key has 1 to 128 bytes and does not begin with a dot")]
    Segment,
}

/// A checked key, such as `recordings/01J.../init.mp4`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Key(String);

impl Key {
    /// Checks a text.
    pub fn parse(text: &str) -> Result<Key, BadKey> {
        if !(1..=KEY_BYTES_MAX).contains(&text.len()) {
            return Err(BadKey::Length);
        }
        characters(text)?;
        if text.split('/').all(|part| segment(part) && !part.is_empty()) {
            Ok(Key(text.to_owned()))
        } else {
            Err(BadKey::Segment)
        }
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

fn characters(text: &str) -> Result<(), BadKey> {
    let fine = |byte: u8| byte.is_ascii_alphanumeric() || b"._-/".contains(&byte);
    if text.bytes().all(fine) { Ok(()) } else { Err(BadKey::Characters) }
}

fn segment(part: &str) -> bool {
    part.len() <= SEGMENT_BYTES_MAX && !part.starts_with('.')
}

impl TryFrom<String> for Key {
    type Error = BadKey;
    fn try_from(text: String) -> Result<Key, BadKey> {
        Key::parse(&text)
    }
}

impl From<Key> for String {
    fn from(key: Key) -> String {
        key.0
    }
}

impl std::str::FromStr for Key {
    type Err = BadKey;
    fn from_str(text: &str) -> Result<Key, BadKey> {
        Key::parse(text)
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

/// How keys begin: empty for all, `recordings/` for a folder, `recordings/01J` for some of it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Prefix(String);

impl Prefix {
    /// Checks a text: what a key may begin with.
    pub fn parse(text: &str) -> Result<Prefix, BadKey> {
        if text.len() > KEY_BYTES_MAX {
            return Err(BadKey::Length);
        }
        characters(text)?;
        let (folders, last) = text.rsplit_once('/').unwrap_or_default();
        let last = if text.contains('/') { last } else { text };
        let folders_fit = !text.contains('/') || folders.split('/').all(|part| segment(part) && !part.is_empty());
        if folders_fit && segment(last) { Ok(Prefix(text.to_owned())) } else { Err(BadKey::Segment) }
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_cannot_leave_its_folder_nor_hide_in_it() {
        for good in ["a", "a/b.mp4", "A-b_c.1/2", "a..b", "x/".repeat(255).trim_end_matches('/')] {
            assert!(Key::parse(good).is_ok(), "{good}");
        }
        let long = "a".repeat(SEGMENT_BYTES_MAX + 1);
        for (bad, why) in [
            ("", BadKey::Length),
            (&"ab/".repeat(200)[..], BadKey::Length),
            ("..", BadKey::Segment),
            (".", BadKey::Segment),
            ("a/../b", BadKey::Segment),
            ("a/./b", BadKey::Segment),
            ("/a", BadKey::Segment),
            ("a/", BadKey::Segment),
            ("a//b", BadKey::Segment),
            (".new/x", BadKey::Segment),
            ("a/.hidden", BadKey::Segment),
            (&long, BadKey::Segment),
            ("a\\b", BadKey::Characters),
            ("a\0b", BadKey::Characters),
            ("a b", BadKey::Characters),
            ("%2e%2e/a", BadKey::Characters),
            ("ä", BadKey::Characters),
            ("a\nb", BadKey::Characters),
        ] {
            assert_eq!(Key::parse(bad).unwrap_err(), why, "{bad:?}");
        }
        assert!(serde_json::from_str::<Key>("\"../a\"").is_err());
    }

    #[test]
    fn a_prefix_is_what_a_key_may_begin_with() {
        for good in ["", "a", "a/", "a/b", "a/b."] {
            assert!(Prefix::parse(good).is_ok(), "{good}");
        }
        for bad in ["/", "/a", "..", "a/../", "a//", "a/.", "a\\"] {
            assert!(Prefix::parse(bad).is_err(), "{bad}");
        }
    }
}
