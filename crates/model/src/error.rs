//! Why a model could not be read, built, run or written.

use std::path::PathBuf;

use lockstep_params::{GradientError, ParameterError, TensorFileError};

/// Everything that can go wrong with a model.
#[derive(Debug, thiserror::Error)]
pub enum ModelError {
    /// A file could not be read or written.
    #[error("cannot {verb} {}: {cause}", path.display())]
    Io {
        /// What was tried.
        verb: &'static str,
        /// On which file.
        path: PathBuf,
        /// What the system said.
        cause: std::io::Error,
    },
    /// There is no config.json.
    #[error(
        "{} does not exist; a model directory needs config.json, model.safetensors or \
         pytorch_model.bin, and tokenizer.json or vocab.txt",
        path.display()
    )]
    NoConfig {
        /// Where it should be.
        path: PathBuf,
    },
    /// config.json is not a JSON object.
    #[error(
        "{} is not a JSON object ({cause}); it may be cut short or damaged: download it again",
        path.display()
    )]
    DamagedConfig {
        /// The file.
        path: PathBuf,
        /// What the parser said.
        cause: serde_json::Error,
    },
    /// config.json is not usable.
    #[error(
        "{} does not describe an encoder that can be trained here:\n{}\n  \
         hint: use a DistilBERT, BERT or RoBERTa model, such as distilbert-base-uncased, with its own \
         config.json",
        path.display(), bullets(faults)
    )]
    Config {
        /// The file.
        path: PathBuf,
        /// All that is wrong.
        faults: Vec<String>,
    },
    /// The directory has no weights.
    #[error(
        "{} holds neither model.safetensors nor pytorch_model.bin{}; {}",
        directory.display(), found_instead(*instead), instead_of(*instead)
    )]
    NoWeights {
        /// The directory.
        directory: PathBuf,
        /// The file of weights that it has, and what that is.
        instead: Option<(&'static str, &'static str)>,
    },
    /// The tensors are not those config.json describes.
    #[error(
        "{} does not fit its config.json:\n{}\n  hint: take both files from the same source",
        path.display(), bullets(faults)
    )]
    Tensors {
        /// The file.
        path: PathBuf,
        /// All that is wrong.
        faults: Vec<String>,
    },
    /// The model has no head, but a trained one is needed.
    #[error(
        "{} has no classification head; train the model first",
        path.display()
    )]
    NoHead {
        /// The file.
        path: PathBuf,
    },
    /// The model has a head for other classes.
    #[error(
        "{} has a head for the {}, but the data has the {}; classes are matched by name",
        path.display(), classes(found), classes(wanted)
    )]
    Labels {
        /// The file.
        path: PathBuf,
        /// The classes in config.json.
        found: Vec<String>,
        /// The classes of the data.
        wanted: Vec<String>,
    },
    /// The names of the classes in config.json cannot be used.
    #[error("{}: {fault}; use the config.json that was saved with the weights", path.display())]
    Labelling {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        fault: String,
    },
    /// The tokenizer has more tokens than the model.
    #[error(
        "the tokenizer has {tokens} tokens, but the model's embedding has {rows} rows, so they do \
         not belong together; take both from the same source"
    )]
    Vocabulary {
        /// The tokens of the tokenizer.
        tokens: usize,
        /// The rows of the model's word embedding.
        rows: usize,
    },
    /// Texts may be longer than the model takes.
    #[error("texts may have {longest} tokens, but the model has only {positions} positions")]
    TooLong {
        /// The tokens at which texts are cut.
        longest: usize,
        /// The positions of the model.
        positions: usize,
    },
    /// A gradient is missing.
    #[error(transparent)]
    Gradient(#[from] GradientError),
    /// A tensor file is unreadable or could not be written.
    #[error(transparent)]
    File(#[from] TensorFileError),
    /// Parameters do not fit.
    #[error(transparent)]
    Parameters(#[from] ParameterError),
    /// The tensor library failed.
    #[error(transparent)]
    Tensor(#[from] candle_core::Error),
}

/// What a user can do about an error of a model, where that is a setting of a program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ModelRemedy {
    /// Cut texts at this many tokens or fewer.
    CutTexts {
        /// The positions of the model.
        positions: usize,
    },
    /// Rename the labels of the data, or make a new head for its classes.
    RenameLabelsOrReplaceHead,
}

impl ModelError {
    /// What a user can do, where the message does not say it.
    #[must_use]
    pub fn remedy(&self) -> Option<ModelRemedy> {
        match self {
            Self::TooLong { positions, .. } => {
                Some(ModelRemedy::CutTexts { positions: *positions })
            }
            Self::Labels { .. } => Some(ModelRemedy::RenameLabelsOrReplaceHead),
            _ => None,
        }
    }
}

/// How many there are, and the first of them.
fn classes(names: &[String]) -> String {
    const SHOWN: usize = 6;
    let shown: Vec<String> = names.iter().take(SHOWN).map(|name| format!("`{name}`")).collect();
    let more = if names.len() > SHOWN { ", …" } else { "" };
    format!("{} classes {}{more}", names.len(), shown.join(", "))
}

fn found_instead(instead: Option<(&str, &str)>) -> String {
    instead.map_or_else(String::new, |(file, what)| format!(", but {file}: {what}"))
}

fn instead_of(instead: Option<(&str, &str)>) -> &'static str {
    match instead {
        None => "put one of them beside config.json",
        Some((_, what)) if what.contains("adapter") => {
            "merge it with its base model in Python (merge_and_unload), then save_pretrained(DIRECTORY)"
        }
        Some((_, what)) if what.contains("variant") => "rename it to model.safetensors",
        Some((_, what)) if what.contains("TensorFlow") || what.contains("Flax") => {
            "convert it in Python with transformers 4: from_pretrained(DIRECTORY, from_tf=True or \
             from_flax=True), then save_pretrained(DIRECTORY)"
        }
        Some(_) => "save the model in Python with save_pretrained(DIRECTORY)",
    }
}

fn bullets(faults: &[String]) -> String {
    faults.iter().map(|fault| format!("  - {fault}")).collect::<Vec<_>>().join("\n")
}
