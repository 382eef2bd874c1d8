//! Opus packets out of an Ogg file (RFC 3533, RFC 7845). Pure; broken files are errors.

use bytes::{Bytes, BytesMut};

/// The first bytes of each page.
const CAPTURE: &[u8] = b"OggS";
const HEADER_BYTES: usize = 27;
/// A packet of Opus has at most 120 ms of sound, some 61,440 bytes at the very most.
const PACKET_BYTES_MAX: usize = 64 << 10;

/// Why a file is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum OggError {
    /// A page does not begin where it should.
    #[error("not an Ogg file, or broken at byte {0}")]
    Broken(usize),
    /// The file ends within a page.
    #[error("the Ogg file is cut short")]
    CutShort,
    /// The first packet is not Opus's header.
    #[error("the Ogg file has no Opus in it")]
    NotOpus,
    /// A packet is longer than Opus can make one.
    #[error("an Opus packet is too long")]
    TooLong,
    /// The sound is from more than one stream.
    #[error("the Ogg file has several streams")]
    SeveralStreams,
}

/// The sound packets of a file, headers left out.
///
/// # Errors
/// See [`OggError`]; never panics.
pub fn opus_packets(file: &Bytes) -> Result<Vec<Bytes>, OggError> {
    let mut packets = Vec::new();
    let mut part = BytesMut::new();
    let mut serial = None;
    let mut at = 0;
    while at < file.len() {
        let header = file.get(at..at + HEADER_BYTES).ok_or(OggError::CutShort)?;
        if !header.starts_with(CAPTURE) || header[4] != 0 {
            return Err(OggError::Broken(at));
        }
        if *serial.get_or_insert([header[14], header[15], header[16], header[17]]) != header[14..18] {
            return Err(OggError::SeveralStreams);
        }
        let body = at + HEADER_BYTES + usize::from(header[26]);
        let laces = file.get(at + HEADER_BYTES..body).ok_or(OggError::CutShort)?;
        let mut from = body;
        for &lace in laces {
            let to = from + usize::from(lace);
            part.extend_from_slice(file.get(from..to).ok_or(OggError::CutShort)?);
            from = to;
            if part.len() > PACKET_BYTES_MAX {
                return Err(OggError::TooLong);
            }
            // A lace of 255 bytes says that the packet goes on.
            if lace < 255 {
                packets.push(part.split().freeze());
            }
        }
        at = from;
    }
    if packets.first().is_none_or(|head| !head.starts_with(b"OpusHead")) {
        return Err(OggError::NotOpus);
    }
    // Behind the header stand the tags.
    Ok(packets.into_iter().skip(2).filter(|packet| !packet.is_empty()).collect())
}

/// How many samples at 48 kHz a packet of Opus has (RFC 6716, 3.1); 0 for what is not one.
pub fn opus_samples(packet: &[u8]) -> u32 {
    let Some(&toc) = packet.first() else { return 0 };
    let config = toc >> 3;
    let frame = match config {
        0..=11 => [480, 960, 1_920, 2_880][usize::from(config & 3)],
        12..=15 => [480, 960][usize::from(config & 1)],
        _ => [120, 240, 480, 960][usize::from(config & 3)],
    };
    let frames = match toc & 3 {
        0 => 1,
        1 | 2 => 2,
        _ => packet.get(1).map_or(0, |count| u32::from(count & 0x3f)),
    };
    // No packet is longer than 120 ms.
    if frame * frames <= 5_760 { frame * frames } else { 0 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn page(serial: u8, laces: &[u8], body: &[u8]) -> Vec<u8> {
        let mut page = [CAPTURE, &[0; 10], &[serial, 0, 0, 0], &[0; 8], &[laces.len() as u8], laces].concat();
        page.extend_from_slice(body);
        page
    }

    fn head() -> Vec<u8> {
        [page(1, &[8], b"OpusHead"), page(1, &[8], b"OpusTags")].concat()
    }

    #[test]
    fn packets_are_found_also_across_pages() {
        let long = [&[0xfc; 255][..], &[7; 255], &[9]].concat();
        let file =
            [head(), page(1, &[3, 255], &[&[1, 2, 3][..], &[0xfc; 255]].concat()), page(1, &[255, 1], &long[255..])];
        let packets = opus_packets(&file.concat().into()).unwrap();
        assert_eq!(packets, [Bytes::from_static(&[1, 2, 3]), Bytes::from(long)]);
    }

    #[test]
    fn a_broken_file_is_an_error() {
        let parse = |file: Vec<u8>| opus_packets(&file.into());
        assert_eq!(parse(vec![]), Err(OggError::NotOpus));
        assert_eq!(parse(b"RIFF".repeat(20)), Err(OggError::Broken(0)));
        assert_eq!(parse(page(1, &[4], b"Xiph")), Err(OggError::NotOpus));
        assert_eq!(parse([head(), page(1, &[9], b"short")].concat()), Err(OggError::CutShort));
        assert_eq!(parse([head(), page(2, &[1], b"x")].concat()), Err(OggError::SeveralStreams));
        let endless = page(1, &[255; 255], &[0; 255 * 255]);
        assert_eq!(parse([head(), endless.clone(), endless].concat()), Err(OggError::TooLong));
    }

    #[test]
    fn a_packet_says_how_long_it_is() {
        assert_eq!(opus_samples(&[0xf8, 0xff, 0xfe]), 960, "20 ms of silence");
        assert_eq!(opus_samples(&[0x19]), 5_760, "two frames of 60 ms");
        assert_eq!(opus_samples(&[0xe3, 3]), 360, "three frames of 2.5 ms");
        assert_eq!(opus_samples(&[]), 0);
        assert_eq!(opus_samples(&[0xff, 63]), 0, "longer than can be");
    }

    proptest! {
        #[test]
        fn foreign_bytes_never_panic(mut data in proptest::collection::vec(any::<u8>(), 0..600), begins in any::<bool>()) {
            if begins {
                data.splice(..0, head());
            }
            let _ = opus_samples(&data);
            let _ = opus_packets(&data.into());
        }
    }
}
