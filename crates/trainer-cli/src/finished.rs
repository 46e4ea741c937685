//! A finished model, as `evaluate` and `predict` use it.

use std::path::{Path, PathBuf};

use lockstep_data::{ColumnChoice, DataError, LabelError, LabelMap, MaxLength, Renames, Tokenizer};
use lockstep_flags::{DIRECTORY, Entry, Fault, Key, Problem, Table, Written};
use lockstep_join::device::Place;
use lockstep_model::Classifier;
use lockstep_settings::{Reading, is_record, keys};
use lockstep_trainer::{Usage, check_model, latest_checkpoint};

use crate::failure::Failure;
use crate::models;

/// `--checkpoint`.
pub(crate) static CHECKPOINT: Key<PathBuf> =
    Key::new(Table::COMMAND, "checkpoint", DIRECTORY, "an output directory, or a checkpoint in it");

/// A model with its tokenizer and its classes.
pub(crate) struct Finished {
    /// Where it is.
    pub(crate) directory: PathBuf,
    /// The model.
    pub(crate) model: Classifier,
    /// What makes its tokens.
    pub(crate) tokenizer: Tokenizer,
    /// Its classes.
    pub(crate) labels: LabelMap,
    /// Where texts are cut.
    pub(crate) max_length: MaxLength,
    /// What its training read; nothing where another program wrote the model.
    usage: Usage,
}

impl Finished {
    /// The model `--checkpoint` names, on its device.
    ///
    /// # Errors
    /// A missing flag, or a directory that holds no model that is whole and finished.
    pub(crate) fn open(config: &Written, place: &Place) -> Result<Self, Failure> {
        let directory = with_a_model(config.get(&CHECKPOINT)?)?;
        if !directory.is_dir() {
            return Err(Failure::NoCheckpoint { path: directory });
        }
        check_model(&directory)?;
        let model = Classifier::open(&directory, &place.device)?;
        let tokenizer = Tokenizer::from_dir(&directory).map_err(Failure::Tokenizer)?;
        let usage = Usage::read(&directory)?;
        let origin = Origin { directory: &directory, usage: usage.as_ref() };
        let max_length = origin.max_length(config, model.config().positions)?;
        models::check(&model, &tokenizer, max_length.get())?;
        let labels = LabelMap::of_model(model.labels().to_vec());
        let labels = labels.map_err(|fault: LabelError| Failure::Classes {
            directory: directory.clone(),
            fault,
        })?;
        let usage = usage.unwrap_or_default();
        Ok(Self { directory, model, tokenizer, labels, max_length, usage })
    }

    /// The columns of the texts: as the flag says, else as in training.
    ///
    /// # Errors
    /// One column for a model of pairs, whose answers to single texts mean nothing.
    pub(crate) fn text_column(&self, config: &Written) -> Result<ColumnChoice, Fault> {
        let Usage { text_column, text_pair_column, .. } = &self.usage;
        let chosen = config.find(&keys::TEXT_COLUMN);
        match (chosen, text_column, text_pair_column) {
            (None, Some(first), Some(second)) => {
                Ok(ColumnChoice::RememberedPair([first, second].map(String::clone)))
            }
            (Some(one), _, Some(_)) if !one.contains(',') => {
                let place = config.place(&keys::TEXT_COLUMN);
                let other = "the model, which was trained on pairs of texts".to_owned();
                let remedy = "name both columns of the pairs, with a comma between them";
                Err(Fault { place, problem: Problem::Contradiction { other, remedy } })
            }
            (chosen, first, _) => Ok(column(chosen, first.as_ref())),
        }
    }

    /// Refuses pairs of texts for a model of single ones, whose answers to pairs mean nothing. Of a model that
    /// another program trained nothing is known.
    ///
    /// # Errors
    /// [`DataError::PairsAndSingles`]
    pub(crate) fn check_texts(&self, name: &str, are_pairs: bool) -> Result<(), DataError> {
        let Usage { text_column, text_pair_column, .. } = &self.usage;
        match text_column.is_some() && text_pair_column.is_none() && are_pairs {
            true => Err(DataError::PairsAndSingles { name: name.to_owned(), is_of_pairs: true }),
            false => Ok(()),
        }
    }

    /// How files are read: as the flags say, else as in training.
    ///
    /// # Errors
    /// A key that must be given and was not.
    pub(crate) fn reading(&self, config: &Written) -> Result<Reading, Fault> {
        let map = self.usage.label_map.as_ref();
        Ok(Reading {
            max_length: self.max_length,
            text_column: self.text_column(config)?,
            label_column: column(
                config.find(&keys::LABEL_COLUMN),
                self.usage.label_column.as_ref(),
            ),
            remembered_map: map.map(|map| Renames::remembered(map, self.labels.names())),
            ..Reading::of(config)?
        })
    }
}

/// The directory itself, or its newest checkpoint where its run did not finish.
fn with_a_model(directory: PathBuf) -> Result<PathBuf, Failure> {
    let is_run = !directory.join("config.json").exists() && is_record(&directory.join("run.toml"));
    let newest = if is_run { latest_checkpoint(&directory)? } else { None };
    let Some(checkpoint) = newest else { return Ok(directory) };
    tracing::warn!(
        "{} has no finished model, because its run did not finish; using its newest checkpoint, {}",
        directory.display(),
        checkpoint.display()
    );
    Ok(checkpoint)
}

fn column(chosen: Option<String>, remembered: Option<&String>) -> ColumnChoice {
    match (chosen, remembered) {
        (None, Some(name)) => ColumnChoice::Remembered(name.clone()),
        (chosen, _) => chosen.into(),
    }
}

/// Where a model comes from.
struct Origin<'a> {
    directory: &'a Path,
    usage: Option<&'a Usage>,
}

impl Origin<'_> {
    /// Where texts are cut: as the flag says, else as in training; where the model does not say how it
    /// was trained, as Python would cut them, and at the latest where the model's positions end.
    fn max_length(&self, config: &Written, positions: usize) -> Result<MaxLength, Failure> {
        let Self { directory, usage } = self;
        if let Some(chosen) = config.find(&keys::LIMIT) {
            return Ok(chosen);
        }
        if let Some(usage) = usage {
            let trained = usage.max_seq_length;
            let place =
                format!("{}/lockstep.json: max_seq_length = {trained}", directory.display());
            return valid(trained, place);
        }
        let pythons = Tokenizer::model_max_length(directory).map_err(Failure::Tokenizer)?;
        let longest = pythons.map_or(positions, |most| most.get().min(positions));
        let place = format!("{}: max_position_embeddings", directory.join("config.json").display());
        valid(longest, place)
    }
}

fn valid(length: usize, place: String) -> Result<MaxLength, Failure> {
    let problem = Problem::Invalid { valid: keys::LIMIT.valid() };
    MaxLength::new(length).ok_or_else(|| Fault { place, problem }.into())
}
