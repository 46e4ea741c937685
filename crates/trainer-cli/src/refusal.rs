//! Why a training refuses a value that is valid by itself: the output directory, its disk, the model's
//! length.

use std::path::{Path, PathBuf};

use lockstep_flags::{Fault, Problem};
use thiserror::Error;

/// Why a training refuses a value. A second line is indented like the first one among the faults of a
/// configuration.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub(crate) enum Refusal {
    /// Texts longer than the model's positions.
    #[error(
        "the model has {positions} position embeddings, one for each token of a text; valid: a whole \
         number from 3 to {positions}"
    )]
    TooLong {
        /// The longest text the model can read, in tokens.
        positions: usize,
    },
    /// A file in the place of the output directory or of one above it.
    #[error("`{}` is a file, so the directory cannot be created; choose another directory", path.display())]
    Blocked {
        /// The file.
        path: PathBuf,
    },
    /// A directory that another run writes to.
    #[error(
        "another run is writing to this directory: {holder}; wait until it ends, or choose another \
         directory"
    )]
    Locked {
        /// The process and its host.
        holder: String,
    },
    /// A directory with a finished model and no checkpoint.
    #[error(
        "this directory holds a finished model, and no checkpoint to resume from\n      \
         hint: to train that model further, pass --model {} and another --output-dir; \
         to replace it, pass --overwrite-output-dir without --resume",
        directory.display()
    )]
    Finished {
        /// The directory.
        directory: PathBuf,
    },
    /// A directory with a finished model that would be overwritten.
    #[error(
        "this directory is not empty: it holds a finished model\n      \
         hint: to train that model further, pass --model {} and another --output-dir; \
         to replace it, pass --overwrite-output-dir",
        directory.display()
    )]
    HoldsModel {
        /// The directory.
        directory: PathBuf,
    },
    /// A disk without room for what the run writes.
    #[error(
        "the run needs {needs}; only {free} are free on this disk\n      \
         hint: keep fewer checkpoints with --save-total-limit, write them less often with \
         --save-strategy or --save-steps, or choose a directory on another disk"
    )]
    Short {
        /// The bytes in words.
        needs: String,
        /// The free ones.
        free: String,
    },
    /// A directory to replace with something in it that the run reads.
    #[error(
        "this directory holds `{}`, which this run reads and --overwrite-output-dir would remove\n      \
         hint: choose another directory",
        path.display()
    )]
    HoldsSource {
        /// What is read.
        path: PathBuf,
    },
    /// A directory with a run that ended before its first checkpoint.
    #[error(
        "this directory is not empty: it holds a run without a checkpoint\n      \
         hint: choose another directory, or pass --overwrite-output-dir to replace that run"
    )]
    HoldsStart,
    /// A directory with checkpoints that would be overwritten.
    #[error(
        "this directory is not empty: it holds a run with checkpoints\n      \
         hint: choose another directory, or pass --overwrite-output-dir to replace that run, \
         or --resume auto to continue from its newest checkpoint"
    )]
    Occupied,
    /// A series of seeds where a single training is to be resumed.
    #[error(
        "this directory holds a series of seeds, which only --seeds resumes\n      \
         hint: pass the --seeds of its run.toml, or choose another directory"
    )]
    HoldsSeries,
    /// A single training where a series is to be resumed.
    #[error(
        "this directory holds a single training, which --seeds does not resume\n      \
         hint: leave --seeds out, choose another directory, or pass --overwrite-output-dir without \
         --resume to replace that training"
    )]
    HoldsSingle,
    /// A directory that another program filled.
    #[error(
        "this directory is not empty and is not a run of lockstep: it has no run.toml of a run, so \
         nothing in it is changed\n      hint: choose another directory, or empty this one"
    )]
    NotOurs,
}

impl Refusal {
    /// The refusal as a fault of the configuration at `place`.
    pub(crate) fn at(self, place: String) -> Fault {
        Fault { place, problem: Problem::Program(self.to_string()) }
    }

    /// The refusal of an output directory.
    pub(crate) fn of_output(self, directory: &Path) -> Fault {
        self.at(format!("--output-dir {}", directory.display()))
    }
}
