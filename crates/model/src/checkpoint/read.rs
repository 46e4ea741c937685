//! Weights out of a directory, with every tensor accounted for.

use std::path::Path;

use candle_core::{DType, Device, Tensor};
use lockstep_kernels::sum_of_squares;
use lockstep_params::{ParamName, Parameters, TensorFile};
use lockstep_world::Seed;

use crate::specs::{self, TensorSpec};
use crate::{EncoderConfig, HeadKind, LoadReport, ModelError};

/// What encoders are prefixed with in the wild.
const PREFIXES: [&str; 3] = ["distilbert.", "bert.", ""];

/// So many faults are listed; a foreign checkpoint would have hundreds.
const LISTED: usize = 10;

/// Files of weights, in the order in which they are looked for.
const WEIGHTS: [&str; 4] = [
    "model.safetensors",
    "model.safetensors.index.json",
    "pytorch_model.bin",
    "pytorch_model.bin.index.json",
];

/// Files of weights that are not read, and what they are.
const OTHERS: [(&str, &str); 10] = [
    ("tf_model.h5", "weights of TensorFlow"),
    ("tf_model.h5.index.json", "weights of TensorFlow"),
    ("model.ckpt.index", "weights of TensorFlow 1"),
    ("flax_model.msgpack", "weights of Flax"),
    ("flax_model.msgpack.index.json", "weights of Flax"),
    ("rust_model.ot", "weights of rust-bert"),
    ("adapter_model.safetensors", "an adapter (PEFT), not a complete model"),
    ("model.onnx", "an ONNX graph"),
    ("model.fp16.safetensors", "a variant of the weights"),
    ("model.bf16.safetensors", "a variant of the weights"),
];

/// The weights there are instead of those that are read.
fn others(directory: &Path) -> Option<(&'static str, &'static str)> {
    OTHERS.into_iter().find(|(name, _)| directory.join(name).exists())
}

/// Gives scales and shifts of layer norms the names that they have since PyTorch took them over from
/// TensorFlow; transformers does so too.
fn modernise(file: &mut TensorFile) {
    let new = |name: &ParamName| {
        let (norm, old) = name.as_str().rsplit_once('.')?;
        let new = match old {
            "gamma" => "weight",
            "beta" => "bias",
            _ => return None,
        };
        let is_norm = norm.ends_with("LayerNorm") || norm.ends_with("layer_norm");
        is_norm.then(|| (name.clone(), ParamName::from(format!("{norm}.{new}"))))
    };
    let renamed: Vec<_> = file.iter().filter_map(|(name, _)| new(name)).collect();
    for (old, new) in renamed {
        file.rename(&old, new);
    }
}

/// The tensors of a directory, and what its encoder is called in there.
#[derive(Debug)]
pub(crate) struct WeightsFile {
    file: TensorFile,
    prefix: &'static str,
    heads: Heads,
}

/// Whether a head in the file is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Heads {
    Used,
    PassedOver,
}

impl WeightsFile {
    /// Opens the first of [`WEIGHTS`] there is, as transformers does.
    pub(crate) fn open(directory: &Path) -> Result<Self, ModelError> {
        let candidates = WEIGHTS.map(|name| directory.join(name));
        let path = candidates.iter().find(|path| path.exists());
        let no_weights = || ModelError::NoWeights {
            directory: directory.to_owned(),
            instead: others(directory),
        };
        let mut file = TensorFile::read(path.ok_or_else(no_weights)?)?;
        modernise(&mut file);
        let has_words = |prefix: &&&str| {
            file.contains(&format!("{prefix}embeddings.word_embeddings.weight").into())
        };
        let prefix = PREFIXES.iter().find(has_words).ok_or_else(|| ModelError::Tensors {
            path: file.path().to_owned(),
            faults: vec![format!(
                "tensor `embeddings.word_embeddings.weight` is missing, also with the prefixes `{}` and `{}`",
                PREFIXES[0], PREFIXES[1]
            )],
        })?;
        Ok(Self { prefix, file, heads: Heads::Used })
    }

    pub(crate) fn path(&self) -> &Path {
        self.file.path()
    }

    /// Which head the file has, if any.
    pub(crate) fn head(&self) -> Option<HeadKind> {
        [HeadKind::Mlp, HeadKind::Hf].into_iter().find(|&kind| self.has_head(kind))
    }

    /// Whether the file has a head of this kind.
    pub(crate) fn has_head(&self, kind: HeadKind) -> bool {
        let [first, _] = kind.layers();
        self.heads == Heads::Used && self.file.contains(&format!("{first}.weight").into())
    }

    /// The same without its head.
    pub(crate) fn without_head(self) -> Self {
        Self { heads: Heads::PassedOver, ..self }
    }

    /// The number of classes of the head in the file.
    ///
    /// # Errors
    /// A sentence, when the tensor that tells is missing or has no rows.
    pub(crate) fn classes(&self, kind: HeadKind) -> Result<usize, String> {
        let name = ParamName::from(format!("{}.weight", kind.layers()[1]));
        let weight = self.file.iter().find(|(candidate, _)| **candidate == name);
        let (_, weight) = weight.ok_or_else(|| format!("tensor `{name}` is missing"))?;
        let shape = weight.dims();
        let rows = shape.first().copied().filter(|rows| *rows > 0);
        rows.ok_or_else(|| {
            format!("tensor `{name}` has shape {shape:?}, which is not that of a classifier")
        })
    }
}

/// What the parameters are read for.
pub(crate) struct Wanted<'a> {
    pub(crate) config: &'a EncoderConfig,
    pub(crate) head: HeadKind,
    pub(crate) classes: usize,
    pub(crate) seed: Seed,
    pub(crate) device: &'a Device,
}

/// All parameters of the wanted model: from the file where there is one, fresh where the file has
/// no head or where there is no file at all.
///
/// # Errors
/// [`ModelError::Tensors`] names every tensor that is missing, left over, or of another shape or
/// type.
pub(crate) fn read_parameters(
    weights: Option<WeightsFile>,
    wanted: &Wanted<'_>,
) -> Result<(Parameters, LoadReport), ModelError> {
    let (file, prefix, heads) = match weights {
        Some(WeightsFile { file, prefix, heads }) => (Some(file), prefix, heads),
        None => (None, "", Heads::PassedOver),
    };
    let mut filling = Filling {
        file,
        wanted,
        all: Parameters::default(),
        report: LoadReport::default(),
        faults: Vec::new(),
    };
    for spec in specs::encoder(wanted.config) {
        let from =
            filling.file.is_some().then(|| ParamName::from(format!("{prefix}{}", spec.name)));
        let name = format!("{}{}", wanted.head.encoder_prefix(), spec.name).into();
        filling.fill(name, &spec, from)?;
    }
    let head_specs = specs::head(wanted.head, wanted.config, wanted.classes);
    let is_in_file = |spec: &TensorSpec| {
        filling.file.as_ref().is_some_and(|file| file.contains(&spec.name.as_str().into()))
    };
    let has_head = heads == Heads::Used && head_specs.iter().any(is_in_file);
    for spec in head_specs {
        let name = ParamName::from(spec.name.as_str());
        filling.fill(name.clone(), &spec, has_head.then_some(name))?;
    }
    filling.finish(prefix)
}

struct Filling<'a> {
    file: Option<TensorFile>,
    wanted: &'a Wanted<'a>,
    all: Parameters,
    report: LoadReport,
    faults: Vec<String>,
}

impl Filling<'_> {
    /// Adds one parameter, taken `from` the file or made afresh.
    fn fill(
        &mut self,
        name: ParamName,
        spec: &TensorSpec,
        from: Option<ParamName>,
    ) -> Result<(), ModelError> {
        let Wanted { seed, device, .. } = *self.wanted;
        let value = match from {
            // A width that the file contradicts may be any width, and would be allocated here.
            None if !self.faults.is_empty() => return Ok(()),
            None => {
                self.report.initialised.push(name.clone());
                spec.start.tensor(name.as_str(), &spec.shape, seed)?
            }
            Some(source) => match self.taken(&source, spec) {
                Ok(value) => {
                    self.report.loaded.push(name.clone());
                    value
                }
                Err(fault) => {
                    self.faults.push(fault);
                    return Ok(());
                }
            },
        };
        self.all.insert(name, &value.to_device(device)?, spec.info)?;
        Ok(())
    }

    fn taken(&mut self, name: &ParamName, spec: &TensorSpec) -> Result<Tensor, String> {
        let value = self.file.as_mut().and_then(|file| file.take(name));
        let value = value.ok_or_else(|| format!("tensor `{name}` is missing"))?;
        if value.dims() != spec.shape {
            let (found, wanted) = (value.dims(), &spec.shape);
            return Err(format!("tensor `{name}` has shape {found:?}, but {wanted:?} is needed"));
        }
        if value.dtype() != DType::F32 {
            let found = value.dtype();
            return Err(format!(
                "tensor `{name}` has type {found:?}, but a floating-point one is needed"
            ));
        }
        match sum_of_squares(&value) {
            Ok(sum) if sum.is_finite() => Ok(value),
            Ok(_) => Err(format!("tensor `{name}` has infinite or NaN values")),
            Err(cause) => Err(format!("tensor `{name}` cannot be read: {cause}")),
        }
    }

    fn finish(mut self, prefix: &str) -> Result<(Parameters, LoadReport), ModelError> {
        let Some(file) = self.file else { return Ok((self.all, self.report)) };
        for (name, _) in file.iter() {
            let place = name.as_str().strip_prefix(prefix).unwrap_or_default();
            let is_encoder = place.starts_with("embeddings.") || place.starts_with("transformer.");
            // A buffer of older transformers versions, which says only 0, 1, 2, ...
            if is_encoder && place != "embeddings.position_ids" {
                self.faults.push(format!("tensor `{name}` is not expected by config.json"));
            } else {
                self.report.ignored.push(name.clone());
            }
        }
        if self.faults.is_empty() {
            return Ok((self.all, self.report));
        }
        let more = self.faults.len().saturating_sub(LISTED);
        self.faults.truncate(LISTED);
        if more > 0 {
            self.faults.push(format!("and {more} more"));
        }
        Err(ModelError::Tensors { path: file.path().to_owned(), faults: self.faults })
    }
}
