//! Reads bits and Exp-Golomb numbers (ITU-T H.264, 9.1) from a NAL unit.

/// The bits of a unit's payload. Bytes that keep start codes out of it (`03` behind two zero bytes) are skipped.
pub struct Bits<'a> {
    data: &'a [u8],
    at: usize,
    /// Zero bytes just read.
    zeros: u8,
    byte: u8,
    left: u8,
}

impl<'a> Bits<'a> {
    pub fn new(payload: &'a [u8]) -> Bits<'a> {
        Bits { data: payload, at: 0, zeros: 0, byte: 0, left: 0 }
    }

    fn load(&mut self) -> Option<()> {
        let mut byte = *self.data.get(self.at)?;
        self.at += 1;
        if self.zeros >= 2 && byte == 3 {
            byte = *self.data.get(self.at)?;
            self.at += 1;
            self.zeros = 0;
        }
        self.zeros = if byte == 0 { self.zeros.saturating_add(1) } else { 0 };
        (self.byte, self.left) = (byte, 8);
        Some(())
    }

    pub fn bit(&mut self) -> Option<bool> {
        if self.left == 0 {
            self.load()?;
        }
        self.left -= 1;
        Some(self.byte >> self.left & 1 == 1)
    }

    /// At most 32 bits, the highest first.
    pub fn bits(&mut self, count: u8) -> Option<u32> {
        let mut value = 0u32;
        for _ in 0..count.min(32) {
            value = value << 1 | u32::from(self.bit()?);
        }
        Some(value)
    }

    /// `ue(v)`: a number of up to 32 bits.
    pub fn unsigned(&mut self) -> Option<u32> {
        let mut zeros = 0u8;
        while !self.bit()? {
            zeros += 1;
            if zeros > 31 {
                return None;
            }
        }
        let rest = self.bits(zeros)?;
        (1u32 << zeros).checked_add(rest)?.checked_sub(1)
    }

    /// `se(v)`.
    pub fn signed(&mut self) -> Option<i64> {
        let code = i64::from(self.unsigned()?);
        Some(if code % 2 == 1 { (code + 1) / 2 } else { -(code / 2) })
    }
}
