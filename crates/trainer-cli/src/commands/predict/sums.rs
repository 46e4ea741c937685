//! How many rows were answered.

use lockstep_host::ExitCode;
use lockstep_world::counted;

use super::answer::Answer;
use crate::failure::Failure;

/// What became of the rows so far.
#[derive(Default)]
pub(super) struct Sums {
    pub(super) answered: u64,
    pub(super) faulty: u64,
    pub(super) cut: usize,
}

impl Sums {
    pub(super) fn count(&mut self, answer: &Answer) {
        let is_faulty = answer.found.is_err();
        self.answered += u64::from(!is_faulty);
        self.faulty += u64::from(is_faulty);
    }

    pub(super) fn rows(&self) -> u64 {
        self.answered + self.faulty
    }

    pub(super) fn summary(&self, limit: usize, seconds: f64) -> String {
        let Self { answered, faulty, cut } = self;
        let rate = *answered as f64 / seconds.max(1e-9);
        format!(
            "{} classified, {cut} of them truncated to {limit} tokens, {} with errors, {rate:.0} texts/s",
            counted(answered, "text"),
            counted(faulty, "row")
        )
    }

    /// The exit code after the last row. Rows of which none can be read end the stream with an error
    /// of their own, so what has no answer here are scores that are no numbers.
    pub(super) fn code(&self) -> Result<ExitCode, Failure> {
        match (self.answered, self.faulty) {
            (0, faulty) if faulty > 0 => Err(Failure::NoAnswer { rows: faulty }),
            _ => Ok(ExitCode::Done),
        }
    }
}
