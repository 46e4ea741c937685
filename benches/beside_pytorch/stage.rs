//! What all rows share: a model on disk, its tokenizer, the texts, and a folder that goes away.

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use candle_core::Device;
use lockstep_data::{Corpus, Labels, Tokenizer};
use lockstep_model::{Classifier, Dropouts, EncoderConfig, HeadKind, ModelRequest};
use lockstep_reviews::Split;
use lockstep_world::Seed;
use serde_json::json;
use tempfile::TempDir;

use crate::options::Options;
use crate::rows::Material;
use crate::work::Work;
use crate::{Outcome, corpora};

/// Texts of one update.
const BATCH: NonZeroUsize = NonZeroUsize::new(16).unwrap();
/// Texts that PyTorch classifies at once.
const HELD_BATCH: usize = 64;

/// Everything a row is played on.
pub(crate) struct Stage {
    pub(crate) options: Options,
    pub(crate) train: Corpus,
    pub(crate) held: Corpus,
    pub(crate) tokenizer: Tokenizer,
    pub(crate) config: EncoderConfig,
    folder: TempDir,
}

impl Stage {
    /// Reads the texts and saves a model that both sides load.
    pub(crate) fn set(options: Options) -> Outcome<Self> {
        rayon::ThreadPoolBuilder::new().num_threads(options.threads).build_global()?;
        let train = match &options.train {
            Some(path) => corpora::read(path, Labels::Infer)?,
            None => corpora::generated(Split::Train)?,
        };
        let held = match &options.dev {
            Some(path) => corpora::read(path, Labels::Known(train.labels()))?,
            None => corpora::generated(Split::Dev)?,
        };
        let folder = tempfile::tempdir()?;
        let model = folder.path().join("model");
        std::fs::create_dir(&model)?;
        let (tokenizer, config) = save_model(&options, &train, &model)?;
        Ok(Self { options, train, held, tokenizer, config, folder })
    }

    /// The directory of the model.
    pub(crate) fn model(&self) -> PathBuf {
        self.folder.path().join("model")
    }

    /// A path nothing lies at yet.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The texts of a row, on disk.
    pub(crate) fn work(&self, name: &str, material: Material) -> Outcome<Work> {
        let size = BATCH.get();
        let (rows, size) = match material {
            Material::Full { batches } => (corpora::long_texts(&self.train, batches * size), size),
            Material::Training { batches } => {
                (corpora::first_batches(&self.train, BATCH, batches), size)
            }
            Material::Held => (corpora::all(&self.held), HELD_BATCH),
        };
        Work::write(self.path(name), &rows, size, &self.tokenizer)
    }
}

/// Saves a classifier with random weights, or with those of the model given and a random head.
fn save_model(
    options: &Options,
    train: &Corpus,
    directory: &Path,
) -> Outcome<(Tokenizer, EncoderConfig)> {
    let request = ModelRequest {
        head: HeadKind::Mlp,
        labels: train.labels().names().to_vec(),
        dropouts: Dropouts::default(),
        seed: Seed(42),
        device: Device::Cpu,
    };
    let (tokenizer, model) = match &options.model {
        Some(given) => (Tokenizer::from_dir(given)?, Classifier::load(given, &request)?.0),
        None => {
            let config = base_config()?;
            let texts = train.texts_and_labels().map(|(text, _)| text);
            let tokenizer = Tokenizer::train_wordpiece(texts, config.vocabulary)?;
            (tokenizer, Classifier::fresh(config, &request)?)
        }
    };
    model.fits(tokenizer.vocab_size(), crate::work::MAX_LENGTH)?;
    model.save(directory)?;
    tokenizer.save(directory, model.config().positions)?;
    Ok((tokenizer, model.config().clone()))
}

/// The sizes of distilbert-base-uncased.
fn base_config() -> Outcome<EncoderConfig> {
    let written = json!({
        "model_type": "distilbert", "activation": "gelu", "vocab_size": 30522,
        "max_position_embeddings": 512, "dim": 768, "n_layers": 6, "n_heads": 12,
        "hidden_dim": 3072, "dropout": 0.1, "attention_dropout": 0.1, "initializer_range": 0.02,
        "pad_token_id": 0, "sinusoidal_pos_embds": false,
    });
    let written = written.as_object().cloned().unwrap_or_default();
    EncoderConfig::of(written).map_err(|faults| faults.join("; ").into())
}
