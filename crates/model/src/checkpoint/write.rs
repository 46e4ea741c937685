//! A classifier into a directory that Python reads.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Write;
use std::path::Path;

use candle_core::{Device, Tensor};
use lockstep_params::{ParamName, write_tensors};
use serde_json::{Map, Value, json};

use crate::{Classifier, HeadKind, ModelError};

/// Writes config.json and model.safetensors, and waits until they are on disk.
pub(crate) fn write(model: &Classifier, directory: &Path) -> Result<(), ModelError> {
    let tensor = |(name, variable): (&ParamName, &candle_core::Var)| {
        Ok((name.clone(), variable.as_tensor().to_device(&Device::Cpu)?))
    };
    let tensors = model.parameters().iter().map(tensor);
    let tensors = tensors.collect::<candle_core::Result<BTreeMap<ParamName, Tensor>>>()?;
    write_tensors(&directory.join("model.safetensors"), &tensors)?;
    let path = directory.join("config.json");
    let text = format!("{:#}\n", Value::Object(config(model)));
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
    let architecture = match model.head() {
        HeadKind::Mlp => "BERTClassifier",
        HeadKind::Hf => "DistilBertForSequenceClassification",
    };
    let rates = model.dropout_rates();
    for (key, value) in [
        ("architectures", json!([architecture])),
        ("model_type", json!("distilbert")),
        ("problem_type", json!("single_label_classification")),
        ("id2label", Value::Object(id2label)),
        ("label2id", Value::Object(label2id)),
        ("dropout", shortest(rates.hidden)),
        ("attention_dropout", shortest(rates.attention)),
        ("seq_classif_dropout", shortest(rates.head)),
        ("dtype", json!("float32")),
    ] {
        config.insert(key.to_owned(), value);
    }
    // What an older library or another model wrote of the same, and would be believed before it.
    for key in ["torch_dtype", "num_labels", "_num_labels", "auto_map", "quantization_config"] {
        config.remove(key);
    }
    config
}

/// A rate as a person would write it: 0.1 and not 0.10000000149.
fn shortest(rate: f32) -> Value {
    rate.to_string().parse::<f64>().map_or(Value::Null, |rate| json!(rate))
}
