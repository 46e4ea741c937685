//! What was found in the files, as a table and as JSON.

use lockstep_data::{Bin, Columns, Conflict, Corpus, Sampled};
use lockstep_world::counted;
use serde_json::{Map, Value, json};

use super::{Inspected, Tokens};
use crate::{classes, expected_time};

/// A longer share of truncated texts than this is worth a warning.
const TRUNCATED: f64 = 0.05;
/// The widest bar of the histogram, in characters.
const BAR: usize = 40;

/// The table for people.
pub(super) fn table(all: &[Inspected]) -> String {
    let first = all.first().map_or("", |first| first.name.as_str());
    let of_file = |one: &Inspected| {
        let rows = rows(one, first).into_iter();
        let lines: String = rows.map(|(name, value)| format!("  {name:<10} {value}\n")).collect();
        format!("{}\n{lines}{}", one.name, one.tokens.as_ref().map_or(String::new(), histogram))
    };
    all.iter().map(of_file).collect::<Vec<_>>().join("\n")
}

fn rows(one: &Inspected, first: &str) -> Vec<(&'static str, String)> {
    let skipped = one.corpus.skipped();
    let mut rows = vec![("rows", format!("{}", one.rows))];
    if !skipped.is_empty() {
        rows.push(("unusable", format!("{}: {skipped}", counted(skipped.total(), "row"))));
    }
    if let Some(sampled) = one.corpus.sampled() {
        rows.push(("sampled", sampled.in_words(one.corpus.count())));
    }
    rows.extend([
        ("columns", columns(&one.corpus)),
        ("classes", classes::in_words(&one.corpus)),
        (
            "repeated",
            format!("{} with the text of an earlier row", counted(one.repeats.rows, "row")),
        ),
        (
            "conflicts",
            format!("{} with more than one class", counted(one.repeats.conflicts, "text")),
        ),
    ]);
    if let Some(overlap) = one.overlap {
        rows.push(("overlap", format!("{} with a text of {first}", counted(overlap, "row"))));
    }
    rows.extend(one.tokens.iter().flat_map(of_tokens));
    // Nothing is learned from the other files.
    let trained = one.tokens.as_ref().filter(|_| one.overlap.is_none());
    let seconds = trained.and_then(|tokens| tokens.epoch_seconds);
    rows.extend(seconds.map(|seconds| ("epoch", expected_time::in_words(seconds))));
    rows
}

fn of_tokens(tokens: &Tokens) -> [(&'static str, String); 4] {
    let [least, median, ninety, most_of_all, most] = tokens.lengths.quantiles;
    let batches = &tokens.batches;
    let added = |factor: f64| format!("{:.0} %", 100.0 * (factor - 1.0));
    [
        ("tokens", format!("{}, {:.1} a text", tokens.total, tokens.lengths.mean)),
        (
            "lengths",
            format!(
                "{least} to {most} tokens; half of the texts have at most {median}, 90 % {ninety}, \
                 99 % {most_of_all}"
            ),
        ),
        ("truncated", format!("{} to {} tokens", counted(tokens.truncated, "text"), tokens.limit)),
        (
            "batch",
            format!(
                "{} have {:.0} tokens; padding to the longest would add {}, to {} tokens {}",
                counted(batches.texts, "text"),
                batches.tokens,
                added(batches.padded),
                tokens.limit,
                added(batches.full)
            ),
        ),
    ]
}

fn histogram(tokens: &Tokens) -> String {
    let bins = &tokens.lengths.histogram;
    let most = bins.iter().map(|bin| bin.texts).max().unwrap_or(0).max(1);
    let bar = |texts: usize| "#".repeat((texts * BAR).div_ceil(most));
    let line = |bin: &Bin| {
        format!("  to {:<7} {:>9}  {}", bin.most, bin.texts, bar(bin.texts)).trim_end().to_owned()
            + "\n"
    };
    bins.iter().map(line).collect()
}

/// What a user should know before a training.
pub(super) fn warnings(one: &Inspected, first: &str) -> Vec<String> {
    let mut warnings = Vec::new();
    if let Some(Conflict { text, places: [before, after] }) = &one.repeats.conflict {
        warnings.push(format!(
            "{} with more than one class, such as {text} in {before} and {after}",
            counted(one.repeats.conflicts, "text")
        ));
    }
    if let Some(overlap) = one.overlap.filter(|overlap| *overlap > 0) {
        warnings.push(format!(
            "{} also in {first}; scores on them do not show how the model does on new texts",
            texts_are(overlap)
        ));
    }
    if let Some(tokens) = &one.tokens
        && tokens.truncated as f64 > TRUNCATED * one.corpus.examples().len() as f64
    {
        warnings.push(format!(
            "{} longer than {} tokens and truncated; pass a larger --max-seq-length to keep them whole",
            texts_are(tokens.truncated),
            tokens.limit
        ));
    }
    warnings
}

fn texts_are(count: usize) -> String {
    format!("{} {}", counted(count, "text"), if count == 1 { "is" } else { "are" })
}

/// The columns that were read, in words.
fn columns(corpus: &Corpus) -> String {
    let Columns { text, second, label } = corpus.columns();
    let second = second.as_ref().map_or_else(String::new, |second| format!(" with `{second}`"));
    let label = label.as_ref().map_or_else(String::new, |label| format!(", label `{label}`"));
    format!("text `{text}`{second}{label}")
}

/// The same for programs, as one line.
pub(super) fn json(all: &[Inspected]) -> String {
    format!("{}\n", json!({ "files": all.iter().map(object).collect::<Vec<_>>() }))
}

fn object(one: &Inspected) -> Value {
    let corpus = &one.corpus;
    let unusable: Map<String, Value> =
        corpus.skipped().counts().map(|(kind, count)| (kind.to_owned(), count.into())).collect();
    json!({
        "file": one.name,
        "rows": one.rows,
        "usable": corpus.sampled().map_or(corpus.count(), Sampled::of),
        "sampled": corpus.sampled().map(|_| corpus.count()),
        "unusable": unusable,
        "text_column": corpus.columns().text,
        "text_pair_column": corpus.columns().second,
        "label_column": corpus.columns().label,
        "classes": classes::counts_by_name(corpus),
        "repeated_rows": one.repeats.rows,
        "conflicting_texts": one.repeats.conflicts,
        "overlap": one.overlap,
        "tokens": one.tokens.as_ref().map(tokens),
    })
}

fn tokens(tokens: &Tokens) -> Value {
    let [min, median, p90, p99, max] = tokens.lengths.quantiles;
    let bins = tokens.lengths.histogram.iter();
    json!({
        "total": tokens.total,
        "mean": tokens.lengths.mean,
        "min": min, "median": median, "p90": p90, "p99": p99, "max": max,
        "histogram": bins.map(|bin| json!({ "to": bin.most, "texts": bin.texts })).collect::<Vec<_>>(),
        "max_seq_length": tokens.limit,
        "truncated": tokens.truncated,
        "epoch_seconds": tokens.epoch_seconds,
        "batch_texts": tokens.batches.texts,
        "batch_tokens": tokens.batches.tokens,
        "padded_to_longest": tokens.batches.padded,
        "padded_to_limit": tokens.batches.full,
    })
}
