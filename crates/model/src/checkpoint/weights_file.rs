//! The file of weights in a directory, and which head it has.

use std::path::Path;

use lockstep_params::{ParamName, TensorFile};

use crate::{Family, HeadKind, ModelError};

/// What encoders are prefixed with in the wild.
const PREFIXES: [&str; 4] = ["distilbert.", "bert.", "roberta.", ""];

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
    pub(super) file: TensorFile,
    pub(super) prefix: &'static str,
    family: Family,
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
    pub(crate) fn open(directory: &Path, family: Family) -> Result<Self, ModelError> {
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
                "tensor `embeddings.word_embeddings.weight` is missing, also with the prefixes `{}`, `{}` and `{}`",
                PREFIXES[0], PREFIXES[1], PREFIXES[2]
            )],
        })?;
        Ok(Self { prefix, file, family, heads: Heads::Used })
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
        let mark = self.family.head_mark(kind);
        self.heads == Heads::Used && self.file.contains(&format!("{mark}.weight").into())
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
        let name = ParamName::from(format!("{}.weight", self.family.head_layers(kind)[1]));
        let weight = self.file.iter().find(|(candidate, _)| **candidate == name);
        let (_, weight) = weight.ok_or_else(|| format!("tensor `{name}` is missing"))?;
        let shape = weight.dims();
        let rows = shape.first().copied().filter(|rows| *rows > 0);
        rows.ok_or_else(|| {
            format!("tensor `{name}` has shape {shape:?}, which is not that of a classifier")
        })
    }
}
