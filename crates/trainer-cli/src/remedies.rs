//! What a user can do about a failure, in the words of the command line.
//!
//! The library crates know the remedies and this program knows its flags; only here do they meet.

use std::fmt;
use std::path::Path;

use lockstep_collective::{CollectiveError, PeerRemedy};
use lockstep_data::{ColumnRole, DataError, DataRemedy, Doubt, FileDoubt, Format};
use lockstep_gpu::{GpuError, GpuRemedy};
use lockstep_join::{JoinError, PlaceError};
use lockstep_model::{ModelError, ModelRemedy};
use lockstep_trainer::{CheckpointError, RunRemedy, TrainError};

/// An error with a hint of its remedy behind it.
pub(crate) trait Hinted: fmt::Display {
    /// What to do, where the message does not say it.
    fn hint(&self) -> Option<String>;

    /// The message and the hint.
    fn with_hint(&self) -> String {
        self.hint().map_or_else(|| self.to_string(), |hint| format!("{self}\n  hint: {hint}"))
    }
}

impl Hinted for DataError {
    fn hint(&self) -> Option<String> {
        self.remedy().as_ref().map(of_data)
    }
}

impl Hinted for ModelError {
    fn hint(&self) -> Option<String> {
        self.remedy().map(|remedy| match remedy {
            ModelRemedy::CutTexts { positions } => {
                format!("pass --max-seq-length {positions} or less")
            }
            ModelRemedy::RenameLabelsOrReplaceHead => {
                "rename the labels of the data with --label-map, or make a new head for them with \
                 --ignore-mismatched-sizes"
                    .to_owned()
            }
        })
    }
}

impl Hinted for CheckpointError {
    fn hint(&self) -> Option<String> {
        match self {
            Self::Model(error) => error.hint(),
            _ => self.remedy().map(of_run),
        }
    }
}

impl Hinted for TrainError {
    fn hint(&self) -> Option<String> {
        match self {
            Self::Data(error) => error.hint(),
            Self::Model(error) => error.hint(),
            Self::Checkpoint(error) => error.hint(),
            Self::Collective(error) => error.hint(),
            Self::Gpu(error) => error.hint(),
            _ => self.remedy().map(of_run),
        }
    }
}

impl Hinted for CollectiveError {
    fn hint(&self) -> Option<String> {
        self.remedy().map(|PeerRemedy::Resume| {
            "see the last output of the lost rank, then resume with --resume auto".to_owned()
        })
    }
}

impl Hinted for GpuError {
    fn hint(&self) -> Option<String> {
        self.remedy().map(|remedy| match remedy {
            GpuRemedy::BuildWithCudaOrUseCpu => {
                "build it with launch/cuda.sh, or pass --device cpu".to_owned()
            }
            GpuRemedy::FindLibrariesOrUseCpu => {
                "`trainer doctor` looks for all libraries that a GPU needs; to train on the CPU, \
                 pass --device cpu"
                    .to_owned()
            }
        })
    }
}

impl Hinted for JoinError {
    fn hint(&self) -> Option<String> {
        match self {
            Self::Collective(error) => error.hint(),
            Self::Device(PlaceError::Gpu(error)) => error.hint(),
            _ => None,
        }
    }
}

/// A doubt about data, with its remedy.
pub(crate) fn of_doubt(doubt: &Doubt) -> String {
    with_remedy(doubt, doubt.remedy())
}

/// A doubt about a file, with its remedy.
pub(crate) fn of_file_doubt(doubt: &FileDoubt) -> String {
    with_remedy(doubt, doubt.remedy())
}

fn with_remedy(doubt: &dyn fmt::Display, remedy: Option<DataRemedy>) -> String {
    match remedy {
        Some(remedy) => format!("{doubt}; {}", of_data(&remedy)),
        None => doubt.to_string(),
    }
}

fn of_run(remedy: RunRemedy) -> String {
    let fixed = match remedy {
        RunRemedy::LowerRates => {
            "lower --learning-rate or --head-learning-rate, or lengthen the warm-up, and start again \
             with --overwrite-output-dir; with --on-nonfinite skip, a run survives single updates of \
             this kind"
        }
        RunRemedy::CheckModel => {
            "no learning rate took part in the first loss: check the weights of --model, and try \
             --precision f32"
        }
        RunRemedy::MakeRoom => {
            "free some disk space or keep fewer checkpoints with --save-total-limit, then resume with \
             --resume auto"
        }
        RunRemedy::StartFewerRanks { most } => {
            return format!("start at most {most} ranks, or leave out --deterministic");
        }
        RunRemedy::ComputeOnCpu => "pass --device cpu, or leave out --deterministic",
        RunRemedy::ResumeWithoutMachines => "resume without these machines, with --resume auto",
        RunRemedy::ResumeBefore => {
            "resume from the newest checkpoint with --resume auto; if that ends the same way, lower \
             --learning-rate or --head-learning-rate and start again with --overwrite-output-dir"
        }
        RunRemedy::ResumeFromAnother => {
            "resume from another checkpoint with --resume DIR, or remove this one"
        }
        RunRemedy::UseAnother => {
            "use another checkpoint; where the files were changed on purpose, remove MANIFEST.json, \
             and they are read unchecked"
        }
        RunRemedy::StartAgain => {
            "remove them, or start again with --resume never --overwrite-output-dir"
        }
        RunRemedy::CalibrateAgain { path } => return calibrated_again(&path),
        RunRemedy::ResumeAsStarted { longer } => return as_started(longer.as_deref()),
    };
    fixed.to_owned()
}

fn calibrated_again(path: &Path) -> String {
    let path = path.display();
    format!(
        "calibrate the model again with `trainer evaluate --calibrate`, or remove {path} to use \
         the model uncalibrated"
    )
}

fn as_started(longer: Option<&Path>) -> String {
    match longer {
        None => {
            "resume with the configuration and the data of the checkpoint, or start again with \
                 --resume never and another --output-dir"
                .to_owned()
        }
        Some(model) => format!(
            "the length of a run decides all its learning rates, so resume with the same length; to \
             train its model further, pass --model {} and another --output-dir, without --resume",
            model.display()
        ),
    }
}

fn of_data(remedy: &DataRemedy) -> String {
    match remedy {
        DataRemedy::Do(what) => what.clone(),
        DataRemedy::NameEncoding(name) => {
            format!("pass --encoding {}, then check the accented letters", name.to_lowercase())
        }
        DataRemedy::FixFile(dropped) => {
            format!("fix the file; `--on-bad-row skip` would drop {dropped} of its rows")
        }
        DataRemedy::FixOrSkipRows(dropped) => {
            format!(
                "fix these lines, or skip them ({dropped} of the rows) with `--on-bad-row skip`"
            )
        }
        DataRemedy::ConvertOrSkipRows { conversion, dropped } => format!(
            "{conversion}; or skip these lines ({dropped} of the rows) with `--on-bad-row skip`"
        ),
        DataRemedy::MapMarkOr(other) => format!(
            "if that label is a class, name all classes with --label-map; otherwise {}",
            of_data(other)
        ),
        DataRemedy::UseLabelled => {
            "use a file or a split with labels; the test split of a benchmark often has none"
                .to_owned()
        }
        DataRemedy::ReadAs(format) => format!(
            "pass --input-format {}; if each line is a text, pass --input-format text",
            spelled(*format)
        ),
        DataRemedy::ConvertOrSayFormat(conversion) => {
            format!("{conversion}; for any other file name, pass --input-format")
        }
        DataRemedy::FixTextsOrSayFormat => {
            "fix the texts, or give the format of the file with --input-format".to_owned()
        }
        DataRemedy::MergeLabels => "merge them with --label-map".to_owned(),
        DataRemedy::RaiseLimit => "raise --max-seq-length".to_owned(),
        DataRemedy::GroupScores => "group them into classes with --label-map".to_owned(),
        of_columns => of_column_remedy(of_columns),
    }
}

/// The remedies that are about columns.
fn of_column_remedy(remedy: &DataRemedy) -> String {
    let fixed = match remedy {
        DataRemedy::NameColumn { role, header } => {
            let header = header.map_or_else(String::new, |line| {
                format!(
                    "; if line {line} is a row and not a header, pass --no-header and give the \
                     columns by their numbers, counted from 1"
                )
            });
            return format!("name one of these with {}{header}", flag(*role));
        }
        DataRemedy::NumberColumns => {
            "give the columns by their numbers with --text-column N and --label-column N; the first \
             column is 1"
        }
        DataRemedy::NameOneColumn(ColumnRole::Text) => {
            "name one with --text-column, or both of a pair with a comma between them; if two columns \
             have the same name, rename one in the file"
        }
        DataRemedy::NameOneColumn(ColumnRole::Label) => {
            "name one with --label-column; if two columns have the same name, rename one in the file"
        }
        DataRemedy::NameTexts => {
            "name the columns with --text-column: one, or the two of a pair with a comma between them"
        }
        DataRemedy::NameTwoColumns => {
            "name two different columns with --text-column and --label-column"
        }
        _ => of_label_column(remedy),
    };
    fixed.to_owned()
}

fn of_label_column(remedy: &DataRemedy) -> &'static str {
    match remedy {
        DataRemedy::FixOrNameColumns => {
            "fix the file, or name its columns with --text-column and --label-column"
        }
        DataRemedy::NameOrMapLabels => {
            "name the column of the labels with --label-column, or map the labels to classes with \
             --label-map"
        }
        DataRemedy::CheckFileAndLabelColumn => {
            "check that this is the training file, and name the column of the labels with --label-column"
        }
        DataRemedy::NameLabelColumn => "name the column of the labels with --label-column",
        _ => "check that --label-column names the column of the labels",
    }
}

fn flag(role: ColumnRole) -> &'static str {
    match role {
        ColumnRole::Text => "--text-column",
        ColumnRole::Label => "--label-column",
    }
}

fn spelled(format: Format) -> &'static str {
    match format {
        Format::Plain => "text",
        Format::Tsv => "tsv",
        Format::Csv => "csv",
        Format::Jsonl => "jsonl",
        Format::Json => "json",
        Format::Parquet => "parquet",
        Format::Arrow => "arrow",
        Format::FastText => "fasttext",
        Format::Trec => "trec",
    }
}
