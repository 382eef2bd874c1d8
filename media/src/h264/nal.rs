//! NAL units: where one begins and ends, what it is.

use bytes::{BufMut, Bytes, BytesMut};

/// The kinds of NAL unit that are told apart here (ITU-T H.264, table 7-1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NalKind {
    /// Part of a picture that refers to others (types 1 to 4).
    Slice,
    /// Part of a picture with which decoding can begin (type 5).
    Idr,
    /// Supplemental enhancement information (type 6).
    Sei,
    /// Sequence parameter set (type 7).
    Sps,
    /// Picture parameter set (type 8).
    Pps,
    /// Access unit delimiter (type 9).
    Delimiter,
    /// Filler (type 12).
    Filler,
    /// Anything else.
    Other(u8),
}

impl NalKind {
    /// By the unit's first byte; an empty one is `Other(0)`.
    pub fn of(nal: &[u8]) -> NalKind {
        match nal.first().map_or(0, |byte| byte & 0x1f) {
            1..=4 => NalKind::Slice,
            5 => NalKind::Idr,
            6 => NalKind::Sei,
            7 => NalKind::Sps,
            8 => NalKind::Pps,
            9 => NalKind::Delimiter,
            12 => NalKind::Filler,
            other => NalKind::Other(other),
        }
    }

    /// Whether it is part of a picture.
    pub fn is_picture(self) -> bool {
        matches!(self, NalKind::Slice | NalKind::Idr)
    }
}

/// The NAL units of a byte stream in Annex B form, without their start codes and without zero bytes after them.
/// What stands before the first start code is skipped, and so are empty units.
pub fn nals(annex_b: &[u8]) -> Nals<'_> {
    let begin = start_code(annex_b, 0).map_or(annex_b.len(), |at| at + 3);
    Nals { data: annex_b, at: begin }
}

/// Iterator of [`nals`].
#[derive(Debug, Clone)]
pub struct Nals<'a> {
    data: &'a [u8],
    /// Behind the start code of the next unit.
    at: usize,
}

impl<'a> Iterator for Nals<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        while self.at < self.data.len() {
            let end = start_code(self.data, self.at).unwrap_or(self.data.len());
            let nal = without_trailing_zeros(&self.data[self.at..end]);
            self.at = end.saturating_add(3);
            if !nal.is_empty() {
                return Some(nal);
            }
        }
        None
    }
}

/// Where the next `00 00 01` begins, from `from` on.
fn start_code(data: &[u8], from: usize) -> Option<usize> {
    let mut at = from;
    // Looks at every third byte: only a third byte of 0 or 1 can belong to a start code that begins at or before it.
    while let Some(&third) = data.get(at + 2) {
        match third {
            0 => at += 1,
            1 if data[at] == 0 && data[at + 1] == 0 => return Some(at),
            _ => at += 3,
        }
    }
    None
}

fn without_trailing_zeros(nal: &[u8]) -> &[u8] {
    let end = nal.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
    &nal[..end]
}

/// Where each access unit of a byte stream lies (ITU-T H.264, 7.4.1.2.3, as far as encoders for live video go: one
/// picture per access unit, slices in order). A unit begins with what introduces a picture (delimiter, parameter sets,
/// SEI) or with the first slice of the next one.
pub fn access_units(annex_b: &[u8]) -> impl Iterator<Item = std::ops::Range<usize>> {
    let mut has_picture = false;
    let mut starts: Vec<usize> = Vec::new();
    let mut at = 0;
    while let Some(code) = start_code(annex_b, at) {
        let nal = &annex_b[code + 3..];
        let kind = NalKind::of(nal);
        // `first_mb_in_slice` is 0 when its first bit is set: Exp-Golomb for zero.
        let is_first_slice = kind.is_picture() && nal.get(1).is_some_and(|byte| byte & 0x80 != 0);
        let introduces = matches!(kind, NalKind::Delimiter | NalKind::Sps | NalKind::Pps | NalKind::Sei);
        if starts.is_empty() || has_picture && (introduces || is_first_slice) {
            // A start code of four bytes belongs to what follows it.
            let first = if code > 0 && annex_b[code - 1] == 0 { code - 1 } else { code };
            starts.push(first);
            has_picture = false;
        }
        has_picture |= kind.is_picture();
        at = code + 3;
    }
    let ends: Vec<usize> = starts.iter().copied().skip(1).chain([annex_b.len()]).collect();
    starts.into_iter().zip(ends).map(|(start, end)| start..end)
}

/// Whether decoding can begin with this access unit (Annex B form).
pub fn is_keyframe(annex_b: &[u8]) -> bool {
    nals(annex_b).map(NalKind::of).find(|kind| kind.is_picture()) == Some(NalKind::Idr)
}

/// An access unit as a sample of an `avc1` track: each NAL unit behind its length in 4 bytes. Parameter sets are left
/// out, since the sample entry has them; so are delimiters and filler. Empty when nothing of a picture is in it.
pub fn to_length_prefixed(annex_b: &[u8]) -> Bytes {
    let mut out = BytesMut::with_capacity(annex_b.len() + 16);
    let mut has_picture = false;
    for nal in nals(annex_b) {
        match NalKind::of(nal) {
            NalKind::Sps | NalKind::Pps | NalKind::Delimiter | NalKind::Filler => continue,
            kind => has_picture |= kind.is_picture(),
        }
        let Ok(length) = u32::try_from(nal.len()) else { continue };
        out.put_u32(length);
        out.put_slice(nal);
    }
    if has_picture { out.freeze() } else { Bytes::new() }
}
