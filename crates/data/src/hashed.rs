//! Hashes of values by what serde writes of them, so that they do not follow the words of a compiler.

use std::io;

use serde::Serialize;
use twox_hash::XxHash3_128;

/// What is written becomes a hash.
#[derive(Default)]
struct Hashed(XxHash3_128);

impl io::Write for Hashed {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A hash of the fields and names of `value`; nothing where it has no form in JSON.
pub(crate) fn hash_of(value: &impl Serialize) -> Option<u128> {
    let mut hashed = Hashed::default();
    serde_json::to_writer(&mut hashed, value).ok()?;
    Some(hashed.0.finish_128())
}
