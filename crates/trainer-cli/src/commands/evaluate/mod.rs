//! `trainer evaluate`: how good a finished model is on a file, and how sure it should be.

mod answer;
mod by_class;
mod calibrating;

use std::io::Write;
use std::path::{Path, PathBuf};

use lockstep_data::{ColumnError, ColumnRole, DataError, TokenStore};
use lockstep_flags::{
    Command, CommandLine, Entries, FILE, Fault, Key, Problem, SWITCH, Table, Words, Written,
};
use lockstep_host::progress::Progress;
use lockstep_host::{ExitCode, Process};
use lockstep_hub::HubSettings;
use lockstep_join::device::Place;
use lockstep_report::{Histogram, Run, Story};
use lockstep_settings::{DATA_SOURCE, DataSource, Reading, TokenPlace, keys, sample};
use lockstep_trainer::{EvaluationReport, TrainEvent, evaluate};

use super::decision::{self, Decided, TEMPERATURE, THRESHOLD};
use crate::failure::Failure;
use crate::finished::{CHECKPOINT, Finished};
use crate::remedies;
use crate::report;
use crate::set::Set;
use crate::sources::{self, Places};
use crate::tokens::{self, Tokens};
use answer::Evaluated;

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

static CALIBRATE: Key<bool> = Key::new(
    Table::COMMAND,
    "calibrate",
    SWITCH,
    "fit a temperature to these examples and keep it beside the model",
)
.or("false");

/// The command.
pub(super) static COMMAND: Command = Command {
    name: "evaluate",
    about: "Measure a trained model on labelled examples",
    usage: "trainer evaluate --checkpoint DIR --data FILE [--json] [--report FILE]",
    entries: || ENTRIES,
    words: Words::None("give the file with --data"),
    after: || AFTER.to_owned(),
};

static ENTRIES: &Entries = &[
    &CHECKPOINT,
    &DATA,
    &JSON,
    &REPORT,
    &CALIBRATE,
    &TEMPERATURE,
    &THRESHOLD,
    &keys::TEXT_COLUMN,
    &keys::LABEL_COLUMN,
    &keys::NO_HEADER,
    &keys::DELIMITER_KEY,
    &keys::ENCODING_KEY,
    &keys::LABEL_MAP,
    &keys::BAD_ROWS,
    &keys::MAX_EVAL_SAMPLES,
    &keys::SEED,
    &keys::NO_SHUFFLE,
    &keys::LIMIT,
    &keys::DEVICE,
];

const AFTER: &str = "\
AUROC and average precision are those of scikit-learn: of the second of two
classes, else the mean over each class against the rest. The baseline is what
always answering the most frequent class gives. ECE is the mean gap between
confidence and accuracy.

--calibrate writes calibration.json beside the model, which `predict` and
`evaluate` then use: probabilities change, the most probable class does not. Fit
it on examples that were not trained on and are not the test set. Remove the
file to undo it.

examples:
  trainer evaluate --checkpoint runs/sst2 --data test.tsv --report test.html
  trainer evaluate --checkpoint runs/sst2 --data dev.tsv --calibrate
  trainer evaluate --checkpoint runs/sst2 --data test.tsv --threshold 0.3";

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
    let calibrates = calibrates(&config)?;
    let place = Place::alone(config.get(&keys::DEVICE)?, &process.environment)?;
    let finished = Finished::open(&config, &place)?;
    let decided = match calibrates {
        true => decision::uncalibrated(&config, &finished)?,
        false => decision::decided(&config, &finished)?,
    };
    let reading = finished.reading(&config)?;
    let hub = HubSettings::of(&process.environment);
    let cache = tokens::cache(Some(&TokenPlace::Off), &process.environment);
    let places = Places { hub: &hub, cache: Some(&cache) };
    let corpus = corpus(&config, &finished, &reading, places)?;
    let name = sources::name(&config.get(&DATA)?);
    let (cache, tokenizer, reading) = (&cache, &finished.tokenizer, &reading);
    let store = Tokens { cache, tokenizer, reading }.of(&corpus)?;
    let split = Split { name: &name, store: &store };
    let (report, calibration) = evaluated(&finished, split, &decided, calibrates)?;
    if let Some(path) = config.find(&REPORT) {
        write_report(&report, &corpus, &store, &path)?;
    }
    let evaluated = Evaluated {
        report: &report,
        calibration: &calibration,
        corpus: &corpus,
        truncated: store.truncated(),
        finished: &finished,
    };
    super::tell(out, &if config.get(&JSON)? { evaluated.json()? } else { evaluated.table() })
}

/// The examples that the flags mean.
///
/// # Errors
/// A source that cannot be used, or does not fit the model.
fn corpus(
    config: &Written,
    finished: &Finished,
    reading: &Reading,
    places: Places<'_>,
) -> Result<Set, Failure> {
    let source = config.get(&DATA)?;
    check_labels(&source, finished)?;
    let name = sources::name(&source);
    let corpus = sources::read(&source, reading, &finished.labels, places).map_err(unlabelled)?;
    finished.check_texts(&name, corpus.columns().second.is_some())?;
    let corpus = corpus.limited_to(sample(config, &keys::MAX_EVAL_SAMPLES)?, places.cache)?;
    for doubt in corpus.doubts_of_reading() {
        tracing::warn!("{name}: {}", remedies::of_file_doubt(&doubt));
    }
    Ok(corpus)
}

/// The failure where it is that there are no labels, as what it is.
fn unlabelled(failure: Failure) -> Failure {
    match failure {
        Failure::Data(
            error @ DataError::Column {
                fault: ColumnError::NotDetected { role: ColumnRole::Label, .. },
                ..
            },
        ) => Failure::Unlabelled(Box::new(error)),
        failure => failure,
    }
}

/// The examples of an evaluation.
#[derive(Clone, Copy)]
struct Split<'a> {
    /// What messages call their source.
    name: &'a str,
    store: &'a TokenStore,
}

/// How the probabilities of an evaluation were made.
enum Calibrated {
    /// By the logits as they are, or a temperature that a flag says.
    Not,
    /// As the file beside the model says, in words.
    Before(String),
    /// By a temperature that was found now.
    Now(calibrating::Fitted),
}

fn evaluated(
    finished: &Finished,
    split: Split<'_>,
    decided: &Decided,
    calibrates: bool,
) -> Result<(EvaluationReport, Calibrated), Failure> {
    let _bar = Progress::spinner("evaluating");
    if calibrates {
        let (report, fitted) = calibrating::fit(finished, split, decided.decision)?;
        return Ok((report, Calibrated::Now(fitted)));
    }
    let Split { name, store } = split;
    let report = evaluate(&finished.model, name, store, decided.decision)?;
    let calibration = decided.calibration.as_ref();
    let words = calibration.map(|found| decision::in_words(found, finished));
    Ok((report, words.map_or(Calibrated::Not, Calibrated::Before)))
}

/// Whether a temperature is looked for.
///
/// # Errors
/// One that is given too.
fn calibrates(config: &Written) -> Result<bool, Fault> {
    let calibrates = config.get(&CALIBRATE)?;
    if !calibrates || config.given(&TEMPERATURE).is_none() {
        return Ok(calibrates);
    }
    let (place, other) = (config.place(&CALIBRATE), config.place(&TEMPERATURE));
    let remedy = "a calibration finds the temperature; leave out one of them";
    Err(Fault { place, problem: Problem::Contradiction { other, remedy } })
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
