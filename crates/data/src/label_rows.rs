//! What is known of the rows of one label.

use serde::{Deserialize, Serialize};

use crate::read_files::RowPlace;

/// The rows of one label.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct LabelRows {
    /// The label as the file has it.
    pub(crate) of_file: String,
    /// The class, or what the user calls it.
    pub(crate) name: String,
    pub(crate) rows: u64,
    /// The places of the first of them: as many as an account of bad rows shows.
    pub(crate) first: Vec<RowPlace>,
    /// Those whose texts are in quotes that are letters.
    pub(crate) quoted: Option<Quoted>,
    pub(crate) is_usable: bool,
}

/// Texts in quotes.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Quoted {
    pub(crate) texts: usize,
    /// Of the first.
    pub(crate) place: RowPlace,
    pub(crate) text: String,
}

impl LabelRows {
    /// No row yet.
    pub(crate) fn of(label: &str) -> Self {
        Self {
            of_file: label.to_owned(),
            name: label.to_owned(),
            rows: 0,
            first: Vec::new(),
            quoted: None,
            is_usable: true,
        }
    }
}
