//! Time that goes on counting where 32 bits begin again.

/// A step back of less than this at the very start is a sender that began a little below zero, milliseconds.
const BELOW_ZERO_MS_MAX: i64 = 10_000;

/// Makes 64 bits of time stamps of 32 bits, which begin again every 49.7 days. Each stamp is taken as the one nearest
/// to its predecessor, so steps back (B-frames, audio behind video) stay steps back.
#[derive(Debug, Clone, Default)]
pub struct Timeline {
    /// Milliseconds.
    last: Option<u64>,
}

impl Timeline {
    /// The time of the next stamp, milliseconds. The first one is taken as it is.
    pub fn unwrap(&mut self, stamp: u32) -> u64 {
        let Some(last) = self.last else {
            self.last = Some(u64::from(stamp));
            return u64::from(stamp);
        };
        let step = i64::from(stamp.wrapping_sub(last as u32) as i32);
        if let Some(time) = last.checked_add_signed(step) {
            self.last = Some(time);
            return time;
        }
        // Before zero: a little, then it is zero; else it was a long way forward.
        let before_zero = -(i64::try_from(last).unwrap_or(i64::MAX).saturating_add(step));
        if before_zero <= BELOW_ZERO_MS_MAX {
            return 0;
        }
        self.last = Some(u64::from(stamp));
        u64::from(stamp)
    }

    /// What `stamp` means without moving on: for tags whose time matters little, such as metadata.
    pub fn peek(&self, stamp: u32) -> u64 {
        self.clone().unwrap(stamp)
    }
}
