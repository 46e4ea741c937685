//! A model and its tokenizer, from wherever they come.

use std::path::PathBuf;

use candle_core::Device;
use lockstep_data::{LabelMap, Tokenizer};
use lockstep_flags::Fault;
use lockstep_hub::{HubSettings, find_model};
use lockstep_model::{Classifier, EncoderConfig, LoadReport, ModelError, ModelRequest, Pretrained};
use lockstep_settings::{Mismatch, ModelName, ModelPlan, RunPlan};
use serde_json::{Map, Value, json};

use crate::failure::Failure;
use crate::refusal::Refusal;
use crate::set::Set;

/// A model to train, and what became of its tensors.
pub(crate) struct Loaded {
    /// The model.
    pub(crate) model: Classifier,
    /// What makes its tokens.
    pub(crate) tokenizer: Tokenizer,
    /// What was read and what was made; nothing where all is fresh.
    pub(crate) report: Option<LoadReport>,
}

/// What a model is made from, before it is settled for which classes.
pub(crate) enum Base {
    /// Nothing yet: it is made for the data.
    Tiny,
    /// The files of a directory.
    Found(Box<Found>),
}

/// The files of a model's directory.
pub(crate) struct Found {
    pretrained: Pretrained,
    tokenizer: Tokenizer,
    /// The classes of the head that the plan asks for, if the model has it.
    classes: Option<LabelMap>,
}

impl Base {
    /// The base of a plan's model.
    ///
    /// # Errors
    /// A model that cannot be had or read.
    pub(crate) fn find(plan: &ModelPlan, hub: &HubSettings) -> Result<Self, Failure> {
        let ModelName::Named(name) = &plan.name else { return Ok(Self::Tiny) };
        Self::read(find_model(name, hub)?, plan)
    }

    /// The base that lies in a directory.
    ///
    /// # Errors
    /// A model that cannot be read.
    pub(crate) fn read(directory: PathBuf, plan: &ModelPlan) -> Result<Self, Failure> {
        let tokenizer = Tokenizer::from_dir(&directory).map_err(Failure::Tokenizer)?;
        let pretrained = Pretrained::open(&directory)?;
        let classes = pretrained.classes(plan.head).map_err(Failure::from).and_then(|classes| {
            let fault = |fault| Failure::Classes { directory, fault };
            classes.map(LabelMap::of_model).transpose().map_err(fault)
        });
        let (pretrained, classes) = match (classes, plan.mismatch) {
            (Err(_), Mismatch::FreshHead) => (pretrained.without_head(), None),
            (classes, _) => (pretrained, classes?),
        };
        Ok(Self::Found(Box::new(Found { pretrained, tokenizer, classes })))
    }

    /// The classes of its head, if it has one.
    pub(crate) fn classes(&self) -> Option<&LabelMap> {
        match self {
            Self::Tiny => None,
            Self::Found(found) => found.classes.as_ref(),
        }
    }
}

/// What a model is, as far as its files on this machine tell.
pub(crate) enum Outline {
    /// All of it.
    Whole(Base),
    /// Sizes and tokenizer, without weights.
    Bare(Box<(EncoderConfig, Tokenizer)>),
}

impl Outline {
    /// That of a plan's model, if it is on this machine.
    ///
    /// # Errors
    /// A model that is here and cannot be read.
    pub(crate) fn here(plan: &ModelPlan, hub: HubSettings) -> Result<Option<Self>, Failure> {
        let hub = hub.without_network();
        let directory = match &plan.name {
            ModelName::Tiny => return Ok(Some(Self::Whole(Base::Tiny))),
            ModelName::Named(name) => find_model(name, &hub),
        };
        let Ok(directory) = directory else { return Ok(None) };
        match Base::find(plan, &hub) {
            Err(Failure::Model(ModelError::NoWeights { .. })) => {
                let tokenizer = Tokenizer::from_dir(&directory).map_err(Failure::Tokenizer)?;
                let config = EncoderConfig::read(&directory.join("config.json"))?;
                Ok(Some(Self::Bare(Box::new((config, tokenizer)))))
            }
            base => base.map(|base| Some(Self::Whole(base))),
        }
    }

    /// The classes of its head, if it has one.
    pub(crate) fn classes(&self) -> Option<&LabelMap> {
        match self {
            Self::Whole(base) => base.classes(),
            Self::Bare(_) => None,
        }
    }

    /// The sizes and the tokenizer of the model that [`load`] would make.
    ///
    /// # Errors
    /// A model that cannot be used with this data.
    pub(crate) fn fitted(
        self,
        plan: &RunPlan,
        train: &Set,
    ) -> Result<(EncoderConfig, Tokenizer), Failure> {
        let found = match self {
            Self::Bare(parts) => return Ok(*parts),
            Self::Whole(Base::Tiny) => {
                return tiny_outline(train, plan.data.reading.max_length.get());
            }
            Self::Whole(Base::Found(found)) => found,
        };
        if plan.model.mismatch != Mismatch::FreshHead {
            found.pretrained.check_classes(plan.model.head, train.labels().names())?;
        }
        Ok((found.pretrained.config().clone(), found.tokenizer))
    }
}

/// The model of a plan on its device, fit for its data.
///
/// # Errors
/// A model that cannot be used with this data.
pub(crate) fn load(
    plan: &RunPlan,
    device: &Device,
    base: Base,
    train: &Set,
) -> Result<Loaded, Failure> {
    let request = ModelRequest {
        head: plan.model.head,
        labels: train.labels().names().to_vec(),
        dropouts: plan.model.dropouts,
        seed: plan.train.seed,
        device: device.clone(),
    };
    let longest = plan.data.reading.max_length.get();
    let loaded = match base {
        Base::Tiny => tiny(train, &request, longest),
        Base::Found(found) => found.load(&request, plan.model.mismatch),
    }?;
    check(&loaded.model, &loaded.tokenizer, longest)?;
    Ok(loaded)
}

impl Found {
    fn load(self, request: &ModelRequest, mismatch: Mismatch) -> Result<Loaded, Failure> {
        let Self { mut pretrained, tokenizer, classes } = self;
        let fits = classes.is_none_or(|classes| classes.names() == request.labels);
        if !fits && mismatch == Mismatch::FreshHead {
            pretrained = pretrained.without_head();
        }
        let (model, report) = pretrained.classifier(request)?;
        Ok(Loaded { model, tokenizer, report: Some(report) })
    }
}

/// Whether a model has places for the tokenizer's ids and for the longest text.
///
/// # Errors
/// What is too large.
pub(crate) fn check(
    model: &Classifier,
    tokenizer: &Tokenizer,
    longest: usize,
) -> Result<(), Failure> {
    if let Some(fault) = too_long(longest, model.config().positions) {
        return Err(fault.into());
    }
    Ok(model.fits(tokenizer.vocab_size(), longest)?)
}

/// What is wrong with texts that are longer than a model's positions.
pub(crate) fn too_long(longest: usize, positions: usize) -> Option<Fault> {
    let place = format!("data.max_seq_length = {longest} (--max-seq-length)");
    (longest > positions).then(|| Refusal::TooLong { positions }.at(place))
}

/// A small DistilBERT with fresh weights, and a vocabulary made from the training texts.
fn tiny(train: &Set, request: &ModelRequest, longest: usize) -> Result<Loaded, Failure> {
    let (config, tokenizer) = tiny_outline(train, longest)?;
    let model = Classifier::fresh(config, request)?;
    Ok(Loaded { model, tokenizer, report: None })
}

/// The sizes and the tokenizer of `builtin:tiny`.
///
/// # Errors
/// Texts without a word.
pub(crate) fn tiny_outline(
    train: &Set,
    longest: usize,
) -> Result<(EncoderConfig, Tokenizer), Failure> {
    let tokenizer = train.tiny_tokenizer()?;
    Ok((tiny_sizes(tokenizer.vocab_size(), longest)?, tokenizer))
}

/// The sizes of `builtin:tiny` with so many words and positions.
///
/// # Errors
/// None, unless it has no word.
pub(crate) fn tiny_sizes(vocabulary: usize, positions: usize) -> Result<EncoderConfig, Failure> {
    let config = EncoderConfig::of(tiny_config(vocabulary, positions));
    let path = || "builtin:tiny".into();
    Ok(config.map_err(|faults| ModelError::Config { path: path(), faults })?)
}

/// The config.json of `builtin:tiny`: heads of 32 columns, which the kernels of GPUs take.
fn tiny_config(vocabulary: usize, positions: usize) -> Map<String, Value> {
    let sizes = [("vocab_size", vocabulary), ("max_position_embeddings", positions)]
        .into_iter()
        .chain([("dim", 64), ("n_layers", 2), ("n_heads", 2), ("hidden_dim", 256)]);
    let mut config: Map<String, Value> =
        sizes.map(|(key, size)| (key.to_owned(), json!(size))).collect();
    config.insert("model_type".to_owned(), json!("distilbert"));
    config.insert("architectures".to_owned(), json!(["DistilBertForSequenceClassification"]));
    config.insert("activation".to_owned(), json!("gelu"));
    config
}
