//! The words a user chooses from, as types, each with the kind that reads it.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use lockstep_data::{MaxLength, OnBadRow};
use lockstep_flags::{Choice, Form, Kind};
use lockstep_host::{DeviceChoice, PrecisionChoice};
use lockstep_model::HeadKind;
use lockstep_optim::ScheduleShape;
use lockstep_trainer::{BestMetric, Graphs};

/// A model as it was named; whether a name is a directory is seen when it is looked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ModelName {
    /// A small DistilBERT with fresh weights and a vocabulary made from the training file.
    Tiny,
    /// A directory or a hub id.
    Named(String),
}

/// The kind of `--model`.
pub(crate) const MODEL_NAME: Kind<ModelName> = Kind::Read {
    form: Form::Text,
    placeholder: "ID|DIR",
    valid: "a hub id such as distilbert-base-uncased, a directory, or builtin:tiny",
    read: |text| match text {
        "builtin:tiny" => Some(ModelName::Tiny),
        text if text.trim().is_empty() || text.contains('\0') => None,
        text if text.starts_with("builtin:") => None,
        text => Some(ModelName::Named(text.to_owned())),
    },
};

/// Where labelled examples come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DataSource {
    /// The generated reviews; the key says which split.
    Reviews,
    /// Files: a path, several with commas between them, a pattern or a directory.
    File(PathBuf),
    /// A split of a data set on the hub.
    Hub(HubSplit),
}

/// A split of a data set on the hub, written `hub:owner/name:config:split`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HubSplit {
    /// `owner/name` or `name`.
    pub id: String,
    /// The configuration, if it is named.
    pub config: Option<String>,
    /// The split.
    pub split: String,
}

impl HubSplit {
    /// What every name of a split begins with.
    pub const PREFIX: &str = "hub:";

    fn read(text: &str) -> Option<Self> {
        let words: Vec<&str> = text.split(':').collect();
        let (id, config, split) = match *words {
            [id, split] => (id, None, split),
            [id, config, split] => (id, Some(config), split),
            _ => return None,
        };
        let is_whole = words.iter().all(|word| !word.is_empty() && word.trim() == *word);
        let owned = str::to_owned;
        is_whole.then(|| Self { id: owned(id), config: config.map(owned), split: owned(split) })
    }
}

impl fmt::Display for HubSplit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { id, config, split } = self;
        write!(f, "{}{id}:", Self::PREFIX)?;
        config.iter().try_for_each(|config| write!(f, "{config}:"))?;
        f.write_str(split)
    }
}

/// The kind of `--train-file` and its like.
pub const DATA_SOURCE: Kind<DataSource> = Kind::Read {
    form: Form::Files,
    placeholder: "FILES",
    valid: "a .tsv, .csv, .jsonl, .json, .parquet or .arrow file, several with commas between them, a \
            pattern such as data/*.csv, a directory of a folder per class or of save_to_disk, \
            hub:OWNER/NAME[:CONFIG]:SPLIT, or builtin:reviews",
    read: |text| match text {
        "builtin:reviews" => Some(DataSource::Reviews),
        text if text.trim().is_empty() || text.contains('\0') || text == "-" => None,
        text if text.starts_with("builtin:") => None,
        text => match text.strip_prefix(HubSplit::PREFIX) {
            Some(name) => HubSplit::read(name).map(DataSource::Hub),
            None => Some(DataSource::File(text.into())),
        },
    },
};

/// Where tokens are kept between runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TokenPlace {
    /// Nowhere.
    Off,
    /// In this folder.
    Folder(PathBuf),
}

/// The kind of `--token-cache`.
pub(crate) const TOKEN_PLACE: Kind<TokenPlace> = Kind::Read {
    form: Form::Text,
    placeholder: "DIR|off",
    valid: "a folder, or off",
    read: |text| match text {
        "off" => Some(TokenPlace::Off),
        text if text.trim().is_empty() || text.contains('\0') => None,
        text => Some(TokenPlace::Folder(text.into())),
    },
};

/// A time limit; nothing where there is none.
pub(crate) const SECONDS: Kind<Option<Duration>> = Kind::Read {
    form: Form::Number,
    placeholder: "S",
    valid: "a whole number from 1 to 1000000000, or 0 for no limit",
    read: |text| {
        let seconds = text.parse::<u64>().ok().filter(|seconds| *seconds <= 1_000_000_000)?;
        Some((seconds > 0).then(|| Duration::from_secs(seconds)))
    },
};

/// The kind of `--device`.
pub(crate) const DEVICE_CHOICE: Kind<DeviceChoice> = Kind::OneOf(|| {
    vec![
        Choice::new("auto", "a GPU where there is one, else the CPU", DeviceChoice::Auto),
        Choice::new("cpu", "the CPU", DeviceChoice::Cpu),
        Choice::new("cuda", "a GPU, or an error", DeviceChoice::Cuda),
    ]
});

/// The kind of `--precision`.
pub(crate) const PRECISION: Kind<PrecisionChoice> = Kind::OneOf(|| {
    vec![
        Choice::new("f32", "32-bit floats", PrecisionChoice::F32),
        Choice::new("tf32", "f32 with matrix products of TF32 inputs", PrecisionChoice::Tf32),
        Choice::new("bf16", "16-bit floats where they suffice", PrecisionChoice::Bf16),
    ]
});

/// The kind of `--cuda-graphs`.
pub(crate) const GRAPHS: Kind<Graphs> = Kind::OneOf(|| {
    vec![
        Choice::new("on", "one launch for an update", Graphs::On),
        Choice::new("off", "a launch for each kernel", Graphs::Off),
    ]
});

/// When something recurs, as Hugging Face names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Strategy {
    /// Not at all.
    No,
    /// After so many updates.
    Steps,
    /// After each epoch.
    Epoch,
}

/// The kind of `--eval-strategy` and `--save-strategy`.
pub(crate) const STRATEGY: Kind<Strategy> = Kind::OneOf(|| {
    vec![
        Choice::new("no", "never", Strategy::No),
        Choice::new("steps", "after a number of updates", Strategy::Steps),
        Choice::new("epoch", "after each epoch", Strategy::Epoch),
    ]
});

/// What a run resumes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Resume {
    /// From nothing.
    Never,
    /// From the newest whole checkpoint in the output directory, if there is one.
    Auto,
    /// From this checkpoint.
    From(PathBuf),
}

/// The kind of `--resume`.
pub(crate) const RESUME: Kind<Resume> = Kind::Read {
    form: Form::Text,
    placeholder: "auto|never|DIR",
    valid: "auto, never, or a checkpoint directory",
    read: |text| match text {
        "auto" => Some(Resume::Auto),
        "never" => Some(Resume::Never),
        text if text.trim().is_empty() || text.contains('\0') => None,
        text => Some(Resume::From(text.into())),
    },
};

/// The kind of `--metric-for-best-model`: also by the names of Hugging Face's reports, `eval_f1`.
pub(crate) const METRIC: Kind<BestMetric> = Kind::Read {
    form: Form::Text,
    placeholder: "accuracy|f1|mcc|loss",
    valid: "accuracy, f1 (the mean over all classes), mcc or loss",
    read: |text| {
        let name = match text.strip_prefix("eval_").unwrap_or(text) {
            "macro_f1" | "f1_macro" => "f1",
            "matthews_correlation" => "mcc",
            name => name,
        };
        BestMetric::ALL.into_iter().find(|metric| metric.name() == name)
    },
};

/// The length of a sequence in tokens; `[CLS]` and `[SEP]` are two of them.
pub(crate) const LENGTH: Kind<MaxLength> = Kind::Read {
    form: Form::Number,
    placeholder: "N",
    valid: "a whole number from 3 to 65536, [CLS] and [SEP] included",
    read: |text| text.parse().ok().and_then(MaxLength::new),
};

/// The kind of `--head`.
pub(crate) const HEAD: Kind<HeadKind> = Kind::OneOf(|| {
    vec![
        Choice::new("mlp", "the recipe's MLP", HeadKind::Mlp),
        Choice::new("hf", "Hugging Face's", HeadKind::Hf),
    ]
});

/// The kind of `--lr-scheduler-type`.
pub(crate) const SCHEDULE: Kind<ScheduleShape> = Kind::OneOf(|| {
    let choice = |shape: &ScheduleShape| Choice::new(shape.name(), shape.meaning(), *shape);
    ScheduleShape::ALL.iter().map(choice).collect()
});

/// The kind of `--on-bad-row`.
pub(crate) const ON_BAD_ROW: Kind<OnBadRow> = Kind::OneOf(|| {
    vec![
        Choice::new("fail", "report all bad rows and exit", OnBadRow::Fail),
        Choice::new("skip", "leave them out and count them", OnBadRow::Skip),
    ]
});

/// What an update that cannot count leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NonFinite {
    /// The run's end.
    Fail,
    /// Nothing, for a while.
    Skip,
}

/// The kind of `--on-nonfinite`.
pub(crate) const NON_FINITE: Kind<NonFinite> = Kind::OneOf(|| {
    vec![
        Choice::new("fail", "end the run", NonFinite::Fail),
        Choice::new("skip", "leave the update out and count it", NonFinite::Skip),
    ]
});

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_length_has_room_for_the_two_special_tokens() {
        assert_eq!(LENGTH.read("2"), None);
        assert_eq!(LENGTH.read("128"), MaxLength::new(128));
    }
}
