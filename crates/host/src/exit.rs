//! The exit codes: what schedulers and scripts decide by.

use std::{io, process};

/// How a command ended.
///
/// | code | meaning |
/// |---|---|
/// | 0 | done |
/// | 1 | failed while running |
/// | 2 | usage or configuration |
/// | 3 | data |
/// | 4 | device or library missing |
/// | 5 | a peer was lost or timed out |
/// | 6 | checkpoint unreadable |
/// | 70 | our bug |
/// | 75 | checkpointed on a signal, start me again |
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum ExitCode {
    /// Done.
    Done = 0,
    /// Failed while running, for example because the disk is full.
    Failed = 1,
    /// The command line or the configuration is faulty.
    Usage = 2,
    /// The data cannot be used.
    Data = 3,
    /// A device or a library is missing.
    Device = 4,
    /// A peer was lost or timed out.
    PeerLost = 5,
    /// A model or a checkpoint cannot be read.
    Checkpoint = 6,
    /// A bug.
    Bug = 70,
    /// A checkpoint was written on a signal; the same command with `--resume auto` resumes.
    Stopped = 75,
}

impl ExitCode {
    /// All codes, in the order of their numbers.
    pub const ALL: [Self; 9] = [
        Self::Done,
        Self::Failed,
        Self::Usage,
        Self::Data,
        Self::Device,
        Self::PeerLost,
        Self::Checkpoint,
        Self::Bug,
        Self::Stopped,
    ];

    /// What all ranks end with when one of them failed with `number`: the same, where that is not to
    /// be tried again or any of them might have met it, and else that a peer was lost.
    #[must_use]
    pub fn of_peers(number: u8) -> Self {
        let shared = [Self::Usage, Self::Data, Self::Device, Self::Checkpoint, Self::Stopped];
        shared.into_iter().find(|code| code.number() == number).unwrap_or(Self::PeerLost)
    }

    /// The code where the standard output cannot be written: a closed pipe, as of `head`, is not a failure.
    #[must_use]
    pub fn of_output(cause: &io::Error) -> Self {
        match cause.kind() {
            io::ErrorKind::BrokenPipe => Self::Done,
            _ => Self::Failed,
        }
    }

    /// The number the system sees.
    #[must_use]
    pub fn number(self) -> u8 {
        self as u8
    }

    /// Its meaning in a few words.
    #[must_use]
    pub fn meaning(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Failed => "failed while running",
            Self::Usage => "usage or configuration error",
            Self::Data => "data error",
            Self::Device => "device or library missing",
            Self::PeerLost => "a rank was lost or timed out",
            Self::Checkpoint => "model or checkpoint unreadable",
            Self::Bug => "a bug in lockstep",
            Self::Stopped => "stopped by a signal; start again with --resume auto",
        }
    }
}

impl From<ExitCode> for process::ExitCode {
    fn from(code: ExitCode) -> Self {
        Self::from(code.number())
    }
}
