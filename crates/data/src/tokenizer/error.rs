//! What can be wrong with a tokenizer.

use std::io;
use std::path::PathBuf;

use crate::excerpt::excerpt;

/// A fault in a tokenizer's files, or in its use.
#[derive(Debug, thiserror::Error)]
pub enum TokenizerError {
    /// There is none.
    #[error(
        "{}: the directory has neither tokenizer.json nor vocab.txt, nor vocab.json with merges.txt\n  \
         hint: copy one of them from the model's source",
        .dir.display()
    )]
    Missing {
        /// Where they were looked for.
        dir: PathBuf,
    },
    /// The operating system refused to read a file.
    #[error("{}: cannot be read: {source}\n  hint: check its permissions", .path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// A file is far larger than any tokenizer.
    #[error(
        "{}: the file has more than {} MiB, too large for a tokenizer\n  \
         hint: check that it is not the weights, or download it again",
        .path.display(), .limit >> 20
    )]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// The bytes that are read at most.
        limit: u64,
    },
    /// A file cannot be parsed.
    #[error(
        "{}: cannot be read as a tokenizer: {reason}\n  \
         hint: download the file again, from the source of the model",
        .path.display()
    )]
    Malformed {
        /// The file.
        path: PathBuf,
        /// What the parser said.
        reason: String,
    },
    /// A part of the tokenizer is not that of BERT's or RoBERTa's.
    #[error(
        "{}: its {part} is {found}, but only {expected} is supported\n  \
         hint: use the tokenizer.json or vocab.txt that the model was trained with",
        .path.display()
    )]
    Foreign {
        /// The file.
        path: PathBuf,
        /// The part.
        part: &'static str,
        /// What it is.
        found: String,
        /// What it should be.
        expected: &'static str,
    },
    /// A token without which no text can be encoded is missing.
    #[error(
        "{}: the vocabulary has no {}\n  hint: check that the file is complete and belongs to the model; a BERT vocabulary has \
         [UNK], [CLS] and [SEP]",
        .path.display(), excerpt(.token)
    )]
    MissingToken {
        /// The file.
        path: PathBuf,
        /// The token.
        token: String,
    },
    /// Two tokens have one number.
    #[error(
        "{}: {} and {} have the same token id {id}\n  hint: download the file again",
        .path.display(), excerpt(.first), excerpt(.second)
    )]
    SharedId {
        /// The file.
        path: PathBuf,
        /// The number.
        id: u32,
        /// One of the tokens.
        first: String,
        /// Another.
        second: String,
    },
    /// A token has a number beyond any vocabulary.
    #[error(
        "{}: {} has the token id {id}, but at most {limit} tokens are supported\n  \
         hint: download the file again",
        .path.display(), excerpt(.token)
    )]
    IdTooLarge {
        /// The file.
        path: PathBuf,
        /// The token.
        token: String,
        /// Its token id.
        id: u32,
        /// The first number that is too large.
        limit: u32,
    },
    /// A token is said to have another number than it has.
    #[error(
        "{}: {} is listed with the token id {stated}, but the vocabulary has {actual}\n  \
         hint: the file was edited or mixed from two; download it again",
        .path.display(), excerpt(.token)
    )]
    Contradiction {
        /// The file.
        path: PathBuf,
        /// The token.
        token: String,
        /// The number that is stated.
        stated: u32,
        /// The number that follows from the vocabulary.
        actual: u32,
    },
    /// A text could not be encoded.
    #[error("a text of {bytes} bytes cannot be encoded: {reason}")]
    Encode {
        /// The size of the text.
        bytes: usize,
        /// What the tokenizer said.
        reason: String,
    },
    /// Pairs of texts are framed in another way than BERT's or RoBERTa's.
    #[error(
        "the tokenizer's post_processor has another template for pairs of texts than BERT's or RoBERTa's\n  \
         hint: use the tokenizer.json or vocab.txt that the model was trained with"
    )]
    ForeignPair,
    /// A limit that leaves no room for two texts.
    #[error("a pair of texts needs at least {least} tokens, but it may have {max} only")]
    NoRoom {
        /// The limit.
        max: usize,
        /// What a pair needs.
        least: usize,
    },
    /// A file could not be written.
    #[error(
        "{}: cannot be written: {source}\n  hint: check the free space of the disk and the permissions",
        .path.display()
    )]
    Unwritable {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
}
