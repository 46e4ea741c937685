//! How a run ended: the first rank that failed, and the exit code that follows from all of them.

use std::fmt;
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;

use lockstep_host::ExitCode;

/// What Open MPI's `mpirun` ends with when a machine fell silent.
const MACHINE_LOST: u8 = 205;

/// The end of one process.
#[derive(Clone, Copy, Debug)]
pub(super) struct End {
    /// Its rank; nothing for a starter that stands for all of them.
    pub(super) rank: Option<u64>,
    /// How it ended.
    pub(super) status: ExitStatus,
}

impl End {
    /// Whether it is a failure: a rank that is done, or has stopped with a checkpoint, is none.
    pub(super) fn is_failure(&self) -> bool {
        let good = [ExitCode::Done, ExitCode::Stopped].map(ExitCode::number);
        !good.contains(&code(self.status))
    }
}

/// The failure all others follow from: the earliest, but not one that only reports another's loss
/// if there is a better one among those that were found together.
pub(super) fn first_failure(together: &[End]) -> Option<End> {
    let failures = || together.iter().filter(|end| end.is_failure());
    let is_echo = |end: &&End| code(end.status) == ExitCode::PeerLost.number();
    failures().find(|end| !is_echo(end)).or_else(|| failures().next()).copied()
}

/// The code of a run whose processes ended so, `first` before all.
pub(super) fn verdict(first: Option<End>, all: &[End]) -> u8 {
    let lost = ExitCode::PeerLost.number();
    let Some(first) = first else {
        return all.iter().map(|end| code(end.status)).max().unwrap_or_default();
    };
    let was_missed = all.iter().any(|end| code(end.status) == lost);
    match code(first.status) {
        _ if first.status.signal().is_some() && was_missed => lost,
        MACHINE_LOST if first.rank.is_none() => lost,
        code => code,
    }
}

/// A process's code, or 128 + n where signal n ended it, as in a shell.
pub(super) fn code(status: ExitStatus) -> u8 {
    let signalled = || status.signal().map(|signal| 128 + signal);
    let code = status.code().or_else(signalled).and_then(|code| u8::try_from(code).ok());
    code.unwrap_or(ExitCode::Failed.number())
}

/// A code after which starting again would only repeat it, or after a signal that asked for the end.
pub(super) fn is_final(code: u8) -> bool {
    use ExitCode::{Checkpoint, Data, Device, Done, Stopped, Usage};
    [Done, Usage, Data, Device, Checkpoint, Stopped].iter().any(|last| last.number() == code)
}

/// A status in words.
pub(super) struct InWords(pub(super) ExitStatus);

impl fmt::Display for InWords {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(signal) = self.0.signal() {
            let name = signal_hook::low_level::signal_name(signal).unwrap_or("unknown");
            return write!(f, "was killed by signal {signal} ({name})");
        }
        let code = code(self.0);
        match ExitCode::ALL.iter().find(|known| known.number() == code) {
            Some(known) => write!(f, "exited with code {code} ({})", known.meaning()),
            None => write!(f, "exited with code {code}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn end(rank: u64, raw: i32) -> End {
        End { rank: Some(rank), status: ExitStatus::from_raw(raw) }
    }

    #[test]
    fn only_a_failure_that_may_pass_is_started_again() {
        let again: Vec<u8> = (0..=255).filter(|code| !is_final(*code)).take(5).collect();
        assert_eq!(again, [1, 5, 7, 8, 9]);
        assert!(is_final(75) && !is_final(70) && !is_final(137));
    }

    #[test]
    fn the_first_failure_decides() {
        let check = |ends: &[(u64, i32)], rank: Option<u64>, code: u8| {
            let ends: Vec<End> = ends.iter().map(|&(rank, raw)| end(rank, raw)).collect();
            let first = first_failure(&ends);
            assert_eq!(first.and_then(|end| end.rank), rank, "{ends:?}");
            assert_eq!(verdict(first, &ends), code, "{ends:?}");
        };
        check(&[(0, 0), (1, 0)], None, 0);
        check(&[(0, 75 << 8), (1, 0)], None, 75);
        check(&[(0, 3 << 8), (1, 5 << 8)], Some(0), 3);
        check(&[(0, 5 << 8), (1, 3 << 8)], Some(1), 3);
        check(&[(0, 5 << 8), (1, 5 << 8)], Some(0), 5);
        check(&[(0, 5 << 8), (1, 9)], Some(1), 5);
        check(&[(0, 15), (1, 9)], Some(0), 143);
        let silent = End { rank: None, status: ExitStatus::from_raw(205 << 8) };
        assert_eq!(verdict(Some(silent), &[silent]), 5);
    }

    #[test]
    fn an_end_is_told_in_words() {
        let check = |raw, expected: &str| {
            assert_eq!(InWords(ExitStatus::from_raw(raw)).to_string(), expected);
        };
        check(9, "was killed by signal 9 (SIGKILL)");
        check(3 << 8, "exited with code 3 (data error)");
        check(7 << 8, "exited with code 7");
    }
}
