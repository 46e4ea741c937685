//! A classifier into a directory that Python reads.
//!
//! GELU is no sum of ReLUs, so a `mlp` head cannot be written as one of Hugging Face's own. Beside it
//! lies `modeling_lockstep.py`, which transformers loads with `trust_remote_code`. The model's type is
//! then our own: under `distilbert` transformers would take its own class, leave the head's tensors,
//! and answer from random weights; under a type that it does not know it refuses.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};

use candle_core::{Device, Tensor};
use lockstep_params::ParamName;
use serde_json::{Map, Value, json};

use crate::family::Names;
use crate::{Classifier, HeadKind, ModelError};

impl Classifier {
    /// Writes config.json and model.safetensors in Hugging Face's layout into a directory that
    /// exists, and waits until they are on disk.
    ///
    /// # Errors
    /// [`ModelError`] when the file system refuses.
    pub fn save(&self, directory: &Path) -> Result<(), ModelError> {
        let tensor = |(name, variable): (&ParamName, &candle_core::Var)| {
            Ok((name.clone(), variable.as_tensor().to_device(&Device::Cpu)?))
        };
        let tensors = self.parameters().iter().map(tensor);
        let tensors = tensors.collect::<candle_core::Result<BTreeMap<ParamName, Tensor>>>()?;
        self.fixed().write(&directory.join("model.safetensors"), &tensors)?;
        self.texts().save(directory)
    }

    /// What lies beside the weights: config.json, and the head's code where Python needs it.
    #[must_use]
    pub fn texts(&self) -> ModelTexts {
        let config = format!("{:#}\n", Value::Object(config(self)));
        let code = (self.head() == HeadKind::Mlp).then(|| (CODE_FILE, CODE.to_owned()));
        ModelTexts([("config.json", config)].into_iter().chain(code).collect())
    }
}

/// The text files of a model, by name.
#[derive(Clone, Debug)]
pub struct ModelTexts(Vec<(&'static str, String)>);

impl ModelTexts {
    /// Writes them into a directory that exists, and waits until they are on disk.
    ///
    /// # Errors
    /// [`ModelError`] when the file system refuses.
    pub fn save(&self, directory: &Path) -> Result<(), ModelError> {
        self.0.iter().try_for_each(|(name, text)| write_text(directory.join(name), text))
    }
}

/// The class of a model with a `mlp` head, for transformers.
const CODE: &str = include_str!("modeling_lockstep.py");
const CODE_FILE: &str = "modeling_lockstep.py";

fn write_text(path: PathBuf, text: &str) -> Result<(), ModelError> {
    let written = File::create(&path).and_then(|mut file| {
        file.write_all(text.as_bytes())?;
        file.sync_all()
    });
    written.map_err(|cause| ModelError::Io { verb: "write", path, cause })
}

/// The config.json the encoder came with, and what fine-tuning adds to it.
fn config(model: &Classifier) -> Map<String, Value> {
    let mut config = model.config().written.clone();
    let labels = model.labels();
    let id2label: Map<_, _> =
        labels.iter().enumerate().map(|(id, name)| (id.to_string(), json!(name))).collect();
    let label2id: Map<_, _> =
        labels.iter().enumerate().map(|(id, name)| (name.clone(), json!(id))).collect();
    let Names { model_type, locksteps, hf, keys, .. } = model.config().family.names();
    let (architecture, model_type) = match model.head() {
        HeadKind::Mlp => (locksteps[1], &locksteps[0]),
        HeadKind::Hf => (hf[0], model_type),
    };
    let rates = model.dropout_rates();
    for (key, value) in [
        ("architectures", json!([architecture])),
        ("model_type", json!(model_type)),
        ("problem_type", json!("single_label_classification")),
        ("id2label", Value::Object(id2label)),
        ("label2id", Value::Object(label2id)),
        (keys.dropout, shortest(rates.hidden)),
        (keys.attention_dropout, shortest(rates.attention)),
        (keys.head_dropout, shortest(rates.head)),
        ("dtype", json!("float32")),
    ] {
        config.insert(key.to_owned(), value);
    }
    // What an older library or another model wrote of the same, and would be believed before it.
    for key in ["torch_dtype", "num_labels", "_num_labels", "auto_map", "quantization_config"] {
        config.remove(key);
    }
    if model.head() == HeadKind::Mlp {
        let module = "modeling_lockstep";
        let map = json!({
            "AutoConfig": format!("{module}.{}", locksteps[2]),
            "AutoModelForSequenceClassification": format!("{module}.{architecture}"),
        });
        config.insert("auto_map".to_owned(), map);
    }
    config
}

/// A rate as a person would write it: 0.1 and not 0.10000000149.
fn shortest(rate: f32) -> Value {
    rate.to_string().parse::<f64>().map_or(Value::Null, |rate| json!(rate))
}
