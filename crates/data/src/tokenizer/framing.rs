//! What a tokenizer.json puts around a text.

use std::collections::HashMap;

use serde::Deserialize;

use super::fault::Fault;

/// What puts tokens around a text.
#[derive(Deserialize)]
#[serde(tag = "type")]
pub(super) enum Framing {
    TemplateProcessing {
        single: Vec<Piece>,
        special_tokens: HashMap<String, TemplateToken>,
    },
    #[serde(alias = "RobertaProcessing")]
    BertProcessing {
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
    Sequence {},
    SpecialToken { id: String },
}

#[derive(Deserialize)]
pub(super) struct TemplateToken {
    ids: Vec<u32>,
}

/// The names and numbers of the tokens that are put before and behind a text.
pub(super) fn framed(
    framing: Framing,
    expected: &'static str,
) -> Result<[(String, u32); 2], Fault> {
    let foreign =
        |found: &str| Fault::Foreign { part: "post_processor", found: found.to_owned(), expected };
    match framing {
        Framing::Missing => Err(foreign("missing")),
        Framing::Other => Err(foreign("of another kind")),
        Framing::BertProcessing { cls, sep } => Ok([cls, sep]),
        Framing::TemplateProcessing { single, special_tokens } => {
            let id = |name: &String| match special_tokens.get(name)?.ids.as_slice() {
                [id] => Some((name.clone(), *id)),
                _ => None,
            };
            let framed = match single.as_slice() {
                [
                    Piece::SpecialToken { id: cls },
                    Piece::Sequence {},
                    Piece::SpecialToken { id: sep },
                ] => id(cls).zip(id(sep)),
                _ => None,
            };
            framed.map(|(cls, sep)| [cls, sep]).ok_or_else(|| foreign("another template"))
        }
    }
}
