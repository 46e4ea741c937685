//! `trainer inspect`: what is in data files, before a run pays for it.
//!
//! The first file is read as a training would read it, the others as its validation and test sets.
//! Nothing is written, and nothing is downloaded but the data sets that are named.

mod account;
mod batches;

use std::io::Write;

use lockstep_data::{
    Corpus, Doubt, FileSet, Labels, Lengths, MaxLength, OnBadRow, Repeats, Tokenizer, overlap,
};
use lockstep_flags::{Command, CommandLine, Entries, Fault, Problem, Words, Written};
use lockstep_host::{ExitCode, Process};
use lockstep_hub::{HubSettings, find_model};
use lockstep_model::{EncoderConfig, HeadKind};
use lockstep_settings::{DATA_SOURCE, DataSource, HubSplit, ModelName, Reading, keys, sample};

use super::evaluate::JSON;
use crate::expected_time;
use crate::failure::Failure;
use crate::models::tiny_sizes;
use crate::remedies;
use crate::source_files;
use crate::sources;
use crate::tiny_tokenizer::tiny_tokenizer;
use crate::tokens;
use batches::Batches;

/// The command.
pub(super) static COMMAND: Command = Command {
    name: "inspect",
    about: "Show what is in data files",
    usage: "trainer inspect FILE... [--model ID|DIR] [flags]",
    entries: || ENTRIES,
    words: Words::Files("FILE"),
    after: || AFTER.to_owned(),
};

static ENTRIES: &Entries = &[
    &JSON,
    &keys::MODEL,
    &keys::TEXT_COLUMN,
    &keys::LABEL_COLUMN,
    &keys::NO_HEADER,
    &keys::DELIMITER_KEY,
    &keys::ENCODING_KEY,
    &keys::LABEL_MAP,
    &keys::MAX_TRAIN_SAMPLES,
    &keys::MAX_EVAL_SAMPLES,
    &keys::SEED,
    &keys::NO_SHUFFLE,
    &keys::MAX_SEQ_LENGTH,
    &keys::PER_DEVICE_BATCH,
];

const AFTER: &str = "\
The first FILE is read as training data. The others are compared with it, as
validation or test data. Rows that cannot be used are counted and left out.
FILE may be a split of a data set on the hub, hub:OWNER/NAME[:CONFIG]:SPLIT,
which is downloaded. Lengths are those of the model's tokenizer, if it is here.

examples:
  trainer inspect train.csv
  trainer inspect train.tsv dev.tsv --model runs/sst2 --json";

/// Tokens of a text at most: none of them is cut, so that all lengths are known.
const UNLIMITED: usize = 65_536;
/// The batch where none is given.
const BATCH: usize = 16;

/// What is known of one file.
struct Inspected {
    name: String,
    /// Rows that can be used and rows that cannot.
    rows: u64,
    corpus: Corpus,
    repeats: Repeats,
    /// Nothing where there is no tokenizer.
    tokens: Option<Tokens>,
    /// The rows whose text the first file has too; nothing for the first file itself.
    overlap: Option<usize>,
}

/// What the tokenizer makes of the texts.
struct Tokens {
    lengths: Lengths,
    /// In which this machine's threads are expected to learn from all of them once.
    epoch_seconds: Option<f64>,
    total: u64,
    /// Texts that are longer than the limit, and the limit.
    truncated: usize,
    limit: usize,
    batches: Batches,
}

/// Runs the command.
///
/// # Errors
/// A file that a training would refuse.
pub(super) fn run(
    process: &Process,
    mut line: CommandLine,
    out: &mut dyn Write,
) -> Result<ExitCode, Failure> {
    let paths = std::mem::take(&mut line.words);
    let config = COMMAND.read(line, &[])?;
    if paths.is_empty() {
        let problem = Problem::Missing { valid: "one data file or more".into() };
        return Err(Fault { place: "trainer inspect".to_owned(), problem }.into());
    }
    let reading = Reading { on_bad_row: OnBadRow::Skip, ..Reading::of(&config)? };
    let all = inspect(&paths, &reading, &config, process)?;
    let text = match config.get(&JSON)? {
        true => account::json(&all),
        false => {
            warn(&all);
            account::table(&all)
        }
    };
    super::tell(out, &text)
}

fn inspect(
    paths: &[String],
    reading: &Reading,
    config: &Written,
    process: &Process,
) -> Result<Vec<Inspected>, Failure> {
    let renames = sources::renames(reading)?;
    let mut all: Vec<Inspected> = Vec::with_capacity(paths.len());
    let mut reader = None;
    let hub = HubSettings::of(&process.environment);
    for path in paths {
        let labels = all.first().map_or(Labels::Infer, |one| Labels::Known(one.corpus.labels()));
        let source = source_files::corpus_source(files_of(path, &hub)?, reading);
        let corpus = source_files::in_memory(&source, renames.as_ref())?.labelled(labels)?;
        let rows = corpus.count() as u64 + corpus.skipped().total();
        let most = if all.is_empty() { &keys::MAX_TRAIN_SAMPLES } else { &keys::MAX_EVAL_SAMPLES };
        let corpus = match sample(config, most)? {
            Some(sample) => corpus.limited_to(sample),
            None => corpus,
        };
        if all.is_empty() {
            reader = reader_for(&corpus, config, reading.max_length, process)?;
        }
        let tokens =
            reader.as_ref().map(|reader| Tokens::of(&corpus, reader, reading.max_length, config));
        all.push(Inspected {
            name: path.clone(),
            rows,
            repeats: Repeats::of(&corpus),
            tokens: tokens.transpose()?.flatten(),
            overlap: all.first().map(|first| overlap(&first.corpus, &corpus)),
            corpus,
        });
    }
    Ok(all)
}

/// The files of a source as it was named.
fn files_of(name: &str, hub: &HubSettings) -> Result<FileSet, Failure> {
    match DATA_SOURCE.read(name) {
        Some(source @ DataSource::Hub(_)) => source_files::file_set(&source, hub),
        None if name.starts_with(HubSplit::PREFIX) => {
            let problem = Problem::Invalid { valid: DATA_SOURCE.valid() };
            Err(Fault { place: name.to_owned(), problem }.into())
        }
        Some(DataSource::File(_) | DataSource::Reviews) | None => Ok(FileSet::find(name.as_ref())?),
    }
}

/// What of the model makes tokens, and what tells how long it takes to learn from them.
struct Reader {
    tokenizer: Tokenizer,
    /// Nothing where it cannot be read.
    sizes: Option<EncoderConfig>,
}

/// The reader of the model, if that is on this machine; `builtin:tiny` makes a tokenizer of the texts.
fn reader_for(
    corpus: &Corpus,
    config: &Written,
    limit: MaxLength,
    process: &Process,
) -> Result<Option<Reader>, Failure> {
    let name = match config.get(&keys::MODEL)? {
        ModelName::Tiny => {
            let texts = corpus.texts_and_labels().map(|(text, _)| text);
            let tokenizer = tiny_tokenizer(texts)?;
            let sizes = tiny_sizes(tokenizer.vocab_size(), limit.get()).ok();
            return Ok(Some(Reader { tokenizer, sizes }));
        }
        ModelName::Named(name) => name,
    };
    let hub = HubSettings::of(&process.environment).without_network();
    match find_model(&name, &hub) {
        Ok(directory) => {
            let tokenizer = Tokenizer::from_dir(&directory).map_err(Failure::Tokenizer)?;
            let sizes = EncoderConfig::read(&directory.join("config.json")).ok();
            Ok(Some(Reader { tokenizer, sizes }))
        }
        Err(cause) if config.given(&keys::MODEL).is_some() => Err(cause.into()),
        Err(_) => {
            tracing::warn!(
                "{name} is not on this machine, so lengths in tokens are unknown; pass --model DIR"
            );
            Ok(None)
        }
    }
}

impl Tokens {
    /// Nothing where there is no text.
    fn of(
        corpus: &Corpus,
        Reader { tokenizer, sizes }: &Reader,
        limit: MaxLength,
        config: &Written,
    ) -> Result<Option<Self>, Failure> {
        let uncut = MaxLength::new(UNLIMITED).unwrap_or(limit);
        let store = tokens::in_memory(corpus, tokenizer, uncut)?;
        let batch = config.find(&keys::PER_DEVICE_BATCH).map_or(BATCH, |batch| batch.get());
        let limit = limit.get();
        let is_cut = |length: &&u32| **length as usize > limit;
        let used: usize = store.lengths().iter().map(|length| (*length as usize).min(limit)).sum();
        let classes = corpus.labels().len();
        let epoch_seconds = sizes.as_ref().map(|sizes| {
            let encoder = expected_time::encoder_scalars(sizes, HeadKind::Mlp, classes);
            expected_time::seconds(encoder, used as f64, rayon::current_num_threads())
        });
        Ok(Lengths::of(store.lengths()).map(|lengths| Self {
            lengths,
            epoch_seconds,
            total: store.total_tokens() as u64,
            truncated: store.lengths().iter().filter(is_cut).count(),
            limit,
            batches: Batches::of(store.lengths(), batch, limit),
        }))
    }
}

/// Warns of what makes a training worse than it looks.
fn warn(all: &[Inspected]) {
    let Some(first) = all.first() else { return };
    for one in all {
        let of_classes: Vec<Doubt> = match one.overlap {
            None => one.corpus.doubts(),
            Some(_) => one.corpus.doubts_beside(&first.corpus).collect(),
        };
        for doubt in of_classes {
            tracing::warn!("{}: {}", one.name, remedies::of_doubt(&doubt));
        }
        for warning in account::warnings(one, &first.name) {
            tracing::warn!("{}: {warning}", one.name);
        }
    }
}
