//! H.264 as it travels here: access units in Annex B form (ITU-T H.264, annex B) come from the network, length-prefixed
//! NAL units (ISO/IEC 14496-15) go into files. Nothing here decodes a picture; nothing here panics on foreign bytes.

mod bits;
mod flat;
mod nal;
mod sps;
#[cfg(test)]
mod tests;

pub use flat::Flat;
pub use nal::{NalKind, Nals, access_units, is_keyframe, nals, to_length_prefixed};
pub use sps::{Sps, SpsError};

use bits::Bits;
use bytes::{BufMut, Bytes, BytesMut};

/// More parameter sets than a stream of ours ever carries; the rest is not kept.
const PPS_MAX: usize = 8;
/// A parameter set larger than this is not one, bytes.
const PARAMETER_SET_BYTES_MAX: usize = 1_024;

/// What a decoder must know before the first picture: one sequence parameter set and its picture parameter sets, each
/// as a NAL unit without start code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParameterSets {
    /// The sequence parameter set.
    pub sps: Bytes,
    /// At least one, at most [`PPS_MAX`].
    pub pps: Vec<Bytes>,
}

impl ParameterSets {
    /// Those that stand in an access unit and that its first slice uses; `None` unless there are both kinds. Where the
    /// slice does not tell, the first sequence set counts.
    pub fn of(annex_b: &[u8]) -> Option<ParameterSets> {
        let (mut sps, mut pps, mut slice) = (Vec::new(), Vec::new(), None);
        for nal in nals(annex_b) {
            let is_set = nal.len() <= PARAMETER_SET_BYTES_MAX;
            match NalKind::of(nal) {
                NalKind::Sps if is_set && sps.len() < PPS_MAX => sps.push(nal),
                NalKind::Pps if is_set && pps.len() < PPS_MAX => pps.push(nal),
                kind if kind.is_picture() && slice.is_none() => slice = Some(nal),
                _ => {}
            }
        }
        let (first, _) = (sps.first()?, pps.first()?);
        let used = slice.and_then(|slice| sps_of_slice(slice, &sps, &pps));
        let (sps, pps) = match used {
            Some((id, sps)) => {
                (sps, pps.into_iter().filter(|set| ids_of_pps(set).is_some_and(|ids| ids.1 == id)).collect())
            }
            None => (*first, pps),
        };
        Some(ParameterSets {
            sps: Bytes::copy_from_slice(sps),
            pps: pps.into_iter().map(Bytes::copy_from_slice).collect(),
        })
    }

    /// What the sequence parameter set says.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn parse(&self) -> Result<Sps, SpsError> {
        Sps::parse(&self.sps)
    }

    /// The `AVCDecoderConfigurationRecord` of these sets, see [`avcc`].
    pub fn avcc(&self) -> Bytes {
        let pps: Vec<&[u8]> = self.pps.iter().map(Bytes::as_ref).collect();
        avcc(&self.sps, &pps)
    }
}

/// The sequence set in use by a slice and its id: of sets with the same id the last one counts (7.4.1.2.1).
fn sps_of_slice<'a>(slice: &[u8], sps: &[&'a [u8]], pps: &[&[u8]]) -> Option<(u32, &'a [u8])> {
    let mut bits = Bits::new(slice.get(1..)?);
    bits.unsigned()?; // first_mb_in_slice
    bits.unsigned()?; // slice_type
    let pps_id = bits.unsigned()?;
    let (_, id) = pps.iter().rev().filter_map(|set| ids_of_pps(set)).find(|ids| ids.0 == pps_id)?;
    let found = sps.iter().rev().find(|set| id_of_sps(set) == Some(id))?;
    Some((id, found))
}

fn id_of_sps(nal: &[u8]) -> Option<u32> {
    // After the profile, the constraints and the level.
    Bits::new(nal.get(4..)?).unsigned()
}

/// Its own id and that of its sequence set.
fn ids_of_pps(nal: &[u8]) -> Option<(u32, u32)> {
    let mut bits = Bits::new(nal.get(1..)?);
    Some((bits.unsigned()?, bits.unsigned()?))
}

/// The `AVCDecoderConfigurationRecord` (ISO/IEC 14496-15, 5.3.3.1) for one sequence parameter set and its picture
/// parameter sets: what an `avcC` box and FLV's sequence header contain. Lengths before NAL units have 4 bytes. Sets of
/// more than 65,535 bytes are cut, which no stream has.
pub fn avcc(sps: &[u8], pps: &[&[u8]]) -> Bytes {
    let byte = |index: usize| sps.get(index).copied().unwrap_or(0);
    let pps = &pps[..pps.len().min(255)];
    let mut out = BytesMut::with_capacity(16 + sps.len() + pps.iter().map(|set| set.len() + 2).sum::<usize>());
    out.put_slice(&[1, byte(1), byte(2), byte(3), 0xff, 0xe1]);
    put_set(&mut out, sps);
    out.put_u8(pps.len() as u8);
    for set in pps {
        put_set(&mut out, set);
    }
    // Profiles with other picture formats than 4:2:0 in 8 bits say so once more.
    if matches!(byte(1), 100 | 110 | 122 | 144)
        && let Ok(parsed) = Sps::parse(sps)
    {
        out.put_slice(&[
            0xfc | parsed.chroma_format,
            0xf8 | (parsed.bit_depth_luma - 8),
            0xf8 | (parsed.bit_depth_chroma - 8),
            0,
        ]);
    }
    out.freeze()
}

fn put_set(out: &mut BytesMut, set: &[u8]) {
    let set = &set[..set.len().min(usize::from(u16::MAX))];
    out.put_u16(set.len() as u16);
    out.put_slice(set);
}
