//! Tokenising, on all cores of all ranks: each rank reads all texts and tokenises its part of them.

use lockstep_world::{Seat, WorldSize};
use rayon::prelude::*;
use twox_hash::XxHash3_128;

use super::fault::StoreFault;
use super::header::{Widths, get, put};
use super::tokenising::Tokenising;
use super::writer::{Finished, Part, StoreWriter};
use crate::changed::ChangedFile;
use crate::error::DataError;
use crate::pair::texts_of;
use crate::tokenizer::{Encoded, TokenizerError};

/// Texts that a rank tokenises at once.
const TEXTS: usize = 4096;
/// Bytes of texts after which a rank takes no more of them at once.
const BYTES: usize = 4 << 20;
/// Set in the length of a text that was cut.
const CUT: u32 = 1 << 31;

/// The ranks that tokenise together.
pub trait Exchange {
    /// What can go wrong between them.
    type Error: From<DataError>;

    /// This rank among them.
    fn seat(&self) -> Seat;

    /// The bytes of each rank, in the order of the ranks.
    ///
    /// # Errors
    /// When a rank is lost.
    fn exchange(&mut self, mine: Vec<u8>) -> Result<Vec<Vec<u8>>, Self::Error>;

    /// Notes how many texts of all ranks are done.
    fn done(&self, texts: u64);
}

/// One rank by itself.
pub(crate) struct Alone<'a>(pub(crate) &'a dyn Fn(u64));

impl Exchange for Alone<'_> {
    type Error = DataError;

    fn seat(&self) -> Seat {
        Seat::SOLO
    }

    fn exchange(&mut self, mine: Vec<u8>) -> Result<Vec<Vec<u8>>, DataError> {
        Ok(vec![mine])
    }

    fn done(&self, texts: u64) {
        self.0(texts);
    }
}

/// What came of a corpus.
pub(crate) enum Built {
    /// Its store.
    Store(Finished),
    /// Nothing, since this rank only helped others.
    Nothing,
    /// Nothing, since the ranks read different texts.
    Unequal,
}

/// The store of `rows` of text and class, whose parts the ranks tokenise in turn. All ranks read all
/// rows; one without a `writer` helps the others.
pub(crate) fn build<T: AsRef<str> + Sync, X: Exchange>(
    mut rows: impl Iterator<Item = Result<(T, u32), DataError>>,
    how: Tokenising<'_>,
    mut writer: Option<StoreWriter>,
    ranks: &mut X,
) -> Result<Built, X::Error> {
    let mut done = 0;
    loop {
        let round = Round::read(&mut rows, ranks.seat())?;
        let mut message = round.print.to_vec();
        encode(&round.own, how, &mut message)?;
        let messages = ranks.exchange(message)?;
        let parts: Option<Vec<&[u8]>> =
            messages.iter().map(|message| message.strip_prefix(&round.print)).collect();
        let Some(parts) = parts else { return Ok(Built::Unequal) };
        if round.labels.iter().all(Vec::is_empty) {
            let finished = writer.map(StoreWriter::finish).transpose().map_err(unwritten)?;
            return Ok(finished.map_or(Built::Nothing, Built::Store));
        }
        done += round.labels.iter().map(Vec::len).sum::<usize>() as u64;
        ranks.done(done);
        let Some(writer) = &mut writer else { continue };
        for (part, labels) in parts.iter().zip(&round.labels) {
            add(writer, part, labels, how.widths())?;
        }
    }
}

/// What the ranks tokenise at once: a chunk each.
struct Round<T> {
    /// The texts of this rank.
    own: Vec<T>,
    /// The labels of each rank's texts.
    labels: Vec<Vec<u32>>,
    /// A hash of all of it, by which ranks see that they read the same.
    print: [u8; 16],
}

impl<T: AsRef<str>> Round<T> {
    fn read(
        rows: &mut impl Iterator<Item = Result<(T, u32), DataError>>,
        seat: Seat,
    ) -> Result<Self, DataError> {
        let mut round = Self { own: Vec::new(), labels: Vec::new(), print: [0; 16] };
        let mut print = XxHash3_128::default();
        for rank in 0..seat.world().get() {
            let (mut texts, mut labels, mut bytes) = (Vec::new(), Vec::new(), 0);
            while labels.len() < TEXTS && bytes < BYTES {
                let Some(row) = rows.next() else { break };
                let (text, label) = row?;
                bytes += text.as_ref().len();
                if seat.world() != WorldSize::ONE {
                    print.write(text.as_ref().as_bytes());
                    print.write(&label.to_le_bytes());
                }
                labels.push(label);
                if rank == seat.rank().0 {
                    texts.push(text);
                }
            }
            round.labels.push(labels);
            round.own.append(&mut texts);
        }
        round.print = print.finish_128().to_le_bytes();
        Ok(round)
    }
}

/// What cannot happen to a store that falls back to memory, unless its file fails to be read.
fn unwritten(fault: StoreFault) -> DataError {
    ChangedFile::Tokens { path: "(tokens)".into(), reason: fault.to_string(), is_removed: false }
        .into()
}

/// Writes the lengths of texts, four bytes each, then their tokens as the store has them.
fn encode<T: AsRef<str> + Sync>(
    texts: &[T],
    how: Tokenising<'_>,
    bytes: &mut Vec<u8>,
) -> Result<(), DataError> {
    let encoded: Vec<Encoded> =
        texts.par_iter().map(|text| encode_text(text.as_ref(), how)).collect::<Result<_, _>>()?;
    let (width, beyond) = (how.widths().id(), how.tokenizer.vocab_size());
    let beyond = u32::try_from(beyond).unwrap_or(u32::MAX);
    for Encoded { ids, truncated, .. } in &encoded {
        // A text has at most `MaxLength` tokens, which is far below this bound.
        let length = u32::try_from(ids.len()).unwrap_or(CUT - 1);
        put(bytes, if *truncated { length | CUT } else { length }, 4);
    }
    for Encoded { ids, second, .. } in &encoded {
        let (first, second) = ids.split_at(second.unwrap_or(ids.len()).min(ids.len()));
        first.iter().for_each(|id| put(bytes, *id, width));
        second.iter().for_each(|id| put(bytes, id.saturating_add(beyond), width));
    }
    Ok(())
}

/// The tokens of a text; of a pair where the texts are pairs.
fn encode_text(text: &str, how: Tokenising<'_>) -> Result<Encoded, TokenizerError> {
    match texts_of(text) {
        (first, Some(second)) if how.are_pairs => {
            how.tokenizer.encode_pair([first, second], how.max)
        }
        _ => how.tokenizer.encode(text, how.max),
    }
}

/// Adds what a rank has encoded of texts with these labels.
fn add(
    writer: &mut StoreWriter,
    bytes: &[u8],
    labels: &[u32],
    widths: Widths,
) -> Result<(), DataError> {
    let wrong = || -> DataError {
        ChangedFile::Tokens {
            path: "(tokens)".into(),
            reason: "another rank has sent other texts".to_owned(),
            is_removed: false,
        }
        .into()
    };
    let (lengths, ids) = bytes.split_at_checked(labels.len() * 4).ok_or_else(wrong)?;
    let told: Vec<u32> = lengths.chunks_exact(4).map(get).collect();
    let lengths: Vec<u32> = told.iter().map(|length| length & !CUT).collect();
    let tokens: u64 = lengths.iter().map(|length| u64::from(*length)).sum();
    let is_right = |length: &u32| *length > 0 && u64::from(*length) <= widths.longest;
    if !lengths.iter().all(is_right) || tokens * widths.id() as u64 != ids.len() as u64 {
        return Err(wrong());
    }
    let truncated = told.iter().filter(|length| **length & CUT != 0).count() as u64;
    let part = Part { lengths: &lengths, truncated, labels, ids };
    writer.add(&part).map_err(unwritten)
}
