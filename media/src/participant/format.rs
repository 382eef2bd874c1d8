//! Watches the parameter sets of one video track and lets through what can be decoded. Pure.

use crate::h264::{NalKind, ParameterSets, access_units, is_keyframe, nals};
use bytes::{BufMut, Bytes, BytesMut};

/// LiveKit ends a track with a few black keyframes of 2 x 2 pixels. Smaller pictures than this are taken for those.
const SIDE_MIN: u16 = 16;

/// What a decoder needs to know of a video.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Format {
    /// As they stand in the stream.
    pub sets: ParameterSets,
    /// Pixels.
    pub width: u16,
    /// Pixels.
    pub height: u16,
}

/// What to do with an access unit.
#[derive(Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Nothing can be decoded before the next keyframe.
    Undecodable,
    /// One of the black frames at the end of a track.
    Blank,
    /// A picture; if a keyframe, with parameter sets before it.
    Picture {
        /// The access unit.
        data: Bytes,
        /// Whether decoding can begin with it.
        keyframe: bool,
    },
}

/// For one track.
#[derive(Debug, Default)]
pub struct FormatWatch {
    format: Option<Format>,
    /// Everything since the last keyframe has come.
    decodable: bool,
}

impl FormatWatch {
    /// Of the last keyframe let through.
    pub fn format(&self) -> Option<&Format> {
        self.format.as_ref()
    }

    /// Something is missing before what comes next.
    pub fn gap(&mut self) {
        self.decodable = false;
    }

    /// Judges the next access unit (Annex B form).
    pub fn judge(&mut self, mut data: Bytes) -> Verdict {
        // When packets are lost at the end of a track, a black frame can run into the picture before it.
        let end = access_units(&data).next().map_or(data.len(), |first| first.end);
        data.truncate(end);
        if !is_keyframe(&data) {
            // What has no picture in it belongs to nothing.
            let has_picture = nals(&data).any(|nal| NalKind::of(nal).is_picture());
            return if self.decodable && has_picture {
                Verdict::Picture { data, keyframe: false }
            } else {
                Verdict::Undecodable
            };
        }
        let Some(sets) = ParameterSets::of(&data) else {
            // Sets may come once and be meant for all that follows: what leaves here always has them.
            return match &self.format {
                Some(format) => {
                    self.decodable = true;
                    Verdict::Picture { data: with_sets(&format.sets, &data), keyframe: true }
                }
                None => Verdict::Undecodable,
            };
        };
        if self.format.as_ref().is_none_or(|format| format.sets != sets) {
            let Ok(sps) = sets.parse() else {
                self.decodable = false;
                return Verdict::Undecodable;
            };
            if sps.width < SIDE_MIN || sps.height < SIDE_MIN {
                self.decodable = false;
                return Verdict::Blank;
            }
            self.format = Some(Format { sets, width: sps.width, height: sps.height });
        }
        self.decodable = true;
        Verdict::Picture { data, keyframe: true }
    }
}

fn with_sets(sets: &ParameterSets, data: &[u8]) -> Bytes {
    let mut out = BytesMut::with_capacity(data.len() + sets.sps.len() + 64);
    for set in std::iter::once(&sets.sps).chain(&sets.pps) {
        out.put_slice(&[0, 0, 0, 1]);
        out.put_slice(set);
    }
    out.put_slice(data);
    out.freeze()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 640 x 360 by x264.
    const SPS: [u8; 25] = [
        0x67, 0x42, 0xc0, 0x16, 0xd9, 0x00, 0xa0, 0x2f, 0xf9, 0x70, 0x11, 0, 0, 3, 0, 1, 0, 0, 3, 0, 0x1e, 0x0f, 0x16,
        0x2e, 0x48,
    ];
    /// 16 x 16 pixels, cropped to 2 x 2.
    const SPS_2X2: [u8; 9] = [0x67, 0x42, 0xc0, 0x1f, 0x0f, 0xd9, 0x1f, 0x88, 0x88];
    const PPS: [u8; 5] = [0x68, 0xcb, 0x83, 0xcb, 0x20];
    const IDR: [u8; 3] = [0x65, 0x88, 1];
    const IDR_LONG: [u8; 4] = [0x65, 0x88, 0x84, 1];
    const SLICE: [u8; 3] = [0x41, 0x9a, 1];

    fn unit(nals: &[&[u8]]) -> Bytes {
        nals.iter().flat_map(|nal| [&[0, 0, 0, 1], *nal].concat()).collect()
    }

    fn picture(data: Bytes, keyframe: bool) -> Verdict {
        Verdict::Picture { data, keyframe }
    }

    #[test]
    fn nothing_is_let_through_before_a_keyframe_nor_after_a_gap() {
        let (key, slice) = (unit(&[&SPS, &PPS, &IDR]), unit(&[&SLICE]));
        let mut watch = FormatWatch::default();
        assert_eq!(watch.judge(slice.clone()), Verdict::Undecodable);
        assert_eq!(watch.judge(unit(&[&IDR])), Verdict::Undecodable, "a keyframe without sets");
        assert_eq!(watch.judge(key.clone()), picture(key.clone(), true));
        let format = watch.format().unwrap();
        assert_eq!((format.width, format.height), (640, 360));
        assert_eq!(watch.judge(slice.clone()), picture(slice.clone(), false));
        watch.gap();
        assert_eq!(watch.judge(slice), Verdict::Undecodable);
        assert_eq!(watch.judge(key.clone()), picture(key, true));
    }

    #[test]
    fn a_keyframe_without_sets_gets_those_before() {
        let key = unit(&[&SPS, &PPS, &IDR]);
        let mut watch = FormatWatch::default();
        watch.judge(key.clone());
        assert_eq!(watch.judge(unit(&[&IDR])), picture(key, true));
    }

    /// The black frame that LiveKit ends a track with: `H264KeyFrame2x2` of pkg/sfu/downtrack.go.
    const BLACK: [&[u8]; 3] = [
        &[
            0x67, 0x42, 0xc0, 0x1f, 0x0f, 0xd9, 0x1f, 0x88, 0x88, 0x84, 0, 0, 3, 0, 4, 0, 0, 3, 0, 0xc8, 0x3c, 0x60,
            0xc9, 0x20,
        ],
        &[0x68, 0x87, 0xcb, 0x83, 0xcb, 0x20],
        &[0x65, 0x88, 0x84, 0x0a, 0xf2, 0x62, 0x80, 0, 0xa7, 0xbe],
    ];

    #[test]
    fn a_black_frame_that_ran_into_a_torn_keyframe_is_not_taken_for_it() {
        let [sps, pps, idr] = BLACK;
        let mut watch = FormatWatch::default();
        watch.judge(unit(&[&SPS, &PPS, &IDR_LONG]));
        assert_eq!(watch.judge(unit(&[&SPS, &PPS, sps, pps, idr])), Verdict::Blank);
        assert_eq!(watch.judge(unit(&[&SLICE])), Verdict::Undecodable);
        let key = unit(&[&SPS, &PPS, &IDR_LONG]);
        let both = unit(&[&SPS, &PPS, &IDR_LONG, sps, pps, idr]);
        assert_eq!(watch.judge(both), picture(key, true), "behind a picture, it is left out");
        let both = unit(&[&SLICE, sps, pps, idr]);
        assert_eq!(watch.judge(both), picture(unit(&[&SLICE]), false));
    }

    #[test]
    fn black_frames_are_told_apart_by_their_size() {
        let mut watch = FormatWatch::default();
        watch.judge(unit(&[&SPS, &PPS, &IDR]));
        assert_eq!(watch.judge(unit(&[&SPS_2X2, &PPS, &IDR])), Verdict::Blank);
        assert_eq!(watch.judge(unit(&[&SLICE])), Verdict::Undecodable, "what follows refers to the black one");
        assert_eq!(watch.format().map(|format| format.width), Some(640));
    }
}
