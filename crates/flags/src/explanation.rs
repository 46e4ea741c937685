//! What `--help KEY` says: one key at length.

use std::borrow::Cow;
use std::iter;

use crate::key::Entry;
use crate::kind::Form;
use crate::table::Table;
use crate::words::same_words;

/// Meaning, valid values, default, other names and examples of a key.
pub(crate) fn explanation(entry: &dyn Entry) -> String {
    let mut rows = valid(entry);
    rows.push(("default", entry.unset().unwrap_or("none").to_owned()));
    let snake = Some(entry.name()).filter(|name| name.contains('_'));
    let others: Vec<String> =
        snake.into_iter().chain(same_words(entry)).map(|word| format!("--{word}")).collect();
    if !others.is_empty() {
        rows.push(("also", others.join(", ")));
    }
    let value = example(entry);
    rows.push((
        "example",
        match entry.form() {
            Form::Switch => entry.flag(),
            _ => format!("{} {value}", entry.flag()),
        },
    ));
    if entry.table() != Table::COMMAND {
        let quoted = match entry.form() {
            Form::Number | Form::Switch => value.into_owned(),
            Form::Text | Form::List | Form::Files => format!("{value:?}"),
        };
        rows.push(("TOML", format!("[{}]", entry.table().name())));
        rows.push(("", format!("{} = {quoted}", entry.name())));
    }
    let rows = rows.iter().map(|(name, text)| format!("  {name:<8} {text}\n"));
    let head = format!("{} {}", entry.flag(), entry.placeholder());
    format!("{}\n  {}\n\n{}", head.trim_end(), entry.meaning(), rows.collect::<String>())
}

/// What is valid: in one row, or each word in a row.
fn valid(entry: &dyn Entry) -> Vec<(&'static str, String)> {
    let choices = entry.choices();
    if choices.is_empty() {
        return vec![("valid", entry.valid().into_owned())];
    }
    let width = choices.iter().map(|(name, _)| name.len()).max().unwrap_or_default();
    let rows = choices.iter().map(|(name, meaning)| format!("{name:<width$}  {meaning}"));
    ["valid"].into_iter().chain(iter::repeat("")).zip(rows).collect()
}

/// A valid value, to show how one is written.
fn example(entry: &dyn Entry) -> Cow<'static, str> {
    const SAMPLES: [&str; 5] = ["true", "100", "0.1", "train.tsv", "runs/first"];
    let of_kind = || {
        let sample = match &*entry.placeholder() {
            "DIR" => "runs/first",
            "NAME" => "text",
            _ => "",
        };
        Some(sample).filter(|sample| entry.accepts(sample))
    };
    entry
        .default()
        .filter(|default| *default != "false")
        .or_else(of_kind)
        .or_else(|| SAMPLES.into_iter().find(|sample| entry.accepts(sample)))
        .or_else(|| entry.choices().first().map(|(name, _)| *name))
        .map_or_else(|| entry.placeholder(), Cow::Borrowed)
}
