//! What is written instead of a word that is not known.

use std::fmt;

/// What is written instead of a word that is not known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Hint {
    /// One of these keys.
    Keys(Vec<&'static str>),
    /// A key with a value.
    Value(&'static str, &'static str),
    /// What to do.
    Advice(&'static str),
    /// Nothing is near.
    None,
}

impl Hint {
    /// For a command line.
    pub(crate) fn of_flag(&self) -> impl fmt::Display {
        let flag = |key: &str| format!("--{}", key.replace('_', "-"));
        match self {
            Self::Keys(keys) => did_you_mean(keys.iter().map(|key| flag(key))),
            Self::Value(key, value) => did_you_mean([format!("{} {value}", flag(key))]),
            Self::Advice(text) => (*text).to_owned(),
            Self::None => "--help lists all flags".to_owned(),
        }
    }

    /// For a file.
    pub(crate) fn of_key(&self) -> impl fmt::Display {
        match self {
            Self::Keys(keys) => did_you_mean(keys.iter().map(|key| (*key).to_owned())),
            Self::Value(key, value) => did_you_mean([format!("{key} = {value:?}")]),
            Self::Advice(text) => (*text).to_owned(),
            Self::None => "--help lists all keys".to_owned(),
        }
    }
}

fn did_you_mean(words: impl IntoIterator<Item = String>) -> String {
    let words: Vec<String> = words.into_iter().map(|word| format!("`{word}`")).collect();
    format!("did you mean {}?", words.join(" or "))
}
