//! Pictures of one dark colour, coded here without an encoder: what is shown where nothing was received.
//!
//! A flat picture can be coded *in the format of a stream* ([`Flat::in_format_of`]), with that stream's own parameter
//! sets, so a decoder goes from the stream's pictures to these and back without noticing. This is possible for what
//! WebRTC sends (constrained baseline); for other formats there are sets of our own ([`Flat::new`]).
//!
//! Each macroblock of a keyframe is predicted from its neighbours' mean (8.3.3.3); only the first one has a residual,
//! a single level that makes it dark. Pictures between keyframes skip every macroblock. So 720p takes 3,600 bytes for a
//! keyframe and about ten for each repetition.

use bytes::{BufMut, Bytes, BytesMut};

use super::bits::Bits;
use super::{NalKind, ParameterSets};

/// Macroblocks of the largest picture of level 5.2 (table A-1); larger ones are not made.
const MACROBLOCKS_MAX: u32 = 36_864;
/// At this quantiser one level is worth 14 steps of brightness.
const QUANTISER: i64 = 51;

/// Makes flat pictures in one format.
#[derive(Debug, Clone)]
pub struct Flat {
    sets: ParameterSets,
    syntax: Syntax,
}

/// What of the parameter sets shapes a slice's header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Syntax {
    macroblocks: u32,
    frame_num_bits: u8,
    /// `None` when the order of showing is that of decoding (`pic_order_cnt_type` 2).
    order_bits: Option<u8>,
    has_reference: bool,
    pps_id: u32,
    order_in_fields: bool,
    init_quantiser: i64,
    deblocking_control: bool,
    redundant_pictures: bool,
}

impl Flat {
    /// Pictures that a decoder set up with these sets can show; `None` when the format has tools that this coder does
    /// not (arithmetic coding, fields, weighted prediction, other colour formats than 4:2:0).
    pub fn in_format_of(sets: &ParameterSets) -> Option<Flat> {
        let first = sets.pps.first()?;
        let syntax = Syntax::read(&sets.sps, first)?;
        Some(Flat { sets: sets.clone(), syntax })
    }

    /// Pictures of this size with sets of our own (constrained baseline); `None` when the size is zero or too large.
    /// Odd sizes become the next even one.
    pub fn new(width: u16, height: u16) -> Option<Flat> {
        let sets = own_sets(width.checked_add(width % 2)?, height.checked_add(height % 2)?)?;
        Flat::in_format_of(&sets)
    }

    /// What a decoder needs to know before the first of them.
    pub fn sets(&self) -> &ParameterSets {
        &self.sets
    }

    /// A keyframe in Annex B form, parameter sets first. Two in a row must have different `number`s.
    pub fn keyframe(&self, number: u32) -> Bytes {
        let mut out = BytesMut::new();
        put_nal(&mut out, &self.sets.sps);
        for set in &self.sets.pps {
            put_nal(&mut out, set);
        }
        let syntax = &self.syntax;
        let mut bits = Writer::default();
        syntax.header(&mut bits, 7, 0, Some(number % 2));
        for macroblock in 0..syntax.macroblocks {
            // Predicted from the mean, no residual of colour or detail; chroma from the mean too; same quantiser.
            bits.unsigned(3);
            bits.unsigned(0);
            bits.signed(0);
            if macroblock == 0 {
                // One level (0001 01) of -6: code 9 (9.2.2.1); no zeros before it.
                bits.bits(0b00_0101, 6);
                bits.bits(1, 10);
                bits.bits(1, 1);
            } else {
                bits.bits(1, 1);
            }
        }
        put_nal(&mut out, &bits.nal(0x65));
        out.freeze()
    }

    /// The same picture again, in Annex B form, the `nth` after the keyframe (from 1).
    pub fn repetition(&self, nth: u32) -> Bytes {
        if !self.syntax.has_reference {
            return self.keyframe(nth);
        }
        let mut out = BytesMut::new();
        let mut bits = Writer::default();
        self.syntax.header(&mut bits, 5, nth, None);
        bits.unsigned(self.syntax.macroblocks);
        put_nal(&mut out, &bits.nal(0x41));
        out.freeze()
    }
}

impl Syntax {
    fn read(sps: &[u8], pps: &[u8]) -> Option<Syntax> {
        let mut bits = Bits::new(payload(sps, NalKind::Sps)?);
        let profile = bits.bits(8)?;
        bits.bits(16)?; // constraints, level
        let sps_id = bits.unsigned()?;
        if !matches!(profile, 66 | 77 | 88) {
            return None;
        }
        let frame_num_bits = u8::try_from(bits.unsigned()?.checked_add(4)?).ok().filter(|bits| *bits <= 16)?;
        let order_bits = match bits.unsigned()? {
            0 => Some(u8::try_from(bits.unsigned()?.checked_add(4)?).ok().filter(|bits| *bits <= 16)?),
            2 => None,
            _ => return None,
        };
        let references = bits.unsigned()?;
        bits.bit()?; // gaps_in_frame_num_value_allowed_flag
        let width = bits.unsigned()?.checked_add(1)?;
        let height = bits.unsigned()?.checked_add(1)?;
        if !bits.bit()? {
            return None; // fields
        }
        let macroblocks = width.checked_mul(height).filter(|count| *count <= MACROBLOCKS_MAX)?;

        let mut bits = Bits::new(payload(pps, NalKind::Pps)?);
        let pps_id = bits.unsigned()?;
        if bits.unsigned()? != sps_id || bits.bit()? {
            return None; // another sequence, or arithmetic coding
        }
        let order_in_fields = bits.bit()?;
        if bits.unsigned()? != 0 {
            return None; // slice groups
        }
        bits.unsigned()?;
        bits.unsigned()?; // num_ref_idx_l1_default_active_minus1
        if bits.bit()? {
            return None; // weighted prediction
        }
        bits.bits(2)?; // weighted_bipred_idc
        let init_quantiser = bits.signed()?.checked_add(26).filter(|value| (0..=51).contains(value))?;
        bits.signed()?; // pic_init_qs_minus26
        bits.signed()?; // chroma_qp_index_offset
        let deblocking_control = bits.bit()?;
        bits.bit()?; // constrained_intra_pred_flag
        let redundant_pictures = bits.bit()?;
        Some(Syntax {
            macroblocks,
            frame_num_bits,
            order_bits,
            has_reference: references > 0,
            pps_id,
            order_in_fields,
            init_quantiser,
            deblocking_control,
            redundant_pictures,
        })
    }

    /// A slice's header (7.3.3): `idr` is the keyframe's number, or none for a picture that refers to the one before.
    fn header(&self, bits: &mut Writer, slice_type: u32, frame_num: u32, idr: Option<u32>) {
        bits.unsigned(0); // first_mb_in_slice
        bits.unsigned(slice_type);
        bits.unsigned(self.pps_id);
        bits.bits(frame_num & low_bits(self.frame_num_bits), self.frame_num_bits);
        if let Some(number) = idr {
            bits.unsigned(number);
        }
        if let Some(count) = self.order_bits {
            bits.bits(frame_num.wrapping_mul(2) & low_bits(count), count);
            if self.order_in_fields {
                bits.signed(0); // delta_pic_order_cnt_bottom
            }
        }
        if self.redundant_pictures {
            bits.unsigned(0);
        }
        match idr {
            // no_output_of_prior_pics_flag, long_term_reference_flag
            Some(_) => bits.bits(0b00, 2),
            None => {
                bits.bits(1, 1); // num_ref_idx_active_override_flag
                bits.unsigned(0); // to one reference
                bits.bits(0, 1); // ref_pic_list_modification_flag_l0
                bits.bits(0, 1); // adaptive_ref_pic_marking_mode_flag
            }
        }
        bits.signed(QUANTISER - self.init_quantiser);
        if self.deblocking_control {
            bits.unsigned(1); // off
        }
    }
}

fn payload(nal: &[u8], kind: NalKind) -> Option<&[u8]> {
    if NalKind::of(nal) == kind { nal.get(1..) } else { None }
}

fn low_bits(count: u8) -> u32 {
    (1u32 << count.min(31)) - 1
}

fn own_sets(width: u16, height: u16) -> Option<ParameterSets> {
    let (columns, rows) = (u32::from(width).div_ceil(16), u32::from(height).div_ceil(16));
    let macroblocks = columns * rows;
    if macroblocks == 0 || macroblocks > MACROBLOCKS_MAX {
        return None;
    }
    let level = match macroblocks {
        0..=1_620 => 30,
        1_621..=3_600 => 31,
        3_601..=8_192 => 40,
        8_193..=22_080 => 50,
        _ => 52,
    };
    let mut sps = Writer::default();
    sps.bits(66, 8);
    sps.bits(0xc0, 8);
    sps.bits(level, 8);
    sps.unsigned(0); // seq_parameter_set_id
    sps.unsigned(4); // log2_max_frame_num_minus4
    sps.unsigned(2); // pic_order_cnt_type
    sps.unsigned(1); // max_num_ref_frames
    sps.bits(0, 1);
    sps.unsigned(columns - 1);
    sps.unsigned(rows - 1);
    sps.bits(0b11, 2); // frame_mbs_only_flag, direct_8x8_inference_flag
    let crop = (columns * 16 - u32::from(width), rows * 16 - u32::from(height));
    sps.bits(u32::from(crop != (0, 0)), 1);
    if crop != (0, 0) {
        // In steps of two pixels: left, right, top, bottom.
        for side in [0, crop.0 / 2, 0, crop.1 / 2] {
            sps.unsigned(side);
        }
    }
    sps.bits(0, 1); // vui_parameters_present_flag
    let mut pps = Writer::default();
    pps.unsigned(0);
    pps.unsigned(0);
    pps.bits(0b00, 2); // entropy_coding_mode_flag, bottom_field_pic_order_in_frame_present_flag
    pps.unsigned(0); // num_slice_groups_minus1
    pps.unsigned(0);
    pps.unsigned(0);
    pps.bits(0b000, 3); // weighted prediction
    for _ in 0..3 {
        pps.signed(0); // quantisers
    }
    pps.bits(0b100, 3); // deblocking_filter_control_present_flag, constrained_intra_pred, redundant_pic_cnt_present
    Some(ParameterSets { sps: sps.nal(0x67), pps: vec![pps.nal(0x68)] })
}

fn put_nal(out: &mut BytesMut, nal: &[u8]) {
    out.put_u32(1);
    out.put_slice(nal);
}

/// The other direction of [`Bits`].
#[derive(Debug, Default)]
struct Writer {
    done: Vec<u8>,
    byte: u8,
    used: u8,
}

impl Writer {
    fn bits(&mut self, value: u32, count: u8) {
        for at in (0..count).rev() {
            self.byte = self.byte << 1 | (value >> at & 1) as u8;
            self.used += 1;
            if self.used == 8 {
                self.done.push(self.byte);
                (self.byte, self.used) = (0, 0);
            }
        }
    }

    fn unsigned(&mut self, value: u32) {
        let code = value.saturating_add(1);
        let length = (32 - code.leading_zeros()) as u8;
        self.bits(0, length - 1);
        self.bits(code, length);
    }

    fn signed(&mut self, value: i64) {
        let code = if value > 0 { value * 2 - 1 } else { -value * 2 };
        self.unsigned(code as u32);
    }

    /// A NAL unit: this first byte, then what was written, ended and kept free of start codes (7.4.1).
    fn nal(mut self, first: u8) -> Bytes {
        self.bits(1, 1);
        while self.used != 0 {
            self.bits(0, 1);
        }
        let mut out = BytesMut::with_capacity(self.done.len() + 8);
        out.put_u8(first);
        let mut zeros = 0;
        for byte in self.done {
            if zeros == 2 && byte <= 3 {
                out.put_u8(3);
                zeros = 0;
            }
            zeros = if byte == 0 { zeros + 1 } else { 0 };
            out.put_u8(byte);
        }
        out.freeze()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::h264::{is_keyframe, nals, to_length_prefixed};

    #[test]
    fn a_picture_of_our_own_has_the_size_asked_for() {
        for (width, height) in [(16, 16), (640, 360), (1280, 720), (1920, 1080), (322, 182), (3840, 2160)] {
            let flat = Flat::new(width, height).unwrap();
            let sps = flat.sets().parse().unwrap();
            assert_eq!((sps.width, sps.height), (width, height));
        }
        assert!(Flat::new(0, 16).is_none());
        assert!(Flat::new(16_000, 16_000).is_none());
    }

    #[test]
    fn a_keyframe_carries_its_sets_and_a_repetition_is_tiny() {
        let flat = Flat::new(1280, 720).unwrap();
        let key = flat.keyframe(0);
        assert!(is_keyframe(&key));
        assert_eq!(ParameterSets::of(&key).as_ref(), Some(flat.sets()));
        assert!(key.len() < 4_000, "{}", key.len());
        for nth in 1..300 {
            let again = flat.repetition(nth);
            assert!(!is_keyframe(&again));
            assert!(again.len() < 24);
            assert_eq!(nals(&again).count(), 1);
            assert!(!to_length_prefixed(&again).is_empty());
        }
        assert_ne!(flat.keyframe(0), flat.keyframe(1));
    }

    #[test]
    fn formats_with_tools_it_lacks_are_refused() {
        // Arithmetic coding: the bit behind two zeros of the picture parameter set.
        let own = Flat::new(640, 360).unwrap().sets().clone();
        let mut pps = Writer::default();
        pps.unsigned(0);
        pps.unsigned(0);
        pps.bits(1, 1);
        let cabac = ParameterSets { sps: own.sps.clone(), pps: vec![pps.nal(0x68)] };
        assert!(Flat::in_format_of(&cabac).is_none());
        let broken = ParameterSets { sps: Bytes::from_static(&[0x67]), pps: own.pps.clone() };
        assert!(Flat::in_format_of(&broken).is_none());
    }

    proptest::proptest! {
        #[test]
        fn foreign_sets_never_panic(sps in proptest::collection::vec(0u8.., 0..40), pps in proptest::collection::vec(0u8.., 0..20)) {
            let sets = ParameterSets { sps: [&[0x67, 66, 0, 30], sps.as_slice()].concat().into(), pps: vec![[&[0x68], pps.as_slice()].concat().into()] };
            if let Some(flat) = Flat::in_format_of(&sets) {
                flat.keyframe(1);
                flat.repetition(7);
            }
        }
    }
}
