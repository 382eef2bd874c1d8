//! What is in a piece of fragmented MP4: how many pictures, and how long they last. Pure.

use mp4_atom::{Atom, Decode, Header, Moof, Moov};

/// The video track of an init segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tracks {
    /// Its number.
    pub video: u32,
    /// Ticks a second.
    pub clock_hz: u32,
}

/// What a part or segment holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Media {
    /// Pictures.
    pub pictures: u64,
    /// How long they last, µs.
    pub duration_us: u64,
}

/// Why bytes are no media.
#[derive(Debug, thiserror::Error)]
pub enum FragmentError {
    /// Not even a box.
    #[error("no MP4: {0}")]
    Broken(#[from] mp4_atom::Error),
    /// An init segment without pictures.
    #[error("there is no video track")]
    NoVideo,
    /// A fragment without pictures of the track.
    #[error("there are no pictures in it")]
    NoPictures,
}

/// The boxes at the top that are of one kind.
fn boxes<A: Atom>(data: &[u8]) -> Result<Vec<A>, FragmentError> {
    let (mut rest, mut found) = (data, vec![]);
    while !rest.is_empty() {
        let mut body = rest;
        let header = Header::decode(&mut body)?;
        let size = header.size.unwrap_or(body.len());
        if size > body.len() {
            return Err(mp4_atom::Error::OutOfBounds.into());
        }
        if header.kind == A::KIND {
            found.push(A::decode_body(&mut &body[..size])?);
        }
        rest = &body[size..];
    }
    Ok(found)
}

impl Tracks {
    /// Reads an init segment.
    ///
    /// # Errors
    /// When it is none, or has no picture.
    pub fn read(data: &[u8]) -> Result<Tracks, FragmentError> {
        let movies = boxes::<Moov>(data)?;
        let mut tracks = movies.iter().flat_map(|movie| &movie.trak);
        let video = tracks.find(|track| &<[u8; 4]>::from(track.mdia.hdlr.handler) == b"vide");
        let video = video.ok_or(FragmentError::NoVideo)?;
        Ok(Tracks { video: video.tkhd.track_id, clock_hz: video.mdia.mdhd.timescale.max(1) })
    }

    /// Counts the pictures of a part or segment.
    ///
    /// # Errors
    /// When it is none, or has no picture.
    pub fn count(self, data: &[u8]) -> Result<Media, FragmentError> {
        let (mut pictures, mut ticks) = (0, 0);
        let fragments = boxes::<Moof>(data)?;
        for track in fragments.iter().flat_map(|fragment| &fragment.traf) {
            if track.tfhd.track_id != self.video {
                continue;
            }
            let usual = track.tfhd.default_sample_duration.unwrap_or(0);
            for sample in track.trun.iter().flat_map(|run| run.samples.iter()) {
                pictures += 1;
                ticks += u64::from(sample.duration.unwrap_or(usual));
            }
        }
        if pictures == 0 {
            return Err(FragmentError::NoPictures);
        }
        Ok(Media { pictures, duration_us: ticks.saturating_mul(1_000_000) / u64::from(self.clock_hz) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nonsense_is_an_error_and_no_panic() {
        assert!(matches!(Tracks::read(&[]), Err(FragmentError::NoVideo)));
        let tracks = Tracks { video: 1, clock_hz: 90_000 };
        assert!(matches!(tracks.count(&[]), Err(FragmentError::NoPictures)));
        for junk in [&b"<html>not media</html>"[..], &[0, 0, 0, 9, b'm', b'o', b'o', b'f'], &[0xff; 64]] {
            assert!(Tracks::read(junk).is_err() && tracks.count(junk).is_err());
        }
    }
}
