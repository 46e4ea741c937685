//! `trainer predict`: a class and its probability for each text of a stream, in order.
//!
//! A thread reads rows while the model works. Rows of a pipe are answered as they arrive, since the
//! writer may wait for an answer before it sends the next row; from a file, batches are filled, so that
//! two runs give the same bits.

mod answer;
mod input;
mod sums;

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::mem;
use std::path::{Path, PathBuf};
use std::time::Instant;

use lockstep_data::{Batch, TextRow, TextSource, TokenStore, is_name_of_texts, texts_of};
use lockstep_flags::{
    Choice, Command, CommandLine, Entries, FILE, Fault, Key, Kind, Problem, Table, Words, Written,
};
use lockstep_host::{ExitCode, Process, streams};
use lockstep_join::device::Place;
use lockstep_settings::{dialect, keys};
use lockstep_trainer::{Scorer, TrainError};

use crate::failure::Failure;
use crate::finished::{CHECKPOINT, Finished};
use crate::remedies;
use answer::{Answer, Format};
use input::Rows;
use sums::Sums;

static INPUT: Key<PathBuf> =
    Key::new(Table::COMMAND, "input", FILE, "a text a line, or a data file; - is stdin").or("-");
static OUTPUT: Key<PathBuf> =
    Key::new(Table::COMMAND, "output", FILE, "where the answers go; - is stdout").or("-");
static INPUT_FORMAT: Key<lockstep_data::Format> =
    Key::new(Table::COMMAND, "input_format", INPUT_FORMATS, "format of the texts")
        .or_else("by --input's name, else text");
static FORMAT: Key<Format> = Key::new(Table::COMMAND, "format", FORMATS, "format of the answers")
    .or_else("by --output's name, else tsv");

const FORMATS: Kind<Format> = Kind::OneOf(|| {
    vec![
        Choice::new("tsv", "columns with tabs between them, under a header", Format::Tsv),
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
    about: "Classify a stream of texts, in order",
    usage: "trainer predict --checkpoint DIR [--input FILE|-] [--output FILE|-]",
    entries: || ENTRIES,
    words: Words::None("give the file with --input"),
    after: || ANSWERS.to_owned(),
};

const ANSWERS: &str = "\
answers:
  tsv    a header, then for each row: line, label, probability:CLASS ..., error
  jsonl  an object for each row: line, label, probabilities, logits; or line, error
  A row that cannot be used, such as an empty line, is answered with an error.";

static ENTRIES: &Entries = &[
    &CHECKPOINT,
    &INPUT,
    &INPUT_FORMAT,
    &OUTPUT,
    &FORMAT,
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
    let config = COMMAND.read(line, &[&CHECKPOINT])?;
    let place = Place::alone(config.get(&keys::DEVICE)?, &process.environment)?;
    let finished = Finished::open(&config, &place)?;
    let path = config.get(&OUTPUT)?;
    keep_input(&config, &path)?;
    let source = TextSource {
        name: config.get(&INPUT)?,
        format: config.find(&INPUT_FORMAT),
        text_column: finished.text_column(&config)?,
        dialect: dialect(&config)?,
    };
    let is_presumed = source.format.is_none() && lockstep_data::Format::of(&source.name).is_none();
    let rows = Rows::open(source)?;
    let format = format(&config, &path)?;
    if path.as_os_str() == "-" {
        return Predictor::new(finished, format, is_presumed)?.answer_all(
            rows,
            out,
            Failure::Output,
        );
    }
    let broken = |cause| Failure::Write { path: path.clone(), cause };
    let mut file = BufWriter::new(File::create(&path).map_err(broken)?);
    Predictor::new(finished, format, is_presumed)?.answer_all(rows, &mut file, broken)
}

/// Whether the answers leave the texts alone.
///
/// # Errors
/// An output that is the input itself, which would be lost.
fn keep_input(config: &Written, output: &Path) -> Result<(), Failure> {
    let real = |path: &Path| path.canonicalize().ok().filter(|path| path.is_file());
    let input = real(&config.get(&INPUT)?);
    if input.is_none() || input != real(output) {
        return Ok(());
    }
    let (place, other) = (config.place(&OUTPUT), config.place(&INPUT));
    let remedy = "the answers would replace the texts; name another file";
    Err(Fault { place, problem: Problem::Contradiction { other, remedy } }.into())
}

/// How the answers are written.
///
/// # Errors
/// A name of the output that promises what is not written.
fn format(config: &Written, output: &Path) -> Result<Format, Fault> {
    if let Some(format) = config.find(&FORMAT) {
        return Ok(format);
    }
    let extension = output.extension().unwrap_or_default().to_string_lossy().to_lowercase();
    match extension.as_str() {
        "jsonl" => Ok(Format::Jsonl),
        "csv" | "json" | "parquet" | "xlsx" | "gz" => {
            let remedy = "answers are written as tsv or jsonl: name the file so, or give --format";
            let other = "the format of the answers".to_owned();
            Err(Fault {
                place: config.place(&OUTPUT),
                problem: Problem::Contradiction { other, remedy },
            })
        }
        _ => Ok(Format::Tsv),
    }
}

/// What a model found for some texts.
#[derive(Default)]
struct Scored {
    /// (B, K).
    logits: Vec<Vec<f32>>,
    /// How many texts were longer than is read.
    truncated: usize,
}

/// A model that answers.
struct Predictor {
    finished: Finished,
    format: Format,
    scorer: Scorer,
    /// Whether each line is taken for a text although neither a flag nor the file's name says so.
    is_presumed: bool,
}

impl Predictor {
    fn new(finished: Finished, format: Format, is_presumed: bool) -> Result<Self, Failure> {
        let scorer = Scorer::new(&finished.model)?;
        Ok(Self { finished, format, scorer, is_presumed })
    }

    fn answer_all(
        mut self,
        mut rows: Rows,
        out: &mut dyn Write,
        broken: impl Fn(io::Error) -> Failure,
    ) -> Result<ExitCode, Failure> {
        let began = Instant::now();
        let mut sums = Sums::default();
        out.write_all(self.format.header(&self.finished.labels).as_bytes()).map_err(&broken)?;
        let end = loop {
            let chunk = match rows.next_chunk() {
                Ok(Some(chunk)) => chunk,
                end => break end,
            };
            self.warn_of_header(&chunk);
            let (answers, truncated) = self.answers(&chunk)?;
            sums.cut += truncated;
            for answer in &answers {
                sums.count(answer);
                let line = self.format.line(answer, &self.finished.labels);
                line.and_then(|line| out.write_all(line.as_bytes())).map_err(&broken)?;
            }
            out.flush().map_err(&broken)?;
        };
        out.flush().map_err(&broken)?;
        if end.is_ok() || sums.rows() > 0 {
            let seconds = began.elapsed().as_secs_f64();
            streams::print_error_line(sums.summary(self.finished.max_length.get(), seconds));
        }
        end?;
        for doubt in rows.into_doubts() {
            tracing::warn!("{}", remedies::of_file_doubt(&doubt));
        }
        sums.code()
    }

    /// Warns when the first line is a usual name of a text column.
    fn warn_of_header(&mut self, first: &[TextRow]) {
        let name = |row: &TextRow| row.text.as_deref().is_ok_and(is_name_of_texts);
        if mem::take(&mut self.is_presumed) && first.first().is_some_and(name) {
            tracing::warn!(
                "line 1 looks like the header of a table with one column, and is classified as a \
                 text; pass --input-format csv if it is a header, else --input-format text"
            );
        }
    }

    /// The answers to some rows, and how many of their texts were cut.
    fn answers(&mut self, rows: &[TextRow]) -> Result<(Vec<Answer>, usize), Failure> {
        let Scored { logits, truncated } = self.scores(rows)?;
        let mut scores = logits.into_iter();
        let answer = |row: &TextRow| match &row.text {
            Ok(_) => Answer::of_scores(row.line, scores.next().unwrap_or_default()),
            Err(fault) => Answer::of_fault(row.line, fault.kind.to_string()),
        };
        Ok((rows.iter().map(answer).collect(), truncated))
    }

    /// The logits of the texts among some rows.
    fn scores(&mut self, rows: &[TextRow]) -> Result<Scored, Failure> {
        let texts = rows.iter().filter_map(|row| row.text.as_deref().ok());
        let are_pairs = texts.clone().any(|text| texts_of(text).1.is_some());
        self.finished.check_texts("the input", are_pairs)?;
        let Finished { model, tokenizer, max_length, .. } = &self.finished;
        let store = TokenStore::build(texts.map(|text| (text, 0)), tokenizer, *max_length)
            .map_err(|error| Failure::Data(error.into()))?;
        if store.is_empty() {
            return Ok(Scored::default());
        }
        let all: Vec<usize> = (0..store.len()).collect();
        let batch = Batch::pack(&store, &all).map_err(TrainError::from)?;
        Ok(Scored { logits: self.scorer.scores(model, &batch)?, truncated: store.truncated() })
    }
}
