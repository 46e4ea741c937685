//! The hash by which the bytes of a file are recognised, taken while they are written or read.

use std::fmt;
use std::io::{Read, Result, Write};

use twox_hash::xxhash3_128::Hasher;

/// XXH3 of 128 bits: it finds damage, and does not protect from forgery. It is shown as 32
/// hexadecimal digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Digest(u128);

impl Digest {
    /// The hash of these bytes.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        Self(Hasher::oneshot(bytes))
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

/// A reader or writer whose bytes are hashed on their way.
pub struct Hashed<T> {
    inner: T,
    hasher: Hasher,
}

impl<T> Hashed<T> {
    /// Nothing has passed yet.
    pub fn new(inner: T) -> Self {
        Self { inner, hasher: Hasher::new() }
    }

    /// What was read from or written to, and the hash of all bytes that passed.
    pub fn finish(self) -> (T, Digest) {
        (self.inner, Digest(self.hasher.finish_128()))
    }
}

impl<T: Write> Write for Hashed<T> {
    fn write(&mut self, bytes: &[u8]) -> Result<usize> {
        let written = self.inner.write(bytes)?;
        self.hasher.write(&bytes[..written]);
        Ok(written)
    }

    fn flush(&mut self) -> Result<()> {
        self.inner.flush()
    }
}

impl<T: Read> Read for Hashed<T> {
    fn read(&mut self, bytes: &mut [u8]) -> Result<usize> {
        let read = self.inner.read(bytes)?;
        self.hasher.write(&bytes[..read]);
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_in_parts_has_the_hash_of_the_whole() {
        let bytes: Vec<u8> = (0..=u8::MAX).cycle().take(5000).collect();
        let mut writer = Hashed::new(Vec::new());
        bytes.chunks(77).for_each(|part| writer.write_all(part).unwrap());
        let (written, digest) = writer.finish();
        assert_eq!((written, digest), (bytes.clone(), Digest::of(&bytes)));
        let mut reader = Hashed::new(&bytes[..]);
        std::io::copy(&mut reader, &mut std::io::sink()).unwrap();
        assert_eq!(reader.finish().1, Digest::of(&bytes));
        // The known answer of the reference for no byte at all.
        assert_eq!(Digest::of(b"").to_string(), "99aa06d3014798d86001c324468d497f");
    }
}
