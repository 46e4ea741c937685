//! Asks a finished model: prints the most probable class of each text, and its probability.
//!
//! ```sh
//! cargo run --release --example predict -- runs/quickstart "not a bad film at all"
//! ```
//!
//! The first argument is the directory of a run, of `examples/train.rs`, or of a classifier that
//! Python has saved; the others are texts.

use std::error::Error;
use std::io::Write;
use std::path::Path;

use candle_core::Device;
use lockstep_data::{Batch, MaxLength, TokenStore, Tokenizer};
use lockstep_model::{Classifier, Input, Mode};

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let directory = arguments.next().ok_or("usage: predict MODEL_DIRECTORY TEXT...")?;
    let texts: Vec<String> = arguments.collect();
    let answers = predict(Path::new(&directory), &texts)?;
    let mut out = std::io::stdout();
    for (text, (label, probability)) in texts.iter().zip(answers) {
        writeln!(out, "{label}\t{probability:.4}\t{text}")?;
    }
    Ok(())
}

/// The most probable class of each text, with its probability.
pub(crate) fn predict(
    directory: &Path,
    texts: &[String],
) -> Result<Vec<(String, f32)>, Box<dyn Error>> {
    let tokenizer = Tokenizer::from_dir(directory)?;
    let model = Classifier::open(directory, &Device::Cpu)?;

    // All texts are one packed batch. Training wants a class with each text; here any will do.
    let max_length = MaxLength::new(128).ok_or("a text is cut after 3 tokens or more")?;
    let rows = texts.iter().map(|text| (text.as_str(), 0));
    let store = TokenStore::build(rows, &tokenizer, max_length)?;
    let everything: Vec<usize> = (0..store.len()).collect();
    let batch = Batch::pack(&store, &everything)?;
    let input = Input {
        ids: batch.ids(),
        positions: batch.positions(),
        token_types: batch.token_types(),
        offsets: batch.offsets(),
        examples: batch.examples(),
    };
    let logits = model.logits(&input, Mode::Evaluate)?.values()?;

    let answers = logits.iter().map(|logits| most_probable(logits, model.labels()));
    answers.collect::<Option<_>>().ok_or_else(|| "the model has no classes".into())
}

/// The label of the largest logit, and its softmax.
fn most_probable(logits: &[f32], labels: &[String]) -> Option<(String, f32)> {
    let by_logit = |one: &(&String, &f32), other: &(&String, &f32)| one.1.total_cmp(other.1);
    let (label, largest) = labels.iter().zip(logits).max_by(by_logit)?;
    let sum: f32 = logits.iter().map(|logit| (logit - largest).exp()).sum();
    Some((label.clone(), 1.0 / sum))
}
