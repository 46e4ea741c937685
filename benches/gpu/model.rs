//! A model on disk, for runs of the trainer.

use std::fs;
use std::path::Path;

use candle_core::Device;
use lockstep_data::{Corpus, CorpusSource, Example, LabelMap, Labels, RowPlace, Tokenizer};
use lockstep_model::{Classifier, Dropouts, EncoderConfig, HeadKind, ModelRequest};
use lockstep_program::ModelShape;
use lockstep_reviews::{Sentiment, Split, reviews};
use lockstep_world::Seed;
use serde_json::json;

use crate::Outcome;
use crate::options::Options;
use crate::setup::{BASE, small};

const SEED: Seed = Seed(42);

/// Saves a model with random weights, whose tokenizer is made of the texts.
pub(crate) fn save(options: &Options) -> Outcome<()> {
    let Some(directory) = &options.out else { return Err("model wants --out DIR".into()) };
    let shape = if options.small { small(64, 2, 2) } else { BASE };
    let corpus = match &options.train {
        Some(path) => read(path)?,
        None => generated()?,
    };
    let texts = corpus.texts_and_labels().map(|(text, _)| text);
    let tokenizer = Tokenizer::train_wordpiece(texts, BASE.vocabulary)?;
    let vocabulary = if options.small { tokenizer.vocab_size() } else { BASE.vocabulary };
    let request = ModelRequest {
        head: HeadKind::Mlp,
        labels: corpus.labels().names().to_vec(),
        dropouts: Dropouts::default(),
        seed: SEED,
        device: Device::Cpu,
    };
    let model = Classifier::fresh(config(&shape, vocabulary)?, &request)?;
    fs::create_dir_all(directory)?;
    model.save(directory)?;
    tokenizer.save(directory, shape.positions)?;
    Ok(())
}

fn read(path: &Path) -> Outcome<Corpus> {
    let source = CorpusSource::from(path.to_owned());
    Ok(Corpus::read(&source, Labels::Infer)?)
}

/// The reviews that are built in.
fn generated() -> Outcome<Corpus> {
    let examples = reviews(Split::Train, SEED).into_iter().zip(1..).map(|(review, line)| Example {
        text: review.text,
        label: review.label as u32,
        place: RowPlace::line(line),
    });
    let names = Sentiment::ALL.map(|sentiment| sentiment.name().to_owned());
    Ok(Corpus::from_examples(examples.collect(), LabelMap::new(names.to_vec())?)?)
}

fn config(shape: &ModelShape, vocabulary: usize) -> Outcome<EncoderConfig> {
    let written = json!({
        "model_type": "distilbert", "activation": "gelu", "vocab_size": vocabulary,
        "max_position_embeddings": shape.positions, "dim": shape.width, "n_layers": shape.blocks,
        "n_heads": shape.heads, "hidden_dim": shape.feed_forward, "dropout": 0.1,
        "attention_dropout": 0.1, "initializer_range": 0.02, "pad_token_id": 0,
        "sinusoidal_pos_embds": false,
    });
    let written = written.as_object().cloned().unwrap_or_default();
    EncoderConfig::of(written).map_err(|faults| faults.join("; ").into())
}
