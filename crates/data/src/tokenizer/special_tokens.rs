//! The tokens that have a meaning of their own.

/// The kinds of tokenizers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Family {
    /// BERT's: words and their pieces.
    Words,
    /// RoBERTa's: bytes.
    Bytes,
}

impl Family {
    /// The usual names of unknown, first, separating, filling and masked tokens.
    pub(super) fn names(self) -> [&'static str; 5] {
        match self {
            Self::Words => ["[UNK]", "[CLS]", "[SEP]", "[PAD]", "[MASK]"],
            Self::Bytes => ["<unk>", "<s>", "</s>", "<pad>", "<mask>"],
        }
    }

    /// Python's class.
    pub(super) fn class(self) -> &'static str {
        match self {
            Self::Words => "DistilBertTokenizer",
            Self::Bytes => "RobertaTokenizer",
        }
    }
}

/// The texts of these tokens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct SpecialTokens {
    pub(super) unk: String,
    pub(super) cls: String,
    pub(super) sep: String,
    pub(super) pad: String,
    pub(super) mask: String,
}

impl SpecialTokens {
    /// All of them, in the order in which a new vocabulary begins.
    pub(super) fn all(&self) -> [&String; 5] {
        [&self.pad, &self.unk, &self.cls, &self.sep, &self.mask]
    }
}
