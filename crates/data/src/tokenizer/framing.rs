//! What a tokenizer.json puts around a text.

use std::collections::HashMap;

use serde::Deserialize;
use tokenizers::AddedToken;

use super::config::TokenizerConfig;
use super::fault::Fault;
use super::special_tokens::{Family, SpecialTokens};
use super::tokens::Found;

/// What puts tokens around a text.
#[derive(Deserialize)]
#[serde(tag = "type")]
pub(super) enum Framing {
    TemplateProcessing {
        single: Vec<Piece>,
        #[serde(default)]
        pair: Vec<Piece>,
        special_tokens: HashMap<String, TemplateToken>,
    },
    BertProcessing {
        cls: (String, u32),
        sep: (String, u32),
    },
    RobertaProcessing {
        cls: (String, u32),
        sep: (String, u32),
    },
    /// There is none.
    #[serde(skip)]
    Missing,
    #[serde(other)]
    Other,
}

#[derive(Deserialize)]
pub(super) enum Piece {
    Sequence {
        #[serde(default)]
        type_id: u32,
    },
    SpecialToken {
        id: String,
    },
}

#[derive(Deserialize)]
pub(super) struct TemplateToken {
    ids: Vec<u32>,
}

impl Framing {
    /// Whether it frames pairs of texts as the tokenizers of a family do: `[CLS] a [SEP] b [SEP]` with
    /// token type 1 from b on, or `<s> a </s></s> b </s>` of one type.
    pub(super) fn has_usual_pairs(&self, family: Family) -> bool {
        match (self, family) {
            (Self::BertProcessing { .. }, family) => family == Family::Words,
            (Self::RobertaProcessing { .. }, family) => family == Family::Bytes,
            (Self::TemplateProcessing { pair, .. }, family) => {
                let is_token = |piece: &Piece| matches!(piece, Piece::SpecialToken { .. });
                let [first, second] = [0, 1].map(|kind| {
                    move |piece: &Piece| matches!(piece, Piece::Sequence { type_id } if *type_id == kind)
                });
                match (family, pair.as_slice()) {
                    (Family::Words, [cls, a, sep, b, end]) => {
                        [cls, sep, end].into_iter().all(is_token) && first(a) && second(b)
                    }
                    (Family::Bytes, [cls, a, sep, again, b, end]) => {
                        [cls, sep, again, end].into_iter().all(is_token) && first(a) && first(b)
                    }
                    _ => false,
                }
            }
            (Self::Missing | Self::Other, _) => false,
        }
    }
}

/// What is put around a text, and who says it.
pub(super) struct Frame<'a> {
    pub(super) config: &'a TokenizerConfig,
    pub(super) framing: Framing,
    /// For messages.
    pub(super) expected: &'static str,
}

impl Frame<'_> {
    /// Gives the first and the separating token their names, and finds them in texts.
    pub(super) fn name(
        self,
        special: &mut SpecialTokens,
        added: &mut Vec<Found>,
    ) -> Result<(), Fault> {
        let [cls, sep] = framed(self.framing, self.expected)?;
        for (key, (name, id), place) in
            [("cls_token", cls, &mut special.cls), ("sep_token", sep, &mut special.sep)]
        {
            // What Python builds from the names overrides what the file has.
            if let Some(given) = self.config.given(key).filter(|_| self.config.decides()) {
                given.clone_into(place);
                continue;
            }
            if !added.iter().any(|found| found.token.content == name && found.id == id) {
                added.push(Found { token: AddedToken::from(name.as_str(), true), id });
            }
            *place = name;
        }
        Ok(())
    }
}

/// The names and numbers of the tokens that are put before and behind a text.
fn framed(framing: Framing, expected: &'static str) -> Result<[(String, u32); 2], Fault> {
    let foreign =
        |found: &str| Fault::Foreign { part: "post_processor", found: found.to_owned(), expected };
    match framing {
        Framing::Missing => Err(foreign("missing")),
        Framing::Other => Err(foreign("of another kind")),
        Framing::BertProcessing { cls, sep } | Framing::RobertaProcessing { cls, sep } => {
            Ok([cls, sep])
        }
        Framing::TemplateProcessing { single, special_tokens, .. } => {
            let id = |name: &String| match special_tokens.get(name)?.ids.as_slice() {
                [id] => Some((name.clone(), *id)),
                _ => None,
            };
            let framed = match single.as_slice() {
                [
                    Piece::SpecialToken { id: cls },
                    Piece::Sequence { .. },
                    Piece::SpecialToken { id: sep },
                ] => id(cls).zip(id(sep)),
                _ => None,
            };
            framed.map(|(cls, sep)| [cls, sep]).ok_or_else(|| foreign("another template"))
        }
    }
}
