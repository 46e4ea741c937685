//! What PyTorch computed; `tests/reference/make_golden.py` is the program.

use std::fs;

use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::reference;

/// One text with what both tiny models make of it.
#[derive(Debug, Deserialize)]
pub struct GoldenText {
    /// The text.
    pub text: String,
    /// Its token ids, `[CLS]` and `[SEP]` included.
    pub ids: Vec<u32>,
    /// The last hidden state of `[CLS]`.
    pub state: Vec<f32>,
    /// The logits of `tiny-mlp`.
    pub logits_mlp: Vec<f32>,
    /// The logits of `tiny-hf`.
    pub logits_hf: Vec<f32>,
}

/// One text of the models of `families.py`.
#[derive(Debug, Deserialize)]
pub struct FamilyText {
    /// Its token ids.
    pub ids: Vec<u32>,
    /// Its logits.
    pub logits: Vec<f32>,
}

/// A pair of texts of the models of `family_pairs.py`.
#[derive(Debug, Deserialize)]
pub struct FamilyPair {
    /// `bert` or `roberta`.
    pub family: String,
    /// Its token ids.
    pub ids: Vec<u32>,
    /// The type of each token.
    pub token_types: Vec<u32>,
    /// Its logits.
    pub logits: Vec<f32>,
    /// The norm of the gradient of the loss for class 1.
    pub grad_norm: f64,
}

/// A loss of PyTorch's `CrossEntropyLoss(weight=, label_smoothing=)`, of `criterion.py`.
#[derive(Debug, Deserialize)]
pub struct GoldenCriterion {
    /// The weight of each class (K); empty where each is 1.
    pub weights: Vec<f64>,
    /// The label smoothing.
    pub smoothing: f64,
    /// Mean loss.
    pub loss: f64,
    /// (B, K); empty where the batch is rows of rows.tsv.
    #[serde(default)]
    pub logits: Vec<Vec<f32>>,
    /// (B)
    #[serde(default)]
    pub labels: Vec<u32>,
    /// Of the mean loss, by the logits, (B K).
    #[serde(default)]
    pub gradient: Vec<f64>,
    /// The first so many rows of rows.tsv through tiny-hf.
    #[serde(default)]
    pub rows: usize,
    /// The norm of the gradient of all its weights.
    #[serde(default)]
    pub grad_norm: f64,
}

/// One example of the first update.
#[derive(Debug, Deserialize)]
pub struct GoldenExample {
    /// Its token ids, `[CLS]` and `[SEP]` included.
    pub ids: Vec<u32>,
    /// Its class.
    pub label: u32,
}

/// One update of a reference run.
#[derive(Debug, Deserialize)]
pub struct GoldenUpdate {
    /// Its number, from 1.
    pub step: u64,
    /// Mean loss over the batch.
    pub loss: f64,
    /// Norm of the gradient before clipping.
    pub grad_norm: f64,
    /// The rates of encoder and head.
    pub lr: [f64; 2],
    /// Tokens in the batch.
    pub tokens: usize,
}

/// How far PyTorch's bf16 autocast is from float32.
#[derive(Debug, Deserialize)]
pub struct GoldenBf16 {
    /// Of the first update's gradients together, relative to their norm.
    pub gradient: f64,
    /// The mean over the losses of the run `recipe`.
    pub loss: f64,
}

/// How far PyTorch's bf16 autocast is from float32.
///
/// # Panics
/// When the file is missing or damaged.
#[must_use]
pub fn golden_bf16() -> GoldenBf16 {
    lines("golden/bf16.jsonl").remove(0)
}

/// All golden texts.
///
/// # Panics
/// When the file is missing or damaged.
#[must_use]
pub fn golden_texts() -> Vec<GoldenText> {
    lines("golden/texts.jsonl")
}

/// The examples of the reference runs' first update.
///
/// # Panics
/// When the file is missing or damaged.
#[must_use]
pub fn golden_first_batch() -> Vec<GoldenExample> {
    lines("golden/first_batch.jsonl")
}

/// The updates of one reference run: `recipe`, `fast` or `hf`.
///
/// # Panics
/// When the file is missing or damaged.
#[must_use]
pub fn golden_trace(run: &str) -> Vec<GoldenUpdate> {
    lines(&format!("golden/{run}.trace.jsonl"))
}

/// The pairs of texts of a family, `bert` or `roberta`.
///
/// # Panics
/// When the file is missing or damaged.
#[must_use]
pub fn family_pairs(family: &str) -> Vec<FamilyPair> {
    let mut pairs: Vec<FamilyPair> = lines("families/pairs.jsonl");
    pairs.retain(|pair| pair.family == family);
    pairs
}

/// Losses with weights of classes and label smoothing.
///
/// # Panics
/// When the file is missing or damaged.
#[must_use]
pub fn golden_criterion() -> Vec<GoldenCriterion> {
    lines("golden/criterion.jsonl")
}

/// The texts of a family, `bert` or `roberta`.
///
/// # Panics
/// When the file is missing or damaged.
#[must_use]
pub fn family_texts(family: &str) -> Vec<FamilyText> {
    lines(&format!("families/{family}.jsonl"))
}

#[expect(clippy::expect_used, reason = "a test without its reference has to fail")]
fn lines<T: DeserializeOwned>(name: &str) -> Vec<T> {
    let text = fs::read_to_string(reference(name)).expect("a reference file is there");
    let parse = |line| serde_json::from_str(line).expect("a reference line is JSON");
    text.lines().map(parse).collect()
}
