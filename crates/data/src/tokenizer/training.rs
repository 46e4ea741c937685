//! Learning a WordPiece vocabulary from texts.
//!
//! The rule is byte-pair encoding over characters (Sennrich, Haddow and Birch, "Neural machine
//! translation of rare words with subword units", ACL 2016, algorithm 1): join the most frequent
//! pair of neighbouring pieces until there are enough pieces. It is the rule of the trainer inside
//! the `tokenizers` crate. That one numbers pieces in the order of a randomly seeded hash map, so
//! two ranks would train two vocabularies; here every choice is settled by counts, then numbers.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::Path;

use tokenizers::normalizers::BertNormalizer;
use tokenizers::pre_tokenizers::bert::BertPreTokenizer;
use tokenizers::{
    NormalizedString, Normalizer, OffsetReferential, OffsetType, PreTokenizedString, PreTokenizer,
};

use super::assembly::TokenizerParts;
use super::config::TokenizerConfig;
use super::special_tokens::Family;
use super::{Tokenizer, TokenizerError};
use crate::pair::as_line;

/// A pair seen once is chance.
const MIN_COUNT: u64 = 2;

impl Tokenizer {
    /// A tokenizer for lower-cased text with a vocabulary learned from `texts`.
    ///
    /// It has `vocab_size` tokens: fewer when no pair of pieces occurs twice any more, and more
    /// when the special tokens and the characters alone are more.
    ///
    /// # Errors
    /// [`TokenizerError`] when a text cannot be normalised.
    pub fn train_wordpiece<T: AsRef<str>>(
        texts: impl IntoIterator<Item = T>,
        vocab_size: usize,
    ) -> Result<Self, TokenizerError> {
        let config = TokenizerConfig::default();
        let words = count_words(texts, &config.normalizer())?;
        let special = config.special_tokens(Family::Words).all().map(String::clone);
        let mut pieces = Pieces::new(special.to_vec(), &words);
        while pieces.names.len() < vocab_size && pieces.join_most_frequent() {}
        let origin = Path::new("(trained vocabulary)");
        let vocabulary = pieces.names.join("\n");
        TokenizerParts::of_vocabulary(origin, vocabulary.as_bytes(), &config)?.assemble(origin)
    }
}

/// How often each word occurs, in the order of letters.
fn count_words<T: AsRef<str>>(
    texts: impl IntoIterator<Item = T>,
    normalizer: &BertNormalizer,
) -> Result<BTreeMap<String, u64>, TokenizerError> {
    let mut words = BTreeMap::new();
    for text in texts {
        let text = &*as_line(text.as_ref());
        let failed = |error: tokenizers::Error| TokenizerError::Encode {
            bytes: text.len(),
            reason: error.to_string(),
        };
        let mut normalized = NormalizedString::from(text);
        normalizer.normalize(&mut normalized).map_err(failed)?;
        let mut split = PreTokenizedString::from(normalized);
        BertPreTokenizer.pre_tokenize(&mut split).map_err(failed)?;
        for (word, ..) in split.get_splits(OffsetReferential::Normalized, OffsetType::Byte) {
            *words.entry(word.to_owned()).or_default() += 1;
        }
    }
    Ok(words)
}

type Pair = (usize, usize);

/// The pieces so far, and the words as sequences of them.
struct Pieces {
    names: Vec<String>,
    numbers: HashMap<String, usize>,
    words: Vec<CountedWord>,
    /// How often each pair of neighbours occurs in all texts.
    counts: HashMap<Pair, u64>,
    /// The words that have, or once had, the pair.
    homes: HashMap<Pair, BTreeSet<usize>>,
}

struct CountedWord {
    pieces: Vec<usize>,
    count: u64,
}

impl Pieces {
    fn new(special: Vec<String>, words: &BTreeMap<String, u64>) -> Self {
        let mut pieces = Self {
            names: Vec::new(),
            numbers: HashMap::new(),
            words: Vec::new(),
            counts: HashMap::new(),
            homes: HashMap::new(),
        };
        let alphabet: BTreeSet<char> = words.keys().flat_map(|word| word.chars()).collect();
        let starts = alphabet.iter().map(char::to_string);
        let continued: BTreeSet<char> =
            words.keys().flat_map(|word| word.chars().skip(1)).collect();
        let inner = continued.iter().map(|character| format!("##{character}"));
        for name in special.into_iter().chain(starts).chain(inner) {
            pieces.number(name);
        }
        for (word, count) in words {
            pieces.add_word(word, *count);
        }
        pieces
    }

    /// Joins the most frequent pair, the one of lowest numbers among equals. False when none
    /// occurs often enough.
    fn join_most_frequent(&mut self) -> bool {
        let frequent = self.counts.iter().max_by_key(|(pair, count)| (**count, Reverse(**pair)));
        let Some((&pair, &count)) = frequent else { return false };
        if count < MIN_COUNT {
            return false;
        }
        let joined = self.joined_name(pair);
        let joined = self.number(joined);
        for home in self.homes.remove(&pair).unwrap_or_default() {
            self.count(home, u64::wrapping_sub);
            if let Some(word) = self.words.get_mut(home) {
                word.join(pair, joined);
            }
            self.count(home, u64::wrapping_add);
        }
        self.counts.retain(|_, count| *count > 0);
        true
    }

    fn add_word(&mut self, word: &str, count: u64) {
        let name = |(place, character): (usize, char)| match place {
            0 => character.to_string(),
            _ => format!("##{character}"),
        };
        let pieces = word.chars().enumerate().map(|piece| self.number(name(piece))).collect();
        self.words.push(CountedWord { pieces, count });
        self.count(self.words.len() - 1, u64::wrapping_add);
    }

    /// Adds the pairs of one word to the counts, or takes them off.
    fn count(&mut self, home: usize, change: fn(u64, u64) -> u64) {
        let Some(word) = self.words.get(home) else { return };
        for pair in word.pieces.iter().copied().zip(word.pieces.iter().copied().skip(1)) {
            let count = self.counts.entry(pair).or_default();
            *count = change(*count, word.count);
            self.homes.entry(pair).or_default().insert(home);
        }
    }

    fn joined_name(&self, pair: Pair) -> String {
        let (first, second) = pair;
        let name = |piece: usize| self.names.get(piece).map_or("", String::as_str);
        let second = name(second);
        format!("{}{}", name(first), second.strip_prefix("##").unwrap_or(second))
    }

    /// The number of the piece `name`, which is new or was there.
    fn number(&mut self, name: String) -> usize {
        if let Some(number) = self.numbers.get(&name) {
            return *number;
        }
        self.names.push(name.clone());
        self.numbers.insert(name, self.names.len() - 1);
        self.names.len() - 1
    }
}

impl CountedWord {
    /// Replaces each occurrence of `pair`, from the left, by the piece `joined`.
    fn join(&mut self, pair: Pair, joined: usize) {
        let mut pieces = Vec::with_capacity(self.pieces.len());
        for &piece in &self.pieces {
            match pieces.last() {
                Some(&last) if (last, piece) == pair => {
                    pieces.pop();
                    pieces.push(joined);
                }
                _ => pieces.push(piece),
            }
        }
        self.pieces = pieces;
    }
}
