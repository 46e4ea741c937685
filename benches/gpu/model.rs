//! A model on disk, for runs of the trainer.

use std::fs;

use candle_core::Device;
use lockstep_data::{Corpus, CorpusSource, Labels, OnBadRow, Tokenizer};
use lockstep_model::{Classifier, Dropouts, EncoderConfig, HeadKind, ModelRequest};
use lockstep_world::Seed;
use serde_json::json;

use crate::Outcome;
use crate::options::Options;
use crate::setup::BASE;

/// Saves a model of DistilBERT-base's size with random weights; its tokenizer is made of the texts.
pub(crate) fn save(options: &Options) -> Outcome<()> {
    let (Some(directory), Some(train)) = (&options.out, &options.train) else {
        return Err("model wants --out DIR and --train FILE".into());
    };
    let source = CorpusSource {
        path: train.clone(),
        text_column: None,
        label_column: None,
        on_bad_row: OnBadRow::Fail,
    };
    let corpus = Corpus::read(&source, Labels::Infer)?;
    let texts = corpus.texts_and_labels().map(|(text, _)| text);
    let tokenizer = Tokenizer::train_wordpiece(texts, BASE.vocabulary)?;
    let written = json!({
        "model_type": "distilbert", "activation": "gelu", "vocab_size": BASE.vocabulary,
        "max_position_embeddings": BASE.positions, "dim": BASE.width, "n_layers": BASE.blocks,
        "n_heads": BASE.heads, "hidden_dim": BASE.feed_forward, "dropout": 0.1,
        "attention_dropout": 0.1, "initializer_range": 0.02, "pad_token_id": 0,
        "sinusoidal_pos_embds": false,
    });
    let written = written.as_object().cloned().unwrap_or_default();
    let config = EncoderConfig::of(written).map_err(|faults| faults.join("; "))?;
    let request = ModelRequest {
        head: HeadKind::Mlp,
        labels: corpus.labels().names().to_vec(),
        dropouts: Dropouts::default(),
        seed: Seed(42),
        device: Device::Cpu,
    };
    let model = Classifier::fresh(config, &request)?;
    fs::create_dir_all(directory)?;
    model.save(directory)?;
    tokenizer.save(directory, BASE.positions)?;
    Ok(())
}
