//! How many viewers a stream may expect, before they are there.

use super::Audience;

/// Peaks remembered of an experience's last streams.
pub const PEAKS_MAX: usize = 5;
/// Of the people who said that they would come, so many do, %.
const RSVP_PERCENT: u64 = 60;
/// Of the people who hold a pass, so many watch a given stream, %.
const HOLDER_PERCENT: u64 = 10;
/// Who waits in the lobby watches, and half as many come after the start, %.
const WAITING_PERCENT: u64 = 150;

/// The mean of the last peaks, newest first; the newest counts [`PEAKS_MAX`] times, each older one once less. Rounded up.
/// Without any peak: 0.
pub fn weighted_peak(peaks: &[u32]) -> u32 {
    let weights = (1..=PEAKS_MAX as u64).rev();
    let (sum, weight) = peaks
        .iter()
        .zip(weights)
        .fold((0_u64, 0_u64), |(sum, all), (peak, weight)| (sum + u64::from(*peak) * weight, all + weight));
    if weight == 0 { 0 } else { u32::try_from(sum.div_ceil(weight)).unwrap_or(u32::MAX) }
}

/// The weighted peak, raised by who said they come, who may come, and who waits already.
pub fn expected(weighted_peak: u32, audience: &Audience) -> u32 {
    let of = |count: u32, percent: u64| u32::try_from((u64::from(count) * percent).div_ceil(100)).unwrap_or(u32::MAX);
    weighted_peak
        .max(of(audience.rsvps, RSVP_PERCENT))
        .max(of(audience.holders, HOLDER_PERCENT))
        .max(of(audience.waiting, WAITING_PERCENT))
}
