//! What config.json says about an encoder, checked.

use std::io;
use std::path::Path;

use lockstep_world::file_content;
use serde_json::{Map, Value};

use crate::ModelError;

/// What other models call a size, and transformers takes for it.
const ALIASES: [(&str, &str); 3] =
    [("dim", "hidden_size"), ("n_heads", "num_attention_heads"), ("n_layers", "num_hidden_layers")];

/// The `model_type` of our models with a `mlp` head; the encoder is DistilBERT's all the same.
pub(crate) const LOCKSTEPS_TYPE: &str = "lockstep_distilbert";

/// The sizes of a DistilBERT encoder.
///
/// The whole config.json is kept as well, so that what is written later has every key it came with.
#[derive(Clone, Debug)]
pub struct EncoderConfig {
    /// V, the rows of the word embedding.
    pub vocabulary: usize,
    /// P, the rows of the position embedding: the longest text in tokens.
    pub positions: usize,
    /// D, the width of a token's state.
    pub width: usize,
    /// Transformer blocks.
    pub blocks: usize,
    /// H, the heads of each block's attention.
    pub heads: usize,
    /// F, the width inside the feed-forward part.
    pub feed_forward: usize,
    /// Dropout after the embeddings and after each feed-forward part.
    pub dropout: f32,
    /// Dropout on attention probabilities.
    pub attention_dropout: f32,
    /// Dropout before the classifier of Hugging Face's own head.
    pub head_dropout: f32,
    /// Standard deviation of fresh weights in Hugging Face's initialisation.
    pub initializer_range: f64,
    pub(crate) written: Map<String, Value>,
}

/// Bytes of a config.json at most: far more than the names of a million classes need.
const LIMIT: u64 = 64 << 20;

impl EncoderConfig {
    /// Reads and checks a config.json.
    ///
    /// # Errors
    /// [`ModelError::Config`] lists everything that is wrong with it.
    pub fn read(path: &Path) -> Result<Self, ModelError> {
        let cannot = |cause: io::Error| match cause.kind() {
            io::ErrorKind::NotFound => ModelError::NoConfig { path: path.to_owned() },
            _ => ModelError::Io { verb: "read", path: path.to_owned(), cause },
        };
        let damaged = |cause| ModelError::DamagedConfig { path: path.to_owned(), cause };
        let text = file_content(path, LIMIT).map_err(cannot)?;
        let written: Map<String, Value> = serde_json::from_slice(&text).map_err(damaged)?;
        Self::of(written).map_err(|faults| ModelError::Config { path: path.to_owned(), faults })
    }

    /// The encoder a config.json describes, or all that is wrong with it.
    ///
    /// # Errors
    /// One sentence for each fault.
    pub fn of(written: Map<String, Value>) -> Result<Self, Vec<String>> {
        let mut keys = Keys { written: &written, faults: Vec::new() };
        if written.get("model_type").is_none_or(|found| found != LOCKSTEPS_TYPE) {
            keys.one_of("model_type", "distilbert");
        }
        keys.one_of("activation", "gelu");
        keys.empty("pruned_heads", "pruned heads are not supported");
        keys.empty("quantization_config", "only floating-point weights are supported");
        for (key, other) in ALIASES {
            keys.same(key, other);
        }
        let config = Self {
            vocabulary: keys.size("vocab_size", 10_000_000),
            positions: keys.size("max_position_embeddings", 65_536),
            width: keys.size("dim", 65_536),
            blocks: keys.size("n_layers", 1_000),
            heads: keys.size("n_heads", 65_536),
            feed_forward: keys.size("hidden_dim", 1_048_576),
            dropout: keys.rate("dropout", 0.1),
            attention_dropout: keys.rate("attention_dropout", 0.1),
            head_dropout: keys.rate("seq_classif_dropout", 0.2),
            initializer_range: keys.spread("initializer_range", 0.02),
            written: Map::new(),
        };
        let mut faults = keys.faults;
        if faults.is_empty() && !config.width.is_multiple_of(config.heads) {
            let Self { width, heads, .. } = config;
            faults.push(format!("`dim` ({width}) must be a multiple of `n_heads` ({heads})"));
        }
        if faults.is_empty() { Ok(Self { written, ..config }) } else { Err(faults) }
    }

    /// The classes named in `id2label`, in the order of their ids, where there are any.
    ///
    /// # Errors
    /// A sentence, when `id2label` is not one name for each id from 0.
    pub(crate) fn labels(&self) -> Result<Option<Vec<String>>, String> {
        let Some(map) = self.written.get("id2label").filter(|map| !map.is_null()) else {
            return Ok(None);
        };
        let name = |id: usize| Some(map.get(id.to_string())?.as_str()?.to_owned());
        let names = (0..map.as_object().map_or(0, Map::len)).map(name);
        let names: Option<Vec<String>> = names.collect();
        let names = names.filter(|names| map.is_object() && !names.is_empty());
        names.map(Some).ok_or_else(|| "`id2label` is not one name for each id from 0".to_owned())
    }

    /// Whether the classifier is one that gives a text one class of several.
    ///
    /// # Errors
    /// A sentence, when it is another one.
    pub(crate) fn check_problem(&self, classes: usize) -> Result<(), String> {
        let problem = self.written.get("problem_type").unwrap_or(&Value::Null);
        match problem.as_str() {
            _ if classes == 1 => {
                Err("its classifier has one row, which is a score and no class".to_owned())
            }
            None if problem.is_null() => Ok(()),
            Some("single_label_classification") => Ok(()),
            _ => Err(format!(
                "`problem_type` is {problem}, and only \"single_label_classification\" is supported"
            )),
        }
    }

    /// The number of classes that `num_labels` states, where it is there.
    ///
    /// # Errors
    /// A sentence, when it is no number.
    pub(crate) fn label_count(&self) -> Result<Option<usize>, String> {
        let Some(count) = self.written.get("num_labels").filter(|count| !count.is_null()) else {
            return Ok(None);
        };
        let number = count.as_u64().and_then(|count| usize::try_from(count).ok());
        number.map(Some).ok_or_else(|| "`num_labels` is not a number of classes".to_owned())
    }
}

/// Reads keys one by one and gathers what is wrong with them.
struct Keys<'a> {
    written: &'a Map<String, Value>,
    faults: Vec<String>,
}

impl Keys<'_> {
    fn one_of(&mut self, key: &str, only: &str) {
        match self.written.get(key).map(|value| (value, value.as_str())) {
            None => {}
            Some((_, Some(found))) if found == only => {}
            Some((found, _)) => {
                self.faults.push(format!("`{key}` is {found}; only \"{only}\" is supported"));
            }
        }
    }

    fn empty(&mut self, key: &str, why: &str) {
        let is_empty = |value: &Value| match value {
            Value::Null => true,
            Value::Object(entries) => entries.is_empty(),
            _ => false,
        };
        if self.written.get(key).is_some_and(|value| !is_empty(value)) {
            self.faults.push(format!("`{key}` is not empty: {why}"));
        }
    }

    fn same(&mut self, key: &str, other: &str) {
        if let (Some(value), Some(second)) = (self.written.get(key), self.written.get(other))
            && value != second
        {
            self.faults
                .push(format!("`{key}` is {value}, but `{other}` is {second}: they are one"));
        }
    }

    fn size(&mut self, key: &str, limit: usize) -> usize {
        let found = self.written.get(key);
        let size = found.and_then(Value::as_u64).and_then(|size| usize::try_from(size).ok());
        match (size, found) {
            (Some(size), _) if (1..=limit).contains(&size) => return size,
            (_, None) => self.faults.push(format!("`{key}` is missing")),
            (_, Some(found)) => {
                let fault =
                    format!("`{key}` is {found}; a whole number from 1 to {limit} is needed");
                self.faults.push(fault);
            }
        }
        1
    }

    /// A rate as the kernels have it, which is judged as such: what is nearly 1 becomes 1.
    #[expect(clippy::cast_possible_truncation, reason = "rates are f32 in the kernels")]
    fn rate(&mut self, key: &str, default: f64) -> f32 {
        let written = self.number(key, default);
        let rate = written as f32;
        if written < 0.0 || !(0.0..1.0).contains(&rate) {
            self.faults.push(format!("`{key}` is {written}; a rate from 0 to below 1 is needed"));
        }
        rate
    }

    /// The standard deviation of weights, which are f32.
    fn spread(&mut self, key: &str, default: f64) -> f64 {
        let spread = self.number(key, default);
        if !(0.0..=1e3).contains(&spread) {
            self.faults.push(format!("`{key}` is {spread}; a number from 0 to 1000 is needed"));
        }
        spread
    }

    fn number(&mut self, key: &str, default: f64) -> f64 {
        match self.written.get(key) {
            None | Some(Value::Null) => default,
            Some(value) => value.as_f64().unwrap_or_else(|| {
                self.faults.push(format!("`{key}` is {value}; a number is needed"));
                default
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn faults(change: Value) -> Vec<String> {
        let mut config = json!({
            "model_type": "distilbert", "activation": "gelu", "vocab_size": 30522, "n_layers": 6,
            "max_position_embeddings": 512, "dim": 768, "n_heads": 12, "hidden_dim": 3072,
        });
        for (key, value) in change.as_object().unwrap() {
            config[key] = value.clone();
        }
        EncoderConfig::of(config.as_object().unwrap().clone()).err().unwrap_or_default()
    }

    #[test]
    fn every_fault_is_told() {
        assert!(faults(json!({})).is_empty());
        let all = faults(json!({
            "model_type": "bert", "activation": "relu", "vocab_size": -1, "n_layers": 0,
            "dim": "wide", "n_heads": null, "dropout": 1.0, "attention_dropout": "none",
        }));
        assert_eq!(
            all,
            [
                "`model_type` is \"bert\"; only \"distilbert\" is supported",
                "`activation` is \"relu\"; only \"gelu\" is supported",
                "`vocab_size` is -1; a whole number from 1 to 10000000 is needed",
                "`dim` is \"wide\"; a whole number from 1 to 65536 is needed",
                "`n_layers` is 0; a whole number from 1 to 1000 is needed",
                "`n_heads` is null; a whole number from 1 to 65536 is needed",
                "`dropout` is 1; a rate from 0 to below 1 is needed",
                "`attention_dropout` is \"none\"; a number is needed",
            ]
        );
        let almost = json!({"dropout": 0.999_999_999_9, "attention_dropout": -1e-60});
        assert_eq!(
            faults(almost),
            [
                "`dropout` is 0.9999999999; a rate from 0 to below 1 is needed",
                "`attention_dropout` is -0.000000000000000000000000000000000000000000000000000000000001; \
                 a rate from 0 to below 1 is needed",
            ]
        );
        assert_eq!(
            faults(json!({"initializer_range": 1e39})),
            [
                "`initializer_range` is 1000000000000000000000000000000000000000; a number from 0 to \
              1000 is needed"
            ]
        );
        assert_eq!(
            faults(json!({"dim": 770})),
            ["`dim` (770) must be a multiple of `n_heads` (12)"]
        );
    }
}
