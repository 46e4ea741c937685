//! The tokens of two texts: `[CLS] a [SEP] b [SEP]` of BERT, `<s> a </s></s> b </s>` of RoBERTa.
//!
//! A pair that is too long is cut as transformers' fast tokenizers do it under
//! `truncation="longest_first"`, see [`kept_of_each`].

use super::pipeline::Pipeline;
use super::{Encoded, MaxLength, Tokenizer, TokenizerError};

impl Tokenizer {
    /// The tokens of a pair of texts, cut to fit `max`.
    ///
    /// # Errors
    /// [`TokenizerError::Encode`] when the pipeline fails, [`TokenizerError::NoRoom`] when `max` is too
    /// small for a token of each text, [`TokenizerError::ForeignPair`] when the tokenizer has another
    /// template for pairs.
    pub fn encode_pair(
        &self,
        [first, second]: [&str; 2],
        max: MaxLength,
    ) -> Result<Encoded, TokenizerError> {
        if !self.has_usual_pairs {
            return Err(TokenizerError::ForeignPair);
        }
        let (first, second) = (self.pieces(first)?, self.pieces(second)?);
        let (first, second) = (first.get_ids(), second.get_ids());
        let between = match self.pipeline {
            Pipeline::Words(_) => 1,
            Pipeline::Bytes(..) => 2,
        };
        let least = between + 2 + 2;
        let Some(room) = max.get().checked_sub(between + 2).filter(|room| *room >= 2) else {
            return Err(TokenizerError::NoRoom { max: max.get(), least });
        };
        let [of_first, of_second] = kept_of_each([first.len(), second.len()], room);
        let mut ids = Vec::with_capacity(of_first + of_second + between + 2);
        ids.push(self.cls);
        ids.extend_from_slice(self.side.kept(first, of_first));
        ids.extend(std::iter::repeat_n(self.sep, between));
        let begin = ids.len();
        ids.extend_from_slice(self.side.kept(second, of_second));
        ids.push(self.sep);
        let truncated = first.len() + second.len() > room;
        Ok(Encoded { ids, second: Some(begin), truncated })
    }
}

/// How many tokens stay of two texts where `room` of both fit: the longer one is cut first, down to the
/// length of the shorter; if that is still too much, each has half. The odd token is the longer text's,
/// of equal ones the second's.
fn kept_of_each([first, second]: [usize; 2], room: usize) -> [usize; 2] {
    if first + second <= room {
        return [first, second];
    }
    let of_shorter = first.min(second).min(room / 2);
    let of_longer = room - of_shorter;
    if first > second { [of_longer, of_shorter] } else { [of_shorter, of_longer] }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longer_text_is_cut_first() {
        for (lengths, room, kept) in [
            ([3, 4], 7, [3, 4]),
            ([3, 9], 7, [3, 4]),
            ([9, 3], 7, [4, 3]),
            ([9, 2], 7, [5, 2]),
            ([9, 8], 7, [4, 3]),
            ([8, 8], 7, [3, 4]),
            ([8, 9], 7, [3, 4]),
            ([0, 9], 2, [0, 2]),
        ] {
            assert_eq!(kept_of_each(lengths, room), kept, "{lengths:?} in {room}");
        }
    }
}
