//! A differentiable classifier on candle tensors, and its map to and from Hugging Face checkpoints:
//! DistilBERT, and BERT and RoBERTa, which are the same network under other names.
//!
//! It is our own because `candle_transformers::models::distilbert` cannot be trained: its layer
//! norm has no backward and cuts the gradient silently, its GELU is the tanh form, it has neither
//! dropout nor a head, and its mask is inverted. It serves as an oracle in the tests instead.
//!
//! Two things are never computed: padding (a batch is one packed stream of tokens) and whatever the
//! head does not read (the last block works at `[CLS]` only).
//!
//! Shapes: B examples, N tokens of all of them, D width, H heads, F feed-forward width, K classes,
//! V vocabulary, P positions.

mod block;
mod checkpoint;
mod classifier;
mod config;
mod config_keys;
mod embeddings;
mod encoder;
mod error;
mod family;
mod head;
mod head_kind;
mod init;
mod input;
mod layers;
mod logits;
mod masks;
mod network;
mod pass;
mod pretrained;
mod saving;
mod specs;

pub use checkpoint::LoadReport;
pub use classifier::{Classifier, ModelRequest};
pub use config::EncoderConfig;
pub use error::{ModelError, ModelRemedy};
pub use family::{Family, HeadActivation};
pub use head_kind::HeadKind;
pub use input::{Input, Mode};
pub use lockstep_kernels::{Bf16, Criterion, Precision, Ready};
pub use logits::{Logits, Loss};
pub use masks::{DropoutRates, Dropouts};
pub use pretrained::Pretrained;
pub use saving::ModelTexts;
