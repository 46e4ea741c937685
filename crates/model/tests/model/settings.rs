//! Every key of config.json that transformers 5 reads for these models: heeded, refused by name, or
//! without a say in any answer.

use std::fs;
use std::path::Path;

use candle_core::Device;
use lockstep_model::{Classifier, Input, Mode};
use lockstep_testkit::{golden_texts, reference};
use serde_json::{Value, json};

/// What a changed key does.
enum Effect {
    /// What it says is heeded: something that can be asked of the model is another.
    Heeded(fn(&Classifier) -> Value, Value),
    /// The model is refused, with this in the message.
    Refused(&'static str),
    /// The logits stay, as they do in transformers.
    None,
}

use Effect::{Heeded, None as Nothing, Refused};

fn rate(model: &Classifier, of: fn(&lockstep_model::DropoutRates) -> f32) -> Value {
    json!(of(&model.dropout_rates()).to_string())
}

fn table() -> Vec<(Value, Effect)> {
    [sizes(), classes(), without_a_say()].into_iter().flatten().collect()
}

fn sizes() -> Vec<(Value, Effect)> {
    vec![
        (json!({"model_type": "electra"}), Refused("`model_type` is \"electra\"")),
        (json!({"model_type": "bert"}), Refused("`hidden_size` is missing")),
        (json!({"activation": "relu"}), Refused("`activation` is \"relu\"")),
        (json!({"vocab_size": 296}), Refused("has shape [297, 32], but [296, 32] is needed")),
        (json!({"max_position_embeddings": 64}), Refused("but [64, 32] is needed")),
        (json!({"dim": 64}), Refused("but [64]")),
        (json!({"hidden_dim": 32}), Refused("but [32, 32] is needed")),
        (json!({"n_layers": 2}), Refused("is not expected by config.json")),
        (json!({"n_heads": 2}), Heeded(|model| json!(model.config().heads), json!(2))),
        (json!({"hidden_size": 64}), Refused("`dim` is 32, but `hidden_size` is 64")),
        (json!({"num_attention_heads": 2}), Refused("but `num_attention_heads` is 2")),
        (json!({"num_hidden_layers": 2}), Refused("but `num_hidden_layers` is 2")),
        (json!({"hidden_size": 32, "num_attention_heads": 4, "num_hidden_layers": 3}), Nothing),
        (json!({"dropout": 0.25}), Heeded(|model| rate(model, |r| r.hidden), json!("0.25"))),
        (
            json!({"attention_dropout": 0.25}),
            Heeded(|model| rate(model, |r| r.attention), json!("0.25")),
        ),
        (
            json!({"seq_classif_dropout": 0.25}),
            Heeded(|model| rate(model, |r| r.head), json!("0.25")),
        ),
        (
            json!({"initializer_range": 0.5}),
            Heeded(|model| json!(model.config().initializer_range), json!(0.5)),
        ),
    ]
}

fn classes() -> Vec<(Value, Effect)> {
    let labels = |model: &Classifier| json!(model.labels());
    vec![
        (
            json!({"id2label": {"0": "x", "1": "y", "2": "z"}}),
            Heeded(labels, json!(["x", "y", "z"])),
        ),
        (json!({"id2label": {"0": "x", "1": "y"}}), Refused("`id2label` is for 2 classes")),
        (
            json!({"id2label": null, "num_labels": 3}),
            Heeded(labels, json!(["LABEL_0", "LABEL_1", "LABEL_2"])),
        ),
        (json!({"id2label": null, "num_labels": 2}), Refused("`num_labels` is for 2 classes")),
        (json!({"problem_type": "single_label_classification"}), Nothing),
        (json!({"problem_type": null}), Nothing),
        (
            json!({"problem_type": "multi_label_classification"}),
            Refused("`problem_type` is \"multi_"),
        ),
        (json!({"problem_type": "regression"}), Refused("`problem_type` is \"regression\"")),
        (json!({"problem_type": 3}), Refused("`problem_type` is 3")),
        (json!({"pruned_heads": {}}), Nothing),
        (json!({"pruned_heads": {"0": [1]}}), Refused("`pruned_heads` is not empty")),
        (json!({"quantization_config": {"load_in_8bit": true}}), Refused("`quantization_config`")),
    ]
}

fn without_a_say() -> Vec<(Value, Effect)> {
    vec![
        // The output is named by id2label alone.
        (json!({"label2id": {"sad": 0, "calm": 1, "glad": 2}}), Nothing),
        // Positions are read like all weights; only fresh ones would be sines.
        (json!({"sinusoidal_pos_embds": true}), Nothing),
        // The same numbers in portions, in another place, or with more beside them.
        (json!({"chunk_size_feed_forward": 2, "gradient_checkpointing": true}), Nothing),
        (json!({"_attn_implementation": "sdpa", "attn_implementation": "eager"}), Nothing),
        (json!({"output_attentions": true, "output_hidden_states": true}), Nothing),
        (json!({"return_dict": false, "torchscript": true, "use_cache": true}), Nothing),
        // The precision in which Python keeps weights; here they are widened.
        (json!({"dtype": "float32", "torch_dtype": "float32"}), Nothing),
        // Of other heads, of padding (there is none here), of texts that are written.
        (json!({"qa_dropout": 0.9, "tie_weights_": true, "tie_word_embeddings": false}), Nothing),
        (json!({"pad_token_id": 4, "bos_token_id": 1, "eos_token_id": 2}), Nothing),
        (json!({"is_encoder_decoder": false, "is_decoder": false}), Nothing),
        // Code that transformers runs only where it is told to trust it.
        (json!({"auto_map": {"AutoModel": "modeling.Model"}}), Nothing),
        // Notes.
        (json!({"architectures": ["DistilBertForMaskedLM"], "finetuning_task": "sst-2"}), Nothing),
        (json!({"_name_or_path": "x", "transformers_version": "2.0.0"}), Nothing),
    ]
}

fn open(directory: &Path, change: &Value) -> Result<Classifier, String> {
    let text = fs::read(reference("tiny-hf/config.json")).unwrap();
    let mut config: Value = serde_json::from_slice(&text).unwrap();
    for (key, value) in change.as_object().unwrap() {
        config[key] = value.clone();
    }
    fs::write(directory.join("config.json"), config.to_string()).unwrap();
    Classifier::open(directory, &Device::Cpu).map_err(|error| error.to_string())
}

fn logits(model: &Classifier) -> Vec<Vec<f32>> {
    let text = golden_texts().swap_remove(3);
    let positions: Vec<u32> = (0..).take(text.ids.len()).collect();
    let input = Input {
        ids: &text.ids,
        positions: &positions,
        token_types: &[],
        offsets: &[0, text.ids.len()],
        examples: &[0],
    };
    model.logits(&input, Mode::Evaluate).unwrap().values().unwrap()
}

#[test]
fn every_key_is_heeded_refused_or_without_a_say() {
    let directory = tempfile::tempdir().unwrap();
    let weights = "model.safetensors";
    fs::copy(reference("tiny-hf").join(weights), directory.path().join(weights)).unwrap();
    let usual = logits(&open(directory.path(), &json!({})).unwrap());
    for (change, effect) in table() {
        match (open(directory.path(), &change), effect) {
            (Err(error), Refused(part)) => assert!(error.contains(part), "{change}: {error}"),
            (Ok(model), Heeded(asked, expected)) => assert_eq!(asked(&model), expected, "{change}"),
            (Ok(model), Nothing) => assert_eq!(logits(&model), usual, "{change}"),
            (Err(error), _) => panic!("{change}: {error}"),
            (Ok(_), Refused(_)) => panic!("{change}: read"),
        }
    }
}
