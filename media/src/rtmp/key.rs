//! The secret of a publisher.

use std::fmt;

/// A stream key: who has it may publish. `Debug` does not show it, and there is no `Display`.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct StreamKey(String);

impl StreamKey {
    /// Takes it as it is.
    pub fn new(key: impl Into<String>) -> StreamKey {
        StreamKey(key.into())
    }

    /// The key itself: for comparing and for sending, never for a log.
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// `text` without this key, for words that the other side said.
    pub fn redact(&self, text: &str) -> String {
        if self.0.is_empty() { text.to_owned() } else { text.replace(&self.0, "…") }
    }
}

impl fmt::Debug for StreamKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("StreamKey(…)")
    }
}
