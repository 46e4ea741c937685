//! `trainer predict`: a class and its probability for each text of a stream, in order.
//!
//! A thread reads rows while the model works. From a pipe, whatever has arrived is answered at once,
//! so that whoever waits for an answer before the next question gets it; from a file, batches are
//! filled, so that two runs give the same bits.

mod answer;
mod input;

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::time::Instant;

use lockstep_data::{Batch, TextRow, TokenStore};
use lockstep_flags::{Entries, FILE, Fault, Form, Key, Kind, Problem, Table, Written, flags};
use lockstep_host::{ExitCode, Process, streams};
use lockstep_join::device::Place;
use lockstep_settings::keys;
use lockstep_trainer::{Scorer, TrainError};

use crate::failure::Failure;
use crate::finished::{CHECKPOINT, Finished};
use answer::{Answer, Format};
use input::Rows;

static INPUT: Key<PathBuf> =
    Key::new(Table::COMMAND, "input", FILE, "a text a line, or .tsv, .csv, .jsonl; - is stdin")
        .or("-");
static OUTPUT: Key<PathBuf> =
    Key::new(Table::COMMAND, "output", FILE, "where the answers go; - is stdout").or("-");
static FORMAT: Key<Format> =
    Key::new(Table::COMMAND, "format", FORMATS, "of the answers (else by --output, else tsv)");

const FORMATS: Kind<Format> = Kind {
    form: Form::Text,
    placeholder: "tsv|jsonl",
    valid: "tsv or jsonl",
    read: |text| match text {
        "tsv" => Some(Format::Tsv),
        "jsonl" => Some(Format::Jsonl),
        _ => None,
    },
};

/// The flags of this command.
pub(crate) static ENTRIES: &Entries =
    &[&CHECKPOINT, &INPUT, &OUTPUT, &FORMAT, &keys::TEXT_COLUMN, &keys::LIMIT, &keys::DEVICE];

/// Runs the command.
///
/// # Errors
/// A model that cannot be used, or a stream that breaks. A bad row is an answer, not an end.
pub(super) fn run(
    process: &Process,
    arguments: &[String],
    out: &mut dyn Write,
) -> Result<ExitCode, Failure> {
    let config = flags(arguments, ENTRIES, (&[&CHECKPOINT], "give the file with --input"))?;
    let place = Place::alone(config.get(&keys::DEVICE)?, &process.environment)?;
    let finished = Finished::open(&config, &place)?;
    let path = config.get(&OUTPUT)?;
    keep_input(&config, &path)?;
    let rows = Rows::open(&config.get(&INPUT)?, config.find(&keys::TEXT_COLUMN))?;
    let format = format(&config, &path);
    if path.as_os_str() == "-" {
        return Predictor::new(finished, format)?.answer_all(rows, out, Failure::Output);
    }
    let broken = |cause| Failure::Write { path: path.clone(), cause };
    let mut file = BufWriter::new(File::create(&path).map_err(broken)?);
    Predictor::new(finished, format)?.answer_all(rows, &mut file, broken)
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

fn format(config: &Written, output: &Path) -> Format {
    let by_name = match output.extension() {
        Some(extension) if extension == "jsonl" => Format::Jsonl,
        _ => Format::Tsv,
    };
    config.find(&FORMAT).unwrap_or(by_name)
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
}

impl Predictor {
    fn new(finished: Finished, format: Format) -> Result<Self, Failure> {
        let scorer = Scorer::new(&finished.model)?;
        Ok(Self { finished, format, scorer })
    }

    fn answer_all(
        mut self,
        mut rows: Rows,
        out: &mut dyn Write,
        broken: impl Fn(io::Error) -> Failure,
    ) -> Result<ExitCode, Failure> {
        let began = Instant::now();
        let (mut answered, mut faulty, mut cut) = (0_u64, 0_u64, 0);
        out.write_all(self.format.header(&self.finished.labels).as_bytes()).map_err(&broken)?;
        while let Some(chunk) = rows.next_chunk()? {
            let Scored { logits, truncated } = self.scores(&chunk)?;
            cut += truncated;
            let mut scores = logits.into_iter();
            for row in &chunk {
                let answer = match &row.text {
                    Ok(_) => Answer::of_scores(row.line, scores.next().unwrap_or_default()),
                    Err(fault) => Answer::of_fault(row.line, fault.kind.to_string()),
                };
                let is_faulty = matches!(answer, Answer::Fault { .. });
                answered += u64::from(!is_faulty);
                faulty += u64::from(is_faulty);
                let line = self.format.line(&answer, &self.finished.labels);
                line.and_then(|line| out.write_all(line.as_bytes())).map_err(&broken)?;
            }
            out.flush().map_err(&broken)?;
        }
        out.flush().map_err(&broken)?;
        let seconds = began.elapsed().as_secs_f64().max(1e-9);
        let (rate, limit) = (answered as f64 / seconds, self.finished.max_length.get());
        streams::tell(format_args!(
            "{answered} texts classified, {cut} of them cut at {limit} tokens, {faulty} rows with an \
             error, {rate:.0} texts/s"
        ));
        Ok(ExitCode::Done)
    }

    /// The logits of the texts among some rows.
    fn scores(&mut self, rows: &[TextRow]) -> Result<Scored, Failure> {
        let texts = rows.iter().filter_map(|row| row.text.as_deref().ok());
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
