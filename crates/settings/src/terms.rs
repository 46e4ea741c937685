//! The words a user chooses from, as types, each with the kind that reads it.

use std::path::PathBuf;
use std::time::Duration;

use lockstep_data::{MaxLength, OnBadRow};
use lockstep_flags::{Form, Kind};
use lockstep_host::{DeviceChoice, Precision};
use lockstep_model::HeadKind;
use lockstep_optim::ScheduleShape;
use lockstep_trainer::Graphs;

/// A model as it was named; whether a name is a directory is seen when it is looked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ModelName {
    /// A small DistilBERT with fresh weights and a vocabulary made from the training file.
    Tiny,
    /// A directory or a hub id.
    Named(String),
}

/// The kind of `--model`.
pub(crate) const MODEL_NAME: Kind<ModelName> = Kind {
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
    /// A file; its extension says how it is read.
    File(PathBuf),
}

/// The kind of `--train-file` and its like.
pub const DATA_SOURCE: Kind<DataSource> = Kind {
    form: Form::Text,
    placeholder: "FILE",
    valid: "a .tsv, .csv or .jsonl file, or builtin:reviews",
    read: |text| match text {
        "builtin:reviews" => Some(DataSource::Reviews),
        text if text.trim().is_empty() || text.contains('\0') => None,
        text if text.starts_with("builtin:") => None,
        text => Some(DataSource::File(text.into())),
    },
};

/// A time limit; nothing where there is none.
pub(crate) const SECONDS: Kind<Option<Duration>> = Kind {
    form: Form::Number,
    placeholder: "S",
    valid: "a whole number from 1 to 1000000000, or 0 for no limit",
    read: |text| {
        let seconds = text.parse::<u64>().ok().filter(|seconds| *seconds <= 1_000_000_000)?;
        Some((seconds > 0).then(|| Duration::from_secs(seconds)))
    },
};

/// The kind of `--device`.
pub(crate) const DEVICE_CHOICE: Kind<DeviceChoice> = Kind {
    form: Form::Text,
    placeholder: "auto|cpu|cuda",
    valid: "auto, cpu or cuda",
    read: |text| match text {
        "auto" => Some(DeviceChoice::Auto),
        "cpu" => Some(DeviceChoice::Cpu),
        "cuda" => Some(DeviceChoice::Cuda),
        _ => None,
    },
};

/// The kind of `--precision`.
pub(crate) const PRECISION: Kind<Precision> = Kind {
    form: Form::Text,
    placeholder: "f32|tf32|bf16",
    valid: "f32, tf32 or bf16",
    read: |text| match text {
        "f32" => Some(Precision::F32),
        "tf32" => Some(Precision::Tf32),
        "bf16" => Some(Precision::Bf16),
        _ => None,
    },
};

/// The kind of `--cuda-graphs`.
pub(crate) const GRAPHS: Kind<Graphs> = Kind {
    form: Form::Text,
    placeholder: "on|off",
    valid: "on or off",
    read: |text| match text {
        "on" => Some(Graphs::On),
        "off" => Some(Graphs::Off),
        _ => None,
    },
};

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
pub(crate) const STRATEGY: Kind<Strategy> = Kind {
    form: Form::Text,
    placeholder: "no|steps|epoch",
    valid: "no, steps or epoch",
    read: |text| match text {
        "no" => Some(Strategy::No),
        "steps" => Some(Strategy::Steps),
        "epoch" => Some(Strategy::Epoch),
        _ => None,
    },
};

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
pub(crate) const RESUME: Kind<Resume> = Kind {
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

/// A place that a run reports to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reporter {
    /// Lines on the terminal.
    Console,
    /// `metrics.jsonl`.
    Jsonl,
    /// TensorBoard's event file.
    TensorBoard,
}

/// The kind of `--report-to`.
pub(crate) const REPORTERS: Kind<Vec<Reporter>> = Kind {
    form: Form::List,
    placeholder: "LIST",
    valid: "none, or a list of console and jsonl",
    read: |text| match text {
        "none" => Some(Vec::new()),
        text => text.split(',').map(|word| reporter(word.trim())).collect(),
    },
};

fn reporter(word: &str) -> Option<Reporter> {
    match word {
        "console" => Some(Reporter::Console),
        "jsonl" => Some(Reporter::Jsonl),
        "tensorboard" => Some(Reporter::TensorBoard),
        _ => None,
    }
}

/// The length of a sequence in tokens; `[CLS]` and `[SEP]` are two of them.
pub(crate) const LENGTH: Kind<MaxLength> = Kind {
    form: Form::Number,
    placeholder: "N",
    valid: "a whole number from 3 to 65536, [CLS] and [SEP] included",
    read: |text| text.parse().ok().and_then(MaxLength::new),
};

/// The kind of `--head`.
pub(crate) const HEAD: Kind<HeadKind> = Kind {
    form: Form::Text,
    placeholder: "mlp|hf",
    valid: "mlp or hf",
    read: |text| match text {
        "mlp" => Some(HeadKind::Mlp),
        "hf" => Some(HeadKind::Hf),
        _ => None,
    },
};

/// The kind of `--lr-scheduler-type`.
pub(crate) const SCHEDULE: Kind<ScheduleShape> = Kind {
    form: Form::Text,
    placeholder: "linear|constant|cosine",
    valid: "linear, constant or cosine",
    read: |text| match text {
        "linear" => Some(ScheduleShape::Linear),
        "constant" => Some(ScheduleShape::Constant),
        "cosine" => Some(ScheduleShape::Cosine),
        _ => None,
    },
};

/// The kind of `--on-bad-row`.
pub(crate) const ON_BAD_ROW: Kind<OnBadRow> = Kind {
    form: Form::Text,
    placeholder: "fail|skip",
    valid: "fail or skip",
    read: |text| match text {
        "fail" => Some(OnBadRow::Fail),
        "skip" => Some(OnBadRow::Skip),
        _ => None,
    },
};

/// What an update that cannot count leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NonFinite {
    /// The run's end.
    Fail,
    /// Nothing, for a while.
    Skip,
}

/// The kind of `--on-nonfinite`.
pub(crate) const NON_FINITE: Kind<NonFinite> = Kind {
    form: Form::Text,
    placeholder: "fail|skip",
    valid: "fail or skip",
    read: |text| match text {
        "fail" => Some(NonFinite::Fail),
        "skip" => Some(NonFinite::Skip),
        _ => None,
    },
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_length_has_room_for_the_two_special_tokens() {
        assert_eq!((LENGTH.read)("2"), None);
        assert_eq!((LENGTH.read)("128"), MaxLength::new(128));
    }
}
