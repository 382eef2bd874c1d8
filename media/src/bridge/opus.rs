//! Opus packets as far as they must be understood here: how long one lasts (RFC 6716, 3.1) and one that is silent.

/// Samples a second of every Opus clock.
pub const SAMPLES_PER_SECOND: u32 = 48_000;
/// No packet is longer (RFC 6716, 3.2.5): 120 ms, in samples.
pub const PACKET_SAMPLES_MAX: u32 = 5_760;
/// What [`SILENCE`] lasts, samples.
pub const SILENCE_SAMPLES: u32 = 960;
/// 20 ms of silence, full band, one channel: WebRTC senders and servers use these same bytes.
pub const SILENCE: &[u8] = &[0xf8, 0xff, 0xfe];

/// How long a packet lasts, samples at 48 kHz; `None` when it is no Opus packet.
pub fn samples(packet: &[u8]) -> Option<u32> {
    let toc = *packet.first()?;
    let frame = match toc >> 3 {
        config @ 0..=11 => [480, 960, 1_920, 2_880][usize::from(config % 4)],
        config @ 12..=15 => [480, 960][usize::from(config % 2)],
        config => [120, 240, 480, 960][usize::from(config % 4)],
    };
    let count = match toc & 3 {
        0 => 1,
        1 | 2 => 2,
        _ => u32::from(packet.get(1)? & 0x3f),
    };
    (1..=PACKET_SAMPLES_MAX).contains(&(frame * count)).then_some(frame * count)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_packet_tells_how_long_it_lasts() {
        assert_eq!(samples(SILENCE), Some(SILENCE_SAMPLES));
        assert_eq!(samples(&[0x78]), Some(960)); // hybrid, full band, 20 ms, one frame
        assert_eq!(samples(&[0x79]), Some(1_920));
        assert_eq!(samples(&[0x18]), Some(2_880)); // 60 ms of speech
        assert_eq!(samples(&[0xfb, 6]), Some(5_760));
        assert_eq!(samples(&[0xfb, 7]), None);
        assert_eq!(samples(&[0xfb]), None);
        assert_eq!(samples(&[]), None);
    }
}
