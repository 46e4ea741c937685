//! `trainer evaluate`: how good a finished model is on a file.

use std::io::Write;
use std::path::{Path, PathBuf};

use lockstep_collective::Solo;
use lockstep_data::{CorpusFacts, TokenStore};
use lockstep_flags::{
    Command, CommandLine, Entries, FILE, Fault, Key, Problem, SWITCH, Table, Words, Written,
};
use lockstep_host::progress::Progress;
use lockstep_host::{ExitCode, Process};
use lockstep_hub::HubSettings;
use lockstep_join::device::Place;
use lockstep_report::{Histogram, Run, Story};
use lockstep_settings::{DATA_SOURCE, DataSource, TokenPlace, keys};
use lockstep_trainer::{EvaluationReport, TrainEvent, evaluate};
use lockstep_world::Step;

use crate::classes;
use crate::failure::Failure;
use crate::finished::{CHECKPOINT, Finished};
use crate::remedies;
use crate::report;
use crate::set::Set;
use crate::sources::{self, Places};
use crate::tokens::{self, Tokens};
use lockstep_world::counted;

static DATA: Key<DataSource> = Key::new(
    Table::COMMAND,
    "data",
    DATA_SOURCE,
    "labelled examples: a file, or hub:OWNER/NAME[:CONFIG]:SPLIT",
);
pub(super) static JSON: Key<bool> =
    Key::new(Table::COMMAND, "json", SWITCH, "answer with one JSON object").or("false");

static REPORT: Key<PathBuf> =
    Key::new(Table::COMMAND, "report", FILE, "also write a page with what was found")
        .or_else("none");

/// The command.
pub(super) static COMMAND: Command = Command {
    name: "evaluate",
    about: "Measure a trained model on labelled examples",
    usage: "trainer evaluate --checkpoint DIR --data FILE [--json] [--report FILE]",
    entries: || ENTRIES,
    words: Words::None("give the file with --data"),
    after: String::new,
};

static ENTRIES: &Entries = &[
    &CHECKPOINT,
    &DATA,
    &JSON,
    &REPORT,
    &keys::TEXT_COLUMN,
    &keys::LABEL_COLUMN,
    &keys::NO_HEADER,
    &keys::DELIMITER_KEY,
    &keys::ENCODING_KEY,
    &keys::LABEL_MAP,
    &keys::BAD_ROWS,
    &keys::LIMIT,
    &keys::DEVICE,
];

/// Up to this many classes the confusion matrix is shown.
const CLASSES_SHOWN: usize = 12;

/// Runs the command.
///
/// # Errors
/// A model or data that cannot be used.
pub(super) fn run(
    process: &Process,
    line: CommandLine,
    out: &mut dyn Write,
) -> Result<ExitCode, Failure> {
    let config = COMMAND.read(line, &[&CHECKPOINT, &DATA])?;
    let place = Place::alone(config.get(&keys::DEVICE)?, &process.environment)?;
    let finished = Finished::open(&config, &place)?;
    let reading = finished.reading(&config)?;
    let source = config.get(&DATA)?;
    check_labels(&source, &finished)?;
    let hub = HubSettings::of(&process.environment);
    let cache = tokens::cache(Some(&TokenPlace::Off), &process.environment);
    let places = Places { hub: &hub, cache: Some(&cache) };
    let corpus = sources::read(&source, &reading, &finished.labels, places)?;
    for doubt in corpus.doubts_of_reading() {
        tracing::warn!("{}: {}", sources::name(&source), remedies::of_file_doubt(&doubt));
    }
    let (cache, tokenizer, reading) = (&cache, &finished.tokenizer, &reading);
    let store = Tokens { cache, tokenizer, reading }.of(&corpus)?;
    let bar = Progress::spinner("evaluating");
    let report =
        evaluate(&finished.model, &sources::name(&source), &store, Step::START, &mut Solo)?;
    drop(bar);
    if let Some(path) = config.find(&REPORT) {
        write_report(&report, &corpus, &store, &path)?;
    }
    let text = match is_json(&config)? {
        true => json(&report, &corpus, store.truncated(), &finished)?,
        false => table(&report, &corpus, store.truncated(), &finished),
    };
    super::tell(out, &text)
}

/// The reviews that are built in have labels of their own, which only their own model knows.
fn check_labels(source: &DataSource, finished: &Finished) -> Result<(), Fault> {
    if *source != DataSource::Reviews || finished.labels.names() == sources::review_labels() {
        return Ok(());
    }
    let other = format!("--checkpoint, whose classes are {}", finished.labels.names().join(", "));
    let remedy = "the built-in reviews fit a model that was trained on them";
    let problem = Problem::Contradiction { other, remedy };
    Err(Fault { place: "--data builtin:reviews".to_owned(), problem })
}

/// Writes the page of an evaluation.
fn write_report(
    report: &EvaluationReport,
    corpus: &Set,
    store: &TokenStore,
    path: &Path,
) -> Result<(), Failure> {
    let mut story = Story::default();
    story.observe(&TrainEvent::Evaluation(report.clone()));
    let run = Run {
        name: format!("Evaluation on {}", report.split),
        classes: corpus.labels().names().to_vec(),
        lengths: Some(Histogram::of(store.lengths(), store.truncated())),
        mistakes: Some(report::mistakes(&story, corpus)?),
        story,
        ..Run::default()
    };
    report::write_page(&[run], path)
}

fn is_json(config: &Written) -> Result<bool, Failure> {
    Ok(config.get(&JSON)?)
}

fn json(
    report: &EvaluationReport,
    corpus: &CorpusFacts,
    truncated: usize,
    finished: &Finished,
) -> Result<String, Failure> {
    let mut value = serde_json::to_value(report).map_err(|e| Failure::Output(e.into()))?;
    if let Some(object) = value.as_object_mut() {
        object.remove("step");
        object.insert("labels".to_owned(), finished.labels.names().into());
        object.insert("counts".to_owned(), corpus.counts().into());
        object.insert("labels_read_as_ids".to_owned(), corpus.numbered().into());
        object.insert("skipped".to_owned(), corpus.skipped().total().into());
        object.insert("max_seq_length".to_owned(), finished.max_length.get().into());
        object.insert("truncated".to_owned(), truncated.into());
    }
    Ok(format!("{value}\n"))
}

fn table(
    report: &EvaluationReport,
    corpus: &CorpusFacts,
    truncated: usize,
    finished: &Finished,
) -> String {
    let [low, high] = report.accuracy_interval;
    let mut text = format!(
        "examples   {} from {}\naccuracy   {:.4}  (95 % interval {low:.4} to {high:.4})\n\
         macro F1   {:.4}\nMCC        {:.4}\nmean loss  {:.4}\n",
        report.examples, report.split, report.accuracy, report.f1, report.mcc, report.loss
    );
    text += &format!("data       {}\n", classes::in_words(corpus));
    text += &classes::numbered(corpus).replacen("           ", "labels     ", 1);
    if !corpus.skipped().is_empty() {
        text += &format!(
            "skipped    {}: {}\n",
            counted(corpus.skipped().total(), "row"),
            corpus.skipped()
        );
    }
    let limit = finished.max_length.get();
    text += &format!("truncated  {} to {limit} tokens\n", counted(truncated, "text"));
    if finished.labels.len() <= CLASSES_SHOWN {
        text += &confusion(report, finished.labels.names());
    }
    text
}

/// A class's name on one line, as wide as it has characters.
fn in_a_cell(name: &str) -> String {
    let printable = name.replace(char::is_control, " ");
    printable.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Examples by true class (row) and predicted class (column).
fn confusion(report: &EvaluationReport, names: &[String]) -> String {
    let names: Vec<String> = names.iter().map(|name| in_a_cell(name)).collect();
    let width = names.iter().map(|name| name.chars().count()).max().unwrap_or(0).max(7);
    let row = |head: &str, cells: &mut dyn Iterator<Item = String>| {
        let cells: Vec<String> = cells.map(|cell| format!("{cell:>width$}")).collect();
        format!("{head:<width$}  {}\n", cells.join("  "))
    };
    let mut text =
        String::from("\nconfusion matrix: true class by row, predicted class by column\n");
    text += &row("", &mut names.iter().cloned());
    for (name, counts) in names.iter().zip(&report.confusion) {
        text += &row(name, &mut counts.iter().map(u64::to_string));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_name_of_a_class_breaks_the_matrix() {
        let report = EvaluationReport {
            step: 0,
            split: "held.tsv".to_owned(),
            loss: 0.5,
            accuracy: 0.5,
            accuracy_interval: [0.4, 0.6],
            f1: 0.5,
            mcc: 0.0,
            examples: 10,
            correct: 5,
            confusion: vec![vec![3, 2], vec![3, 2]],
            reliability: vec![],
            mistakes: vec![],
            seconds: 1.0,
            ..EvaluationReport::default()
        };
        let names = ["not\tgood\r\n", "bad\u{7}"].map(str::to_owned);
        let found = confusion(&report, &names);
        let expected = "\nconfusion matrix: true class by row, predicted class by column\n\
                        \u{20}         not good       bad\n\
                        not good         3         2\n\
                        bad              3         2\n";
        assert_eq!(found, expected);
    }
}
