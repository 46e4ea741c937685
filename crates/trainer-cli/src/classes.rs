//! The classes of a corpus, for people and for programs.

use std::cmp::Reverse;

use lockstep_data::CorpusFacts;
use lockstep_world::counted;
use serde_json::{Map, Value};

/// A line where labels are numbers of the model's classes and not their names; else nothing.
pub(crate) fn numbered(corpus: &CorpusFacts) -> String {
    const SHOWN: usize = 6;
    let names = corpus.labels().names();
    if corpus.numbered() == 0 {
        return String::new();
    }
    let ids = names.iter().enumerate().take(SHOWN).map(|(id, name)| format!("{id} is {name}"));
    let more = if names.len() > SHOWN { ", …" } else { "" };
    format!(
        "{} read as class ids of the model: {}{more}",
        counted(corpus.numbered(), "label"),
        ids.collect::<Vec<_>>().join(", ")
    )
}

/// How many examples each class has, for programs.
pub(crate) fn counts_by_name(corpus: &CorpusFacts) -> Map<String, Value> {
    let names = corpus.labels().names().iter().cloned();
    names.zip(corpus.counts().iter().copied().map(Value::from)).collect()
}

/// The classes with their examples: all where they are few, else the largest.
pub(crate) fn in_words(corpus: &CorpusFacts) -> String {
    const SHOWN: usize = 6;
    let names = corpus.labels().names();
    let mut counted: Vec<(&String, usize)> =
        names.iter().zip(corpus.counts().iter().copied()).collect();
    let more = names.len().saturating_sub(SHOWN);
    if more > 0 {
        counted.sort_by_key(|(_, count)| Reverse(*count));
    }
    let shown = counted.iter().take(SHOWN);
    let shown: Vec<String> =
        shown.map(|(name, count)| format!("{} ({count})", short(name))).collect();
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    format!("{} classes: {}{more}", names.len(), shown.join(", "))
}

/// A name that cannot break a line, nor fill one.
fn short(name: &str) -> String {
    const LONGEST: usize = 40;
    let start: String = name.chars().take(LONGEST).collect();
    let more = if start.len() < name.len() { "…" } else { "" };
    start.replace(char::is_control, " ") + more
}
