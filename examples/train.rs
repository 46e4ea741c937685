//! Fine-tunes a classifier: the whole recipe as one loop over the library crates.
//!
//! ```sh
//! cargo run --release --example train -- \
//!     tests/reference/tiny tests/reference/golden/rows.tsv runs/example
//! ```
//!
//! The arguments are the directory of a model, a .tsv, .csv or .jsonl file of texts and labels, and a
//! directory for the result, which `examples/predict.rs` and Python read. `Trainer` of the crate
//! `lockstep-trainer` makes the same updates over any number of processes, and adds what a long run
//! needs: evaluations, checkpoints, a way to stop and go on.

use std::error::Error;
use std::io::{self, Write};
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use candle_core::Device;
use lockstep_data::{
    Batch, BatchPlan, Corpus, CorpusSource, Labels, MaxLength, Order, TokenStore, Tokenizer,
};
use lockstep_model::{Classifier, Criterion, Dropouts, HeadKind, Input, Mode, ModelRequest};
use lockstep_optim::{
    AdamW, AdamWSettings, DecayRule, Rates, Schedule, ScheduleShape, Warmup, clip,
};
use lockstep_params::LocalGradients;
use lockstep_world::{Purpose, Seed, Step};

const SEED: Seed = Seed(42);
const EPOCHS: u64 = 3;
const BATCH_SIZE: usize = 16;
const PEAK: Rates = Rates { encoder: 2e-5, head: 1e-4 };
const ADAMW: AdamWSettings = AdamWSettings {
    beta1: 0.9,
    beta2: 0.999,
    epsilon: 1e-8,
    weight_decay: 0.01,
    decay: DecayRule::Every,
};

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<PathBuf> = std::env::args_os().skip(1).map(PathBuf::from).collect();
    let [model, data, output] = &arguments[..] else {
        return Err("usage: train MODEL_DIRECTORY DATA_FILE OUTPUT_DIRECTORY".into());
    };
    let mut out = io::stdout();
    train(model, data, output, |update, loss| writeln!(out, "update {update}: loss {loss:.4}"))
}

/// Trains on all of `data` and writes the result to `output`; `report` is given the number of each
/// update and its mean loss.
pub(crate) fn train(
    directory: &Path,
    data: &Path,
    output: &Path,
    mut report: impl FnMut(u64, f64) -> io::Result<()>,
) -> Result<(), Box<dyn Error>> {
    let source = CorpusSource::from(data.to_owned());
    let corpus = Corpus::read(&source, Labels::Infer)?;
    let tokenizer = Tokenizer::from_dir(directory)?;
    let max_length = MaxLength::new(128).ok_or("a text is cut after 3 tokens or more")?;
    let store = TokenStore::build(corpus.texts_and_labels(), &tokenizer, max_length)?;
    let model = load(directory, corpus.labels().names())?;

    // Which examples an update reads, at which rates and with which dropout, follows from its number.
    let batch_size = NonZeroUsize::new(BATCH_SIZE).ok_or("a batch has one example or more")?;
    let plan = BatchPlan::new(store.len(), batch_size, Order::Shuffled(SEED));
    let total = EPOCHS * plan.updates_per_epoch() as u64;
    let schedule = Schedule::new(ScheduleShape::Linear, PEAK, Warmup::Ratio(0.1), total);
    let mut optimizer = AdamW::new(model.parameters(), ADAMW)?;

    for step in (0..total).map(Step) {
        let batch = Batch::pack(&store, &plan.global_batch(step))?;
        let mode = Mode::Train { dropout: SEED.derive(Purpose::Dropout, step.0), listener: None };
        let logits = model.logits(&input(&batch), mode)?;
        let loss = logits.summed_cross_entropy(batch.labels(), &Criterion::default())?;
        model.backward(&loss)?;
        // Here `Trainer` sums over all ranks. This process is alone, so its sums are the global ones.
        let gradients = LocalGradients::take(model.parameters())?.alone(batch.len())?;
        let update = step.next().0;
        optimizer.step(&clip(gradients, 1.0).gradients, schedule.rates(step), update)?;
        report(update, loss.value()? / batch.len() as f64)?;
    }

    std::fs::create_dir_all(output)?;
    model.save(output)?;
    tokenizer.save(output, model.config().positions)?;
    Ok(())
}

/// The model of a directory, with a fresh head if it has none for these classes.
fn load(directory: &Path, labels: &[String]) -> Result<Classifier, Box<dyn Error>> {
    let request = ModelRequest {
        head: HeadKind::Hf,
        labels: labels.to_vec(),
        dropouts: Dropouts::default(),
        seed: SEED,
        device: Device::Cpu,
    };
    let (model, _report) = Classifier::load(directory, &request)?;
    Ok(model)
}

/// A packed batch, without padding, as the model takes it.
fn input(batch: &Batch) -> Input<'_> {
    Input {
        ids: batch.ids(),
        positions: batch.positions(),
        token_types: batch.token_types(),
        offsets: batch.offsets(),
        examples: batch.examples(),
    }
}
