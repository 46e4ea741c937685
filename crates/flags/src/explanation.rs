//! What `--help KEY` says: one key at length.

use crate::key::Entry;
use crate::kind::Form;
use crate::table::Table;
use crate::words::same_words;

/// Meaning, valid values, default, other names and examples of a key.
pub(crate) fn explanation(entry: &dyn Entry) -> String {
    let mut rows = vec![("valid", entry.valid().to_owned())];
    rows.push(("default", entry.default().unwrap_or("none").to_owned()));
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
            Form::Number | Form::Switch => value.to_owned(),
            Form::Text | Form::List => format!("{value:?}"),
        };
        rows.push(("TOML", format!("[{}]", entry.table().name())));
        rows.push(("", format!("{} = {quoted}", entry.name())));
    }
    let rows = rows.iter().map(|(name, text)| format!("  {name:<8} {text}\n"));
    let head = format!("{} {}", entry.flag(), entry.placeholder());
    format!("{}\n  {}\n\n{}", head.trim_end(), entry.meaning(), rows.collect::<String>())
}

/// A valid value, to show how one is written.
fn example(entry: &dyn Entry) -> &'static str {
    const SAMPLES: [&str; 5] = ["true", "100", "0.1", "train.tsv", "runs/first"];
    let of_kind = || {
        let sample = match entry.placeholder() {
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
        .unwrap_or_else(|| entry.placeholder().split('|').next().unwrap_or_default())
}
