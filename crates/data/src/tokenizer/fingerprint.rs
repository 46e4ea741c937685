//! Whether two tokenizers make the same tokens.

use std::io;

use twox_hash::XxHash3_128;

use super::Tokenizer;
use super::pipeline::Pipeline;

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

impl Tokenizer {
    /// A hash of all that decides which tokens a text becomes.
    #[must_use]
    pub(crate) fn fingerprint(&self) -> Option<u128> {
        let Self { pipeline, special: _, cls, sep, vocab_size, side, has_usual_pairs: _ } = self;
        let mut hashed = Hashed::default();
        match pipeline {
            Pipeline::Words(words) => serde_json::to_writer(&mut hashed, words),
            Pipeline::Bytes(bytes, _) => serde_json::to_writer(&mut hashed, bytes),
        }
        .ok()?;
        let rest = (pipeline.splits_special(), cls, sep, vocab_size, side);
        hashed.0.write(format!("{rest:?}").as_bytes());
        Some(hashed.0.finish_128())
    }
}
