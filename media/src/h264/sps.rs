//! Sequence parameter sets: profile, level and the size of the picture that is shown.

use super::bits::Bits;
use super::nal::NalKind;

/// Larger pictures are refused: 16,384 in either direction is beyond every level of the standard, pixels.
const SIDE_MAX: u32 = 16_384;
/// Entries of a picture order count cycle, as the standard limits them.
const CYCLE_MAX: u32 = 255;

/// What is needed of a sequence parameter set (ITU-T H.264, 7.3.2.1.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sps {
    /// `profile_idc`: 66 baseline, 77 main, 100 high.
    pub profile: u8,
    /// The constraint flags, as they stand in the byte after the profile.
    pub constraints: u8,
    /// Ten times the level: 31 is level 3.1.
    pub level: u8,
    /// Pixels, after cropping.
    pub width: u16,
    /// Pixels, after cropping.
    pub height: u16,
    /// 0 grey, 1 is 4:2:0, 2 is 4:2:2, 3 is 4:4:4.
    pub chroma_format: u8,
    /// Bits, 8 to 14.
    pub bit_depth_luma: u8,
    /// Bits, 8 to 14.
    pub bit_depth_chroma: u8,
}

/// Why a sequence parameter set could not be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SpsError {
    /// The NAL unit is of another kind.
    #[error("not a sequence parameter set")]
    OtherKind,
    /// It ends before its picture size, or a number in it is too long.
    #[error("the sequence parameter set is cut short or broken")]
    Broken,
    /// A value is outside what the standard allows.
    #[error("the sequence parameter set names a picture that cannot be")]
    Impossible,
}

impl Sps {
    /// Reads a NAL unit without start code.
    ///
    /// # Errors
    /// See [`SpsError`]; never panics.
    pub fn parse(nal: &[u8]) -> Result<Sps, SpsError> {
        match (NalKind::of(nal), nal) {
            (NalKind::Sps, [_, payload @ ..]) => read(&mut Bits::new(payload)).ok_or(SpsError::Broken)?,
            _ => Err(SpsError::OtherKind),
        }
    }

    /// The codec string of RFC 6381: `avc1.42c01f`.
    pub fn codec(&self) -> String {
        format!("avc1.{:02x}{:02x}{:02x}", self.profile, self.constraints, self.level)
    }
}

/// `None` when the data ends too early.
fn read(bits: &mut Bits) -> Option<Result<Sps, SpsError>> {
    let profile = bits.bits(8)? as u8;
    let constraints = bits.bits(8)? as u8;
    let level = bits.bits(8)? as u8;
    bits.unsigned()?; // seq_parameter_set_id
    let (chroma, separate_planes, depths) =
        if has_chroma_format(profile) { read_chroma(bits)? } else { (1, false, (8, 8)) };
    if chroma > 3 || !(8..=14).contains(&depths.0) || !(8..=14).contains(&depths.1) {
        return Some(Err(SpsError::Impossible));
    }
    bits.unsigned()?; // log2_max_frame_num_minus4
    skip_picture_order(bits)?;
    bits.unsigned()?; // max_num_ref_frames
    bits.bit()?; // gaps_in_frame_num_value_allowed_flag
    let width_mbs = bits.unsigned()?;
    let height_units = bits.unsigned()?;
    let frames_only = bits.bit()?;
    if !frames_only {
        bits.bit()?; // mb_adaptive_frame_field_flag
    }
    bits.bit()?; // direct_8x8_inference_flag
    let crop =
        if bits.bit()? { [bits.unsigned()?, bits.unsigned()?, bits.unsigned()?, bits.unsigned()?] } else { [0; 4] };

    // A field picture is half as high: units of 32 lines then (7-18), and cropping in twice the step (7-19 to 7-22).
    let field = if frames_only { 1 } else { 2 };
    let array_type = if separate_planes { 0 } else { chroma };
    let unit_x = if matches!(array_type, 1 | 2) { 2 } else { 1 };
    let unit_y = field * if array_type == 1 { 2 } else { 1 };
    let side = |units: u32, size: u32, crop: [u32; 2], step: u32| {
        let whole = u64::from(units).checked_add(1)?.checked_mul(u64::from(size))?;
        let cut = (u64::from(crop[0]) + u64::from(crop[1])) * u64::from(step);
        let shown = whole.checked_sub(cut)?;
        (1..=u64::from(SIDE_MAX)).contains(&shown).then_some(shown as u16)
    };
    let (Some(width), Some(height)) =
        (side(width_mbs, 16, [crop[0], crop[1]], unit_x), side(height_units, 16 * field, [crop[2], crop[3]], unit_y))
    else {
        return Some(Err(SpsError::Impossible));
    };
    Some(Ok(Sps {
        profile,
        constraints,
        level,
        width,
        height,
        chroma_format: chroma as u8,
        bit_depth_luma: depths.0 as u8,
        bit_depth_chroma: depths.1 as u8,
    }))
}

/// Whether the profile's sets say more about colours (7.3.2.1.1).
fn has_chroma_format(profile: u8) -> bool {
    matches!(profile, 100 | 110 | 122 | 244 | 44 | 83 | 86 | 118 | 128 | 138 | 139 | 134 | 135)
}

/// Chroma format, whether its planes are coded apart, and the bit depths.
fn read_chroma(bits: &mut Bits) -> Option<(u32, bool, (u32, u32))> {
    let chroma = bits.unsigned()?;
    let separate_planes = chroma == 3 && bits.bit()?;
    let luma = bits.unsigned()?.checked_add(8)?;
    let depth_chroma = bits.unsigned()?.checked_add(8)?;
    bits.bit()?; // qpprime_y_zero_transform_bypass_flag
    if bits.bit()? {
        for list in 0..if chroma == 3 { 12 } else { 8 } {
            if bits.bit()? {
                skip_scaling_list(bits, if list < 6 { 16 } else { 64 })?;
            }
        }
    }
    Some((chroma, separate_planes, (luma, depth_chroma)))
}

fn skip_scaling_list(bits: &mut Bits, size: u32) -> Option<()> {
    let (mut last, mut next) = (8i64, 8i64);
    for _ in 0..size {
        if next != 0 {
            next = (last + bits.signed()?).rem_euclid(256);
        }
        last = if next == 0 { last } else { next };
    }
    Some(())
}

fn skip_picture_order(bits: &mut Bits) -> Option<()> {
    match bits.unsigned()? {
        0 => {
            bits.unsigned()?;
        }
        1 => {
            bits.bit()?;
            bits.signed()?;
            bits.signed()?;
            let cycle = bits.unsigned()?;
            for _ in 0..if cycle > CYCLE_MAX { return None } else { cycle } {
                bits.signed()?;
            }
        }
        _ => {}
    }
    Some(())
}
