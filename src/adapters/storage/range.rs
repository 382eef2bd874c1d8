//! Part of an object, as HTTP asks for it (RFC 9110 §14).

use super::StorageError;

/// Which bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Span {
    /// From an offset to the end.
    From(u64),
    /// From an offset to another, both included; one beyond the end is cut there.
    Within(u64, u64),
    /// So many at the end.
    Last(u64),
}

impl Span {
    /// Reads a `Range` header with one span; `None` for anything else, which then means the whole object.
    pub fn parse(header: &str) -> Option<Span> {
        let (first, last) = header.trim().strip_prefix("bytes=")?.split_once('-')?;
        let number = |text: &str| {
            let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
            digits.then(|| text.parse().ok()).flatten()
        };
        match (first, last) {
            ("", last) => number(last).map(Span::Last),
            (first, "") => number(first).map(Span::From),
            (first, last) => {
                let (first, last) = (number(first)?, number(last)?);
                (first <= last).then_some(Span::Within(first, last))
            }
        }
    }

    /// As a `Range` header.
    pub fn header(self) -> String {
        match self {
            Span::From(first) => format!("bytes={first}-"),
            Span::Within(first, last) => format!("bytes={first}-{last}"),
            Span::Last(count) => format!("bytes=-{count}"),
        }
    }

    /// First byte and length within an object of `size` bytes.
    pub fn within(self, size: u64) -> Result<(u64, u64), StorageError> {
        let (first, end) = match self {
            Span::From(first) => (first, size),
            Span::Within(first, last) => (first, size.min(last.saturating_add(1))),
            Span::Last(count) => (size.saturating_sub(count), size),
        };
        if first >= end { Err(StorageError::NoSuchBytes) } else { Ok((first, end - first)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_are_read_and_written() {
        for span in [Span::From(6), Span::Within(6, 10), Span::Last(5)] {
            assert_eq!(Span::parse(&span.header()), Some(span));
        }
        for other in ["", "bytes=", "bytes=-", "bytes=5-1", "bytes=1-2,4-5", "items=1-2", "bytes=+1-2", "bytes=a-b"] {
            assert_eq!(Span::parse(other), None, "{other}");
        }
    }

    #[test]
    fn a_span_is_cut_at_the_end_and_must_not_begin_there() {
        assert_eq!(Span::From(6).within(10).unwrap(), (6, 4));
        assert_eq!(Span::Within(6, 100).within(10).unwrap(), (6, 4));
        assert_eq!(Span::Within(6, 7).within(10).unwrap(), (6, 2));
        assert_eq!(Span::Last(3).within(10).unwrap(), (7, 3));
        assert_eq!(Span::Last(30).within(10).unwrap(), (0, 10));
        assert_eq!(Span::Within(0, u64::MAX).within(10).unwrap(), (0, 10));
        for none in [Span::From(10), Span::Within(10, 11), Span::Last(0)] {
            assert!(matches!(none.within(10), Err(StorageError::NoSuchBytes)), "{none:?}");
        }
        assert!(Span::From(0).within(0).is_err());
    }
}
