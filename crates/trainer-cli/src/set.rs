//! One set of labelled examples: in memory, or in its file.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Deref;

use lockstep_data::{
    Corpus, CorpusFacts, CorpusFile, DataError, Sample, TokenCache, Tokenizer, texts_of,
};

use crate::failure::Failure;
use crate::tiny_tokenizer::tiny_tokenizer;

/// The examples of a set.
pub(crate) enum Set {
    /// In memory: the reviews that are built in, texts from a pipe, and a file of which a part is held
    /// out.
    Held(Box<Corpus>),
    /// In a file.
    File(Box<CorpusFile>),
}

impl Deref for Set {
    type Target = CorpusFacts;

    fn deref(&self) -> &CorpusFacts {
        match self {
            Self::Held(corpus) => corpus,
            Self::File(corpus) => corpus,
        }
    }
}

impl Set {
    /// The examples of a sample, or all of them. What is learned of a file is kept in `cache`.
    ///
    /// # Errors
    /// A file that has changed.
    pub(crate) fn limited_to(
        self,
        sample: Option<Sample>,
        cache: Option<&TokenCache>,
    ) -> Result<Self, DataError> {
        let Some(sample) = sample else { return Ok(self) };
        Ok(match self {
            Self::Held(corpus) => Self::Held(Box::new(corpus.limited_to(sample))),
            Self::File(corpus) => {
                let unkept = TokenCache::default();
                Self::File(Box::new(cache.unwrap_or(&unkept).limited_to(*corpus, sample)?))
            }
        })
    }

    /// The texts with these numbers, counted from 0; the two of a pair with a slash between them.
    ///
    /// # Errors
    /// A file that has changed.
    pub(crate) fn texts_at(
        &self,
        numbers: &BTreeSet<usize>,
    ) -> Result<BTreeMap<usize, String>, DataError> {
        let shown = |text: &str| match texts_of(text) {
            (first, Some(second)) => format!("{first} / {second}"),
            (text, None) => text.to_owned(),
        };
        match self {
            Self::Held(corpus) => {
                let text =
                    |&number: &usize| Some((number, shown(&corpus.examples().get(number)?.text)));
                Ok(numbers.iter().filter_map(text).collect())
            }
            Self::File(_) if numbers.is_empty() => Ok(BTreeMap::new()),
            Self::File(corpus) => corpus.read(|examples| {
                let wanted = examples
                    .enumerate()
                    .filter(|(number, row)| row.is_err() || numbers.contains(number));
                wanted.map(|(number, row)| Ok((number, shown(&row?.text)))).collect()
            }),
        }
    }

    /// The tokenizer of `builtin:tiny`, made of the texts.
    ///
    /// # Errors
    /// Texts without a word; a file that has changed.
    pub(crate) fn tiny_tokenizer(&self) -> Result<Tokenizer, Failure> {
        match self {
            Self::Held(corpus) => tiny_tokenizer(corpus.texts_and_labels().map(|(text, _)| text)),
            Self::File(corpus) => {
                let mut fault: Option<DataError> = None;
                let made = corpus.read(|examples| {
                    let examples =
                        examples.map_while(|row| row.map_err(|error| fault = Some(error)).ok());
                    tiny_tokenizer(examples.map(|example| example.text))
                });
                fault.map_or(made, |fault| Err(fault.into()))
            }
        }
    }
}
