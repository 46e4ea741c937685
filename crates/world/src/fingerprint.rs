//! One number for a sequence of numbers: the same in every build and on every machine.

/// The hash FNV-1a (Fowler, Noll and Vo, RFC 9923), which takes whole words as well as bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fingerprint(u64);

impl Fingerprint {
    const BASIS: u64 = 0xcbf2_9ce4_8422_2325;
    const PRIME: u64 = 0x0000_0100_0000_01b3;

    /// Of nothing yet.
    #[must_use]
    pub fn new() -> Self {
        Self(Self::BASIS)
    }

    /// Of bytes.
    #[must_use]
    pub fn of_bytes(bytes: &[u8]) -> u64 {
        bytes.iter().fold(Self::new(), |before, byte| before.then(u64::from(*byte))).value()
    }

    /// With one more byte or word behind it.
    #[must_use]
    pub fn then(self, word: u64) -> Self {
        Self((self.0 ^ word).wrapping_mul(Self::PRIME))
    }

    /// With the high half added to the low half, for words whose high bits must not be lost: the
    /// multiplication of [`Self::then`] never moves a bit down.
    #[must_use]
    pub fn folded(self) -> Self {
        Self(self.0 ^ self.0 >> 32)
    }

    /// The number.
    #[must_use]
    pub fn value(self) -> u64 {
        self.0
    }
}

impl Default for Fingerprint {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The test vectors of RFC 9923 for 64 bits.
    #[test]
    fn bytes_hash_as_in_the_rfc() {
        assert_eq!(Fingerprint::of_bytes(b""), 0xcbf2_9ce4_8422_2325);
        assert_eq!(Fingerprint::of_bytes(b"a"), 0xaf63_dc4c_8601_ec8c);
        assert_eq!(Fingerprint::of_bytes(b"foobar"), 0x8594_4171_f739_67e8);
    }

    #[test]
    fn folding_lets_high_bits_reach_low_ones() {
        let folded = |word: u64| Fingerprint::new().then(word).folded().value();
        let low = |hash: u64| hash & 0xffff_ffff;
        assert_ne!(low(folded(0)), low(folded(1 << 40)));
    }
}
