//! The names under a broadcast's address.

/// What a name means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum File {
    Playlist { whole: bool },
    Init(u32),
    Segment(u64),
    Part(u64, usize),
}

impl File {
    /// `None` for a name that no playlist has. Numbers have one way to be written, so each file has one address.
    pub(super) fn parse(name: &str) -> Option<File> {
        match name {
            "media.m3u8" => return Some(File::Playlist { whole: false }),
            "dvr.m3u8" => return Some(File::Playlist { whole: true }),
            _ => {}
        }
        if let Some(number) = name.strip_prefix("init-").and_then(|rest| rest.strip_suffix(".mp4")) {
            return number_of(number).map(File::Init);
        }
        let stem = name.strip_suffix(".m4s")?;
        match stem.split_once('.') {
            Some((msn, index)) => Some(File::Part(number_of(msn)?, number_of(index)?)),
            None => number_of(stem).map(File::Segment),
        }
    }
}

fn number_of<T: std::str::FromStr + ToString>(text: &str) -> Option<T> {
    text.parse::<T>().ok().filter(|number| number.to_string() == text)
}
