//! What a pass is given: one piece of memory that the host fills and one copy brings to the device.

use bytemuck::{bytes_of, cast_slice};

use crate::arena::Arena;
use crate::{Bucket, MachineError, PassNumbers, Span};

/// The rows of one rank's batch, packed: the tokens of all examples in one stream.
#[derive(Clone, Copy, Debug)]
pub struct PassInput<'a> {
    /// Token ids, (N).
    pub ids: &'a [u32],
    /// Each token's place in its example, (N).
    pub positions: &'a [u32],
    /// Where each example begins, and N at the end, (B + 1).
    pub offsets: &'a [usize],
    /// Each example's place in the corpus, (B).
    pub examples: &'a [u64],
    /// Each example's class, (B).
    pub labels: &'a [u32],
    /// The ids that some rank reads in this update, rising, (U); every one of `ids` is among them.
    /// None in an evaluation.
    pub words: &'a [u32],
    /// The numbers of the update; rows, segments and words are counted from the rest.
    pub step: PassNumbers,
}

/// Where the parts of an input lie.
#[derive(Clone, Copy, Debug)]
pub struct InputSpans {
    /// A [`PassNumbers`].
    pub step: Span,
    /// (rows), int
    pub ids: Span,
    /// (rows), int
    pub positions: Span,
    /// The example of each token, (rows), int
    pub segments: Span,
    /// (batch + 1), int; N behind the last example
    pub offsets: Span,
    /// (batch), 64 bits
    pub examples: Span,
    /// (batch), int
    pub labels: Span,
    /// Distinct ids, (words), int
    pub words: Span,
    /// Where the places of each distinct id begin, (words + 1), int
    pub starts: Span,
    /// The rows of each distinct id, one id after the other, (rows), int
    pub places: Span,
    /// All of it.
    pub whole: Span,
}

impl PassInput<'_> {
    /// Whether the input fits a bucket.
    pub(crate) fn check(&self, bucket: Bucket) -> Result<(), MachineError> {
        let counts = [
            ("tokens", self.ids.len(), bucket.rows),
            ("examples", self.examples.len(), bucket.batch),
            ("tokens of an example", self.longest(), bucket.longest),
        ];
        for (what, found, room) in counts {
            if found > room {
                return Err(misfit(format!("{found} {what}, room for {room}")));
            }
        }
        let fits = self.positions.len() == self.ids.len()
            && self.labels.len() == self.examples.len()
            && self.offsets.len() == self.examples.len() + 1
            && self.offsets.last() == Some(&self.ids.len())
            && self.offsets.windows(2).all(|rows| rows[0] < rows[1]);
        if fits {
            return Ok(());
        }
        Err(misfit("its parts do not fit each other, or an example has no token".to_owned()))
    }

    /// Whether the distinct words have room, and are all that there are.
    pub(crate) fn check_words(&self, room: usize) -> Result<(), MachineError> {
        let found = self.words.len();
        if found > room {
            return Err(misfit(format!("{found} distinct words, room for {room}")));
        }
        match self.ids.iter().find(|id| self.words.binary_search(id).is_err()) {
            Some(id) => Err(misfit(format!("token {id} is not among its words"))),
            None => Ok(()),
        }
    }

    fn longest(&self) -> usize {
        self.offsets.windows(2).map(|rows| rows[1].saturating_sub(rows[0])).max().unwrap_or(0)
    }
}

fn misfit(cause: String) -> MachineError {
    MachineError::Shape { what: "an input".to_owned(), cause }
}

impl InputSpans {
    /// Lays an input of this bucket with room for `words` distinct ids out in `whole`.
    #[must_use]
    pub fn new(bucket: Bucket, words: usize, whole: Span) -> Self {
        let mut arena = Arena::new(whole);
        let Bucket { rows, batch, .. } = bucket;
        // First what the update after the pass reads, so that it lies in one place for all buckets.
        let step = arena.take(size_of::<PassNumbers>());
        let mut ints = |count: usize| arena.take(count * 4);
        let (words, starts) = (ints(words), ints(words + 1));
        let (ids, positions, segments) = (ints(rows), ints(rows), ints(rows));
        let (offsets, labels, places) = (ints(batch + 1), ints(batch), ints(rows));
        let examples = arena.take(batch * 8);
        let whole = Span { bytes: arena.used(), ..whole };
        Self {
            step,
            ids,
            positions,
            segments,
            offsets,
            examples,
            labels,
            words,
            starts,
            places,
            whole,
        }
    }

    /// The distinct words, which lie in one place for all buckets.
    pub(crate) fn words_of(input: Span, words: usize) -> Span {
        let bucket = Bucket { rows: 0, batch: 0, longest: 0 };
        Self::new(bucket, words, input).words
    }

    /// Bytes of an input.
    #[must_use]
    pub fn bytes(bucket: Bucket, words: usize) -> usize {
        Self::new(bucket, words, Span::EMPTY).whole.bytes
    }

    /// The count of tokens.
    pub(crate) fn rows_count(&self) -> Span {
        self.step.part(0, 4)
    }

    /// The count of examples.
    pub(crate) fn segments_count(&self) -> Span {
        self.step.part(4, 4)
    }

    /// The bytes of an input that fits the bucket.
    #[must_use]
    pub fn pack(&self, input: &PassInput<'_>) -> Vec<u8> {
        let mut packed = Packed { bytes: vec![0; self.whole.bytes], origin: self.whole.start };
        let (tokens, examples) = (input.ids.len(), input.examples.len());
        let counts = [tokens, examples, input.words.len()].map(int);
        let [rows, segments, words] = counts;
        packed.put(self.step, bytes_of(&PassNumbers { rows, segments, words, ..input.step }));
        packed.put(self.ids, cast_slice(input.ids));
        packed.put(self.positions, cast_slice(input.positions));
        packed.put(self.segments, cast_slice(&segment_of_rows(input.offsets)));
        let mut offsets: Vec<i32> = input.offsets.iter().copied().map(int).collect();
        offsets.resize(self.offsets.bytes / 4, int(tokens));
        packed.put(self.offsets, cast_slice(&offsets));
        packed.put(self.examples, cast_slice(input.examples));
        packed.put(self.labels, cast_slice(input.labels));
        packed.put(self.words, cast_slice(input.words));
        if !input.words.is_empty() {
            let rows = RowsOfWords::new(input);
            packed.put(self.starts, cast_slice(&rows.starts));
            packed.put(self.places, cast_slice(&rows.places));
        }
        packed.bytes
    }
}

/// The bytes of an input in the making.
struct Packed {
    bytes: Vec<u8>,
    origin: usize,
}

impl Packed {
    fn put(&mut self, to: Span, bytes: &[u8]) {
        let start = to.start - self.origin;
        self.bytes[start..start + bytes.len()].copy_from_slice(bytes);
    }
}

#[expect(clippy::cast_possible_truncation, reason = "a batch has fewer than 2^31 tokens")]
#[expect(clippy::cast_possible_wrap, reason = "a batch has fewer than 2^31 tokens")]
fn int(count: usize) -> i32 {
    count as i32
}

fn segment_of_rows(offsets: &[usize]) -> Vec<i32> {
    let segments = offsets.windows(2).enumerate();
    segments.flat_map(|(segment, rows)| (rows[0]..rows[1]).map(move |_| int(segment))).collect()
}

/// The rows at which each distinct id stands, rising.
struct RowsOfWords {
    starts: Vec<i32>, // (U + 1)
    places: Vec<i32>, // (N)
}

impl RowsOfWords {
    /// Counts and places: a sort that keeps the order of equal ids, in time that follows the rows.
    fn new(input: &PassInput<'_>) -> Self {
        let find = |id: &u32| input.words.binary_search(id).unwrap_or_default();
        let words: Vec<usize> = input.ids.iter().map(find).collect();
        let mut starts = vec![0; input.words.len() + 1];
        for &word in &words {
            starts[word + 1] += 1;
        }
        for word in 1..starts.len() {
            starts[word] += starts[word - 1];
        }
        let mut next: Vec<i32> = starts.clone();
        let mut places = vec![0; words.len()];
        for (row, &word) in words.iter().enumerate() {
            #[expect(clippy::cast_sign_loss, reason = "a place is not negative")]
            let place = next[word] as usize;
            places[place] = int(row);
            next[word] += 1;
        }
        Self { starts, places }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_of_a_word_keep_their_order() {
        let input = PassInput {
            ids: &[7, 3, 9, 7, 7, 3],
            positions: &[0, 1, 2, 0, 1, 2],
            offsets: &[0, 3, 6],
            examples: &[5, 8],
            labels: &[1, 0],
            words: &[3, 4, 7, 9],
            step: PassNumbers::default(),
        };
        let RowsOfWords { starts, places } = RowsOfWords::new(&input);
        // Word 4 is another rank's.
        assert_eq!(starts, [0, 2, 2, 5, 6]);
        assert_eq!(places, [1, 5, 0, 3, 4, 2]);
        assert_eq!(segment_of_rows(input.offsets), [0, 0, 0, 1, 1, 1]);
    }
}
