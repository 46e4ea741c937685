//! `trainer predict`: a class and its probability for each text of a stream, in order.
//!
//! A thread reads rows while the model works. Rows of a pipe are answered as they arrive, since the
//! writer may wait for an answer before it sends the next row; from files, batches are filled, so that
//! two runs give the same bits.

mod answer;
mod format;
mod given;
mod input;
mod output;
mod predictor;
mod sums;

use std::fs::File;
use std::io::{self, BufWriter, IsTerminal, Write};
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use lockstep_data::TextSource;
use lockstep_flags::{
    Choice, Command, CommandLine, Entries, FILE, Form, Key, Kind, SIZE, SWITCH, Table, Words,
    Written,
};
use lockstep_host::progress::Progress;
use lockstep_host::{ExitCode, Process, streams};
use lockstep_hub::HubSettings;
use lockstep_join::device::Place;
use lockstep_settings::{DATA_SOURCE, DataSource, dialect, keys};
use lockstep_trainer::Scorer;

use super::decision::{self, TEMPERATURE, THRESHOLD};
use crate::failure::Failure;
use crate::finished::{CHECKPOINT, Finished};
use crate::source_files::file_set;
use crate::sources;
use format::{Format, Shown, Writer};
use input::Texts;
use predictor::{Output, Predictor};

static INPUT: Key<DataSource> =
    Key::new(Table::COMMAND, "input", TEXT_SOURCE, "a text a line, or data files; - is stdin")
        .or("-");
static OUTPUT: Key<PathBuf> =
    Key::new(Table::COMMAND, "output", FILE, "where the answers go; - is stdout").or("-");
static INPUT_FORMAT: Key<lockstep_data::Format> =
    Key::new(Table::COMMAND, "input_format", INPUT_FORMATS, "format of the texts")
        .or_else("by --input's name, else text");
static FORMAT: Key<Format> = Key::new(Table::COMMAND, "format", FORMATS, "format of the answers")
    .or_else("by --output's name; text for a TEXT, else tsv");
static TOP_K: Key<NonZeroUsize> =
    Key::new(Table::COMMAND, "top_k", SIZE, "show only the K most probable classes")
        .or_else("all classes");
static SHOW_TEXT: Key<bool> =
    Key::new(Table::COMMAND, "show_text", SWITCH, "repeat the text in each answer").or("false");
static CONFIDENCE: Key<bool> =
    Key::new(Table::COMMAND, "confidence", SWITCH, "add the probability of the label").or("false");
static BATCH_TOKENS: Key<NonZeroUsize> =
    Key::new(Table::COMMAND, "max_tokens_per_batch", SIZE, "tokens that are classified at once")
        .or_else("2048, on a GPU 32768");

const TEXT_SOURCE: Kind<DataSource> = Kind::Read {
    form: Form::Files,
    placeholder: "FILES",
    valid: "a .txt file with a text a line, a .tsv, .csv, .jsonl, .json, .parquet or .arrow file, several \
            with commas between them, a pattern such as data/*.csv, hub:OWNER/NAME[:CONFIG]:SPLIT, \
            builtin:reviews, or - for the standard input",
    read: |text| match text {
        "-" => Some(DataSource::File(text.into())),
        text => DATA_SOURCE.read(text),
    },
};

const FORMATS: Kind<Format> = Kind::OneOf(|| {
    vec![
        Choice::new("text", "label, probability and text, for people", Format::Text),
        Choice::new("tsv", "columns with tabs between them, under a header", Format::Tsv),
        Choice::new("csv", "the same with commas between them", Format::Csv),
        Choice::new("jsonl", "a JSON object a line", Format::Jsonl),
    ]
});

const INPUT_FORMATS: Kind<lockstep_data::Format> = Kind::OneOf(|| {
    vec![
        Choice::new("text", "a text a line", lockstep_data::Format::Plain),
        Choice::new("tsv", "columns with tabs between them", lockstep_data::Format::Tsv),
        Choice::new("csv", "columns with commas between them", lockstep_data::Format::Csv),
        Choice::new("jsonl", "a JSON object a line", lockstep_data::Format::Jsonl),
        Choice::new("json", "an array of objects, or columns", lockstep_data::Format::Json),
        Choice::new("fasttext", "__label__NAME and a text a line", lockstep_data::Format::FastText),
        Choice::new("trec", "LABEL:sub and a text a line", lockstep_data::Format::Trec),
    ]
});

/// The command.
pub(super) static COMMAND: Command = Command {
    name: "predict",
    about: "Classify texts, in order",
    usage: "trainer predict --checkpoint DIR [TEXT...] [--input FILES] [--top-k K]",
    entries: || ENTRIES,
    words: Words::Texts("TEXT"),
    after: || ANSWERS.to_owned(),
};

const ANSWERS: &str = "\
answers:
  text   label, probability and text; with --top-k, a line for each label
  tsv    a header, then for each row: line, label, probability:CLASS ..., error
         --top-k K: line, label, confidence, label:2, probability:2 ..., error
  csv    the same with commas
  jsonl  an object for each row: line, label, probabilities, logits; or line, error
         --top-k K: line, label, confidence, top
A row that cannot be used, such as an empty line, is answered with an error.
Rows of several files have a column `file` in front.

For a model of pairs, two TEXTs that follow each other are a pair; in lines, the
two have a tab between them. Put -- before a TEXT that begins with a dash.

examples:
  trainer predict --checkpoint runs/sst2 \"what a film\"
  trainer predict --checkpoint runs/sst2 --input 'texts/*.csv' --output answers.csv
  trainer predict --checkpoint runs/mnli \"a man sleeps\" \"someone is asleep\"
  trainer predict --checkpoint runs/banking77 --top-k 3 --show-text < texts.txt";

static ENTRIES: &Entries = &[
    &CHECKPOINT,
    &INPUT,
    &INPUT_FORMAT,
    &OUTPUT,
    &FORMAT,
    &TOP_K,
    &CONFIDENCE,
    &SHOW_TEXT,
    &THRESHOLD,
    &TEMPERATURE,
    &BATCH_TOKENS,
    &keys::TEXT_COLUMN,
    &keys::NO_HEADER,
    &keys::DELIMITER_KEY,
    &keys::ENCODING_KEY,
    &keys::LIMIT,
    &keys::DEVICE,
];

/// Runs the command.
///
/// # Errors
/// A model that cannot be used, or a stream that breaks. A bad row is an answer, not an end.
pub(super) fn run(
    process: &Process,
    line: CommandLine,
    out: &mut dyn Write,
) -> Result<ExitCode, Failure> {
    let words = line.words.clone();
    let config = COMMAND.read(line, &[&CHECKPOINT])?;
    let path = config.get(&OUTPUT)?;
    let place = Place::alone(config.get(&keys::DEVICE)?, &process.environment)?;
    let finished = Finished::open(&config, &place)?;
    let question = question(words, &config, &finished, process)?;
    output::keep_input(&config, &path, &question.texts)?;
    let format = output::format(&config, &path, question.are_typed)?;
    let is_elsewhere = path.as_os_str() != "-";
    let predictor = predictor(finished, &config, format, &question)?;
    let rows = question.texts.open()?;
    let bar = Progress::count("classifying", "texts", is_elsewhere);
    if !is_elsewhere {
        let broken = &Failure::Output;
        return predictor.answer_all(rows, Output { out, broken, bar });
    }
    let broken = &|cause| Failure::Write { path: path.clone(), cause };
    let mut file = BufWriter::new(File::create(&path).map_err(broken)?);
    predictor.answer_all(rows, Output { out: &mut file, broken, bar })
}

/// The texts, and what is known of them.
struct Question {
    texts: Texts,
    /// Whether they are on the command line.
    are_typed: bool,
    are_pairs: bool,
    /// Whether each line is taken for a text although neither a flag nor the file's name says so.
    is_presumed: bool,
}

/// The texts that a command line means.
///
/// # Errors
/// Texts that cannot be read, and files that are not there.
fn question(
    words: Vec<String>,
    config: &Written,
    finished: &Finished,
    process: &Process,
) -> Result<Question, Failure> {
    let text_column = finished.text_column(config)?;
    let are_pairs = text_column.is_pair_in_lines();
    if let Some(texts) = given::texts(words, are_pairs, config)? {
        let texts = Texts::Given(texts);
        return Ok(Question { texts, are_typed: true, are_pairs, is_presumed: false });
    }
    let format = config.find(&INPUT_FORMAT);
    let source = config.get(&INPUT)?;
    let texts = TextSource { name: PathBuf::new(), format, text_column, dialect: dialect(config)? };
    let is_open = |name: &Path| format.is_none() && lockstep_data::Format::of(name).is_none();
    Ok(match source {
        DataSource::Reviews => {
            let texts = Texts::Given(sources::review_texts());
            Question { texts, are_typed: false, are_pairs: false, is_presumed: false }
        }
        DataSource::File(name) if name.as_os_str() == "-" => {
            if io::stdin().is_terminal() {
                streams::print_error_line("type a text on each line; Ctrl-D ends");
            }
            let is_presumed = is_open(&name);
            let texts = Texts::StandardInput(texts);
            Question { texts, are_typed: false, are_pairs, is_presumed }
        }
        source => {
            let files = file_set(&source, &HubSettings::of(&process.environment))?;
            let is_presumed = files.files.first().is_some_and(|name| is_open(name));
            let texts = Texts::Files(files, texts);
            Question { texts, are_typed: false, are_pairs, is_presumed }
        }
    })
}

fn predictor(
    finished: Finished,
    config: &Written,
    format: Format,
    question: &Question,
) -> Result<Predictor, Failure> {
    let scorer = Scorer::new(&finished.model)?;
    let decided = decision::decided(config, &finished)?;
    if let Some(calibration) = &decided.calibration {
        let words = decision::in_words(calibration, &finished);
        streams::print_error_line(format!("probabilities are calibrated: {words}"));
    }
    let shown = Shown {
        file: question.texts.are_in_several_files(),
        confidence: config.get(&CONFIDENCE)?,
        top: config.find(&TOP_K).map(NonZeroUsize::get),
        text: config.get(&SHOW_TEXT)?,
        are_pairs: question.are_pairs,
    };
    let at_once = config.find(&BATCH_TOKENS).map(NonZeroUsize::get);
    Ok(Predictor {
        decision: decided.decision,
        writer: Writer { format, shown, classes: finished.labels.names().to_vec() },
        tokens_at_once: at_once.unwrap_or_else(|| scorer.tokens_at_once()),
        is_presumed: question.is_presumed,
        sums_up: !question.are_typed,
        finished,
        scorer,
    })
}
