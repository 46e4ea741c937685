//! Tokens that are found in a text before it is split, as files write them.

use serde::{Deserialize, Serialize};
use tokenizers::AddedToken;

/// An added token of a file.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct TokenFile {
    /// Its number, in tokenizer.json.
    id: Option<u32>,
    content: String,
    #[serde(default)]
    single_word: bool,
    #[serde(default)]
    lstrip: bool,
    #[serde(default)]
    rstrip: bool,
    normalized: Option<bool>,
    #[serde(default)]
    special: bool,
}

/// An added token and the number it must have.
#[derive(Clone, Debug)]
pub(super) struct Found {
    pub(super) token: AddedToken,
    pub(super) id: u32,
}

impl TokenFile {
    /// A token of which no more than its text is known.
    pub(super) fn plain(content: &str, special: bool) -> Self {
        Self {
            id: None,
            content: content.to_owned(),
            single_word: false,
            lstrip: false,
            rstrip: false,
            normalized: None,
            special,
        }
    }

    /// The token under the number that it has itself, if it has one.
    pub(super) fn numbered(self) -> Option<Found> {
        let id = self.id?;
        Some(self.found(id))
    }

    /// The token under a number.
    pub(super) fn found(self, id: u32) -> Found {
        let token = AddedToken::from(self.content, self.special)
            .single_word(self.single_word)
            .lstrip(self.lstrip)
            .rstrip(self.rstrip)
            .normalized(self.normalized.unwrap_or(!self.special));
        Found { token, id }
    }
}

/// The side at which a text that is too long is cut.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub(super) enum Side {
    /// Its beginning is lost.
    Left,
    /// Its end is lost.
    #[default]
    Right,
}

impl Side {
    /// The side of that name, as Python and tokenizer.json have it.
    pub(super) fn of(name: &str) -> Option<Self> {
        match name {
            "left" | "Left" => Some(Self::Left),
            "right" | "Right" => Some(Self::Right),
            _ => None,
        }
    }

    /// Its name in Python.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Left => "left",
            Self::Right => "right",
        }
    }

    /// The tokens that stay, at most `room`.
    pub(super) fn kept(self, tokens: &[u32], room: usize) -> &[u32] {
        let lost = tokens.len().saturating_sub(room);
        match self {
            Self::Left => tokens.get(lost..).unwrap_or_default(),
            Self::Right => tokens.get(..tokens.len() - lost).unwrap_or_default(),
        }
    }
}
