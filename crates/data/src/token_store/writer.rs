//! A token store that grows text by text, in bounded memory.

use std::io;

use lockstep_world::Fingerprint;

use super::fault::StoreFault;
use super::header::{BLOCK, Header, get, put};
use super::sink::{Places, Sink};
use super::tokenising::Tokenising;
use super::{TokenStore, starts};

/// What is known of a store before it is whole.
#[derive(Debug)]
pub(crate) struct StoreWriter {
    sink: Sink,
    header: Header,
    lengths: Vec<u32>,
    /// As the file has them.
    labels: Vec<u8>,
}

/// A store that is whole.
pub(crate) struct Finished {
    pub(crate) store: TokenStore,
    /// Why it is not in the cache, where it was meant to be.
    pub(crate) failure: Option<io::Error>,
}

/// The texts of one part of a corpus as tokens.
pub(super) struct Part<'a> {
    /// The number of tokens of each text.
    pub(super) lengths: &'a [u32],
    /// Which of them were cut.
    pub(super) truncated: u64,
    /// The class of each text.
    pub(super) labels: &'a [u32],
    /// The tokens of all of them, as the store has them.
    pub(super) ids: &'a [u8],
}

impl StoreWriter {
    /// A store without a text, for the texts that hash to `key`.
    pub(crate) fn new(how: Tokenising<'_>, places: Places, key: u128) -> Self {
        let header = Header { key, widths: how.widths(), ..Header::default() };
        Self { sink: Sink::new(places), header, lengths: Vec::new(), labels: Vec::new() }
    }

    /// Reserves the memory for `texts` texts.
    pub(crate) fn expect(&mut self, texts: usize) {
        self.lengths.reserve_exact(texts);
        self.labels.reserve_exact(texts.saturating_mul(self.header.widths.label()));
    }

    /// Adds texts.
    pub(super) fn add(&mut self, part: &Part<'_>) -> Result<(), StoreFault> {
        self.sink.push(part.ids)?;
        self.lengths.extend_from_slice(part.lengths);
        let width = self.header.widths.label();
        part.labels.iter().for_each(|label| put(&mut self.labels, *label, width));
        self.header.texts += part.lengths.len() as u64;
        self.header.tokens += part.lengths.iter().map(|length| u64::from(*length)).sum::<u64>();
        self.header.truncated += part.truncated;
        Ok(())
    }

    /// The store, in the cache if it can be.
    pub(crate) fn finish(self) -> Result<Finished, StoreFault> {
        let Self { mut sink, header, lengths, labels } = self;
        let width = header.widths.length();
        let mut bytes = Vec::new();
        for part in lengths.chunks(BLOCK) {
            bytes.clear();
            part.iter().for_each(|length| put(&mut bytes, *length, width));
            sink.push(&bytes)?;
        }
        sink.push(&labels)?;
        let (header, written) = sink.finish(|read| {
            let mut print = lengths
                .iter()
                .fold(Fingerprint::new(), |print, length| print.then(u64::from(*length)));
            let (end, width) = (header.lengths_at().unwrap_or_default(), header.widths.id());
            let mut at = 0;
            let mut bytes = vec![0; BLOCK];
            while at < end {
                let now = usize::try_from(end - at).unwrap_or(BLOCK).min(BLOCK);
                let part = &mut bytes[..now];
                read(at, part)?;
                at += now as u64;
                print = then(print, part, width);
            }
            let fingerprint = then(print, &labels, header.widths.label()).value();
            Ok(Header { fingerprint, ..header })
        })?;
        let starts = starts(&lengths);
        let store =
            TokenStore { image: written.image.into(), header, lengths: lengths.into(), starts };
        Ok(Finished { store, failure: written.failure })
    }
}

fn then(print: Fingerprint, numbers: &[u8], width: usize) -> Fingerprint {
    numbers.chunks_exact(width).fold(print, |print, number| print.then(u64::from(get(number))))
}
