//! `lockstep.json`: what a model needs to be used as it was trained, and no other file of it says.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// How texts and labels were read in training; evaluations and predictions read them alike.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Usage {
    /// Tokens after which a text was cut, `[CLS]` and `[SEP]` included.
    pub max_seq_length: usize,
    /// The column of the texts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text_column: Option<String>,
    /// The column of the second texts, where texts are pairs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text_pair_column: Option<String>,
    /// The column of the labels.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub label_column: Option<String>,
    /// The class of each label, where the files have other names for them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub label_map: Option<BTreeMap<String, String>>,
}
