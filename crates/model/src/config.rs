//! What config.json says about an encoder, checked.

use std::io;
use std::path::Path;

use lockstep_world::file_content;
use serde_json::{Map, Value};

use crate::config_keys::KeyReader;
use crate::family::Names;
use crate::{Family, ModelError};

/// What other models call a size of DistilBERT, and transformers takes for it.
const ALIASES: [(&str, &str); 3] =
    [("dim", "hidden_size"), ("n_heads", "num_attention_heads"), ("n_layers", "num_hidden_layers")];

/// The family, sizes and rates of an encoder.
///
/// The whole config.json is kept as well, so that what is written later has every key it came with.
#[derive(Clone, Debug)]
pub struct EncoderConfig {
    /// Whose names its keys and tensors have.
    pub family: Family,
    /// V, the rows of the word embedding.
    pub vocabulary: usize,
    /// P, the rows of the position embedding that texts use: the longest text in tokens.
    pub positions: usize,
    /// Rows of the position embedding before them, in the file only.
    pub(crate) unused_positions: usize,
    /// Rows of the embedding of token types, in the file only; 0 where the family has none.
    pub(crate) token_types: usize,
    /// What keeps the layer norms' divisors above zero.
    pub epsilon: f64,
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
        let family = family(&written).map_err(|fault| vec![fault])?;
        let mut keys = KeyReader::new(&written);
        refuse_what_is_not_computed(&mut keys, family);
        let names = &family.names().keys;
        let vocabulary = keys.size("vocab_size", 10_000_000);
        let rows = keys.size("max_position_embeddings", 65_536);
        let (width, blocks) = (keys.size(names.width, 65_536), keys.size(names.blocks, 1_000));
        let heads = keys.size(names.heads, 65_536);
        let feed_forward = keys.size(names.feed_forward, 1_048_576);
        let dropout = keys.rate(names.dropout, 0.1);
        let unused_positions = family.unused_positions(&mut keys);
        let config = Self {
            family,
            vocabulary,
            positions: rows.saturating_sub(unused_positions),
            width,
            blocks,
            heads,
            feed_forward,
            dropout,
            attention_dropout: keys.rate(names.attention_dropout, 0.1),
            head_dropout: keys.rate(names.head_dropout, family.head_dropout(dropout)),
            initializer_range: keys.spread("initializer_range", 0.02),
            unused_positions,
            token_types: family.token_types(&mut keys),
            epsilon: family.epsilon(&mut keys),
            written: Map::new(),
        };
        let faults = config.together(keys.into_faults());
        if faults.is_empty() { Ok(Self { written, ..config }) } else { Err(faults) }
    }

    /// All faults: those of single keys, or what is wrong with keys together.
    fn together(&self, mut faults: Vec<String>) -> Vec<String> {
        let Self { width, heads, positions, unused_positions, .. } = *self;
        let names = &self.family.names().keys;
        if faults.is_empty() && !width.is_multiple_of(heads) {
            let (width_key, heads_key) = (names.width, names.heads);
            faults.push(format!(
                "`{width_key}` ({width}) must be a multiple of `{heads_key}` ({heads})"
            ));
        }
        if faults.is_empty() && positions == 0 {
            faults.push(format!(
                "`max_position_embeddings` must be more than {unused_positions}: texts begin there, \
                 behind `pad_token_id`"
            ));
        }
        faults
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

impl Family {
    /// The rows of the position embedding before the first one of a text: up to the padding's number.
    fn unused_positions(self, keys: &mut KeyReader<'_>) -> usize {
        match self {
            Self::Roberta => keys.index("pad_token_id", 1) + 1,
            Self::DistilBert | Self::Bert => 0,
        }
    }

    fn token_types(self, keys: &mut KeyReader<'_>) -> usize {
        if self.has_token_types() { keys.size_or("type_vocab_size", 65_536, 2) } else { 0 }
    }

    fn epsilon(self, keys: &mut KeyReader<'_>) -> f64 {
        match self {
            Self::DistilBert => 1e-12,
            Self::Bert | Self::Roberta => keys.epsilon("layer_norm_eps", 1e-12),
        }
    }
}

/// The family that `model_type` names, our own types included; DistilBERT where it is missing.
///
/// # Errors
/// A sentence that says why it is none of them.
fn family(written: &Map<String, Value>) -> Result<Family, String> {
    let Some(found) = written.get("model_type") else { return Ok(Family::DistilBert) };
    let is_of = |family: &Family| {
        let Names { model_type, locksteps: [own, ..], .. } = family.names();
        found == model_type || found == own
    };
    Family::ALL.into_iter().find(is_of).ok_or_else(|| {
        let why = found.as_str().and_then(why_not).map_or_else(String::new, |why| format!(", {why}"));
        format!(
            "`model_type` is {found}{why}; only \"distilbert\", \"bert\" and \"roberta\" are supported"
        )
    })
}

/// What keeps a well-known kind of model from being one of ours.
fn why_not(model_type: &str) -> Option<&'static str> {
    let starts = |names: &[&str]| names.iter().any(|name| model_type.starts_with(name));
    let is_decoder = starts(&[
        "gpt", "llama", "mistral", "mixtral", "qwen", "gemma", "phi", "opt", "bloom", "falcon",
    ]);
    match model_type {
        _ if is_decoder => Some("a decoder"),
        "t5" | "mt5" | "bart" | "mbart" | "pegasus" => Some("an encoder with a decoder"),
        "deberta" | "deberta-v2" | "xlnet" | "mpnet" => Some("whose positions are relative"),
        "modernbert" => Some("whose positions are rotations"),
        "albert" => Some("whose blocks share their weights"),
        "xlm-roberta" | "camembert" => Some("whose tokenizer is SentencePiece"),
        _ => None,
    }
}

/// Adds a fault for each key that asks for other arithmetic than that of the kernels.
fn refuse_what_is_not_computed(keys: &mut KeyReader<'_>, family: Family) {
    keys.one_of(family.names().keys.activation, "gelu");
    keys.empty("pruned_heads", "pruned heads are not supported");
    keys.empty("quantization_config", "only floating-point weights are supported");
    match family {
        Family::DistilBert => {
            for (key, other) in ALIASES {
                keys.same(key, other);
            }
        }
        Family::Bert | Family::Roberta => {
            keys.one_of("position_embedding_type", "absolute");
            keys.off("is_decoder", "only encoders are supported");
            keys.off("add_cross_attention", "only encoders are supported");
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
            "activation": "relu", "vocab_size": -1, "n_layers": 0,
            "dim": "wide", "n_heads": null, "dropout": 1.0, "attention_dropout": "none",
        }));
        assert_eq!(
            all,
            [
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

    #[test]
    fn the_type_of_a_model_decides_and_others_are_refused_with_the_reason() {
        let told = |model_type: &str| faults(json!({"model_type": model_type})).join("; ");
        for (model_type, why) in [
            ("gpt2", ", a decoder"),
            ("llama", ", a decoder"),
            ("t5", ", an encoder with a decoder"),
            ("deberta-v2", ", whose positions are relative"),
            ("xlm-roberta", ", whose tokenizer is SentencePiece"),
            ("albert", ", whose blocks share their weights"),
            ("electra", ""),
        ] {
            let expected = format!(
                "`model_type` is \"{model_type}\"{why}; only \"distilbert\", \"bert\" and \
                 \"roberta\" are supported"
            );
            assert_eq!(told(model_type), expected);
        }
        assert_eq!(told("lockstep_distilbert"), "");
    }

    fn of_bert(change: Value) -> Result<EncoderConfig, Vec<String>> {
        let mut config = json!({
            "model_type": "bert", "hidden_act": "gelu", "vocab_size": 30522, "num_hidden_layers": 2,
            "max_position_embeddings": 514, "hidden_size": 128, "num_attention_heads": 4,
            "intermediate_size": 512, "layer_norm_eps": 1e-5, "type_vocab_size": 1,
        });
        for (key, value) in change.as_object().unwrap() {
            config[key] = value.clone();
        }
        EncoderConfig::of(config.as_object().unwrap().clone())
    }

    #[test]
    fn berts_keys_are_read() {
        let config = of_bert(json!({})).unwrap();
        assert_eq!((config.family, config.positions, config.token_types), (Family::Bert, 514, 1));
        assert_eq!((config.epsilon, config.head_dropout), (1e-5, 0.1));
        let config = of_bert(json!({"hidden_dropout_prob": 0.3, "classifier_dropout": null}));
        assert_eq!(config.unwrap().head_dropout, 0.3_f32);
        let config = of_bert(json!({"model_type": "roberta"})).unwrap();
        assert_eq!((config.positions, config.unused_positions), (512, 2));
    }

    #[test]
    fn what_is_not_computed_of_bert_is_refused() {
        for (change, fault) in [
            (
                json!({"hidden_act": "gelu_new"}),
                "`hidden_act` is \"gelu_new\"; only \"gelu\" is supported",
            ),
            (
                json!({"position_embedding_type": "relative_key"}),
                "`position_embedding_type` is \"relative_key\"; only \"absolute\" is supported",
            ),
            (json!({"is_decoder": true}), "`is_decoder` is true: only encoders are supported"),
            (
                json!({"add_cross_attention": true}),
                "`add_cross_attention` is true: only encoders are supported",
            ),
            (
                json!({"layer_norm_eps": 0}),
                "`layer_norm_eps` is 0; a number from 1e-30 to 1 is needed",
            ),
            (
                json!({"type_vocab_size": 0}),
                "`type_vocab_size` is 0; a whole number from 1 to 65536 is needed",
            ),
            (
                json!({"hidden_size": 130}),
                "`hidden_size` (130) must be a multiple of `num_attention_heads` (4)",
            ),
            (
                json!({"model_type": "roberta", "max_position_embeddings": 2}),
                "`max_position_embeddings` must be more than 2: texts begin there, behind \
                 `pad_token_id`",
            ),
            (
                json!({"model_type": "roberta", "pad_token_id": -1}),
                "`pad_token_id` is -1; a whole number from 0 to 10000000 is needed",
            ),
        ] {
            assert_eq!(of_bert(change).unwrap_err(), [fault]);
        }
    }
}
