//! A model that answers the rows of a stream.

use std::io::{self, Write};
use std::mem;
use std::time::Instant;

use lockstep_data::{TokenStore, is_name_of_texts};
use lockstep_host::progress::Progress;
use lockstep_host::{ExitCode, streams};
use lockstep_trainer::{Decision, Scorer};

use super::answer::Answer;
use super::format::Writer;
use super::input::{Item, Limits, Rows};
use super::sums::Sums;
use crate::failure::Failure;
use crate::finished::Finished;
use crate::remedies;

/// Rows that are sorted by length at most.
const MOST_ROWS: usize = 4096;
/// Bytes of text that make a token at least, mostly.
const BYTES_OF_A_TOKEN: usize = 4;
/// Batches that are made of the rows that are taken at once.
const BATCHES: usize = 8;

/// A model that answers.
pub(super) struct Predictor {
    pub(super) finished: Finished,
    pub(super) scorer: Scorer,
    pub(super) decision: Decision,
    pub(super) writer: Writer,
    /// Tokens of a batch, about.
    pub(super) tokens_at_once: usize,
    /// Whether each line is taken for a text although neither a flag nor the file's name says so.
    pub(super) is_presumed: bool,
    /// Whether the number of answers is told at the end.
    pub(super) sums_up: bool,
}

/// Where answers go, and what it means when they cannot go there.
pub(super) struct Output<'a> {
    pub(super) out: &'a mut dyn Write,
    pub(super) broken: &'a dyn Fn(io::Error) -> Failure,
    /// How many texts are classified so far, where nothing else shows it.
    pub(super) bar: Progress,
}

impl Output<'_> {
    fn write(&mut self, text: &str) -> Result<(), Failure> {
        self.out.write_all(text.as_bytes()).map_err(self.broken)
    }

    fn flush(&mut self) -> Result<(), Failure> {
        self.out.flush().map_err(self.broken)
    }
}

impl Predictor {
    /// Answers all rows.
    ///
    /// # Errors
    /// A stream that breaks, after the rows before; a model that fails; an output that is closed.
    pub(super) fn answer_all(
        mut self,
        mut rows: Rows,
        mut output: Output<'_>,
    ) -> Result<ExitCode, Failure> {
        let began = Instant::now();
        let mut sums = Sums::default();
        output.write(&self.writer.header())?;
        let end = loop {
            let some = match rows.next_some(self.limits()) {
                Ok(Some(some)) => some,
                end => break end,
            };
            self.warn_of_header(&some);
            for answer in self.answers(some, &mut sums)? {
                let line = self.writer.line(&answer).map_err(output.broken)?;
                output.write(&line)?;
                sums.count(&answer);
            }
            output.flush()?;
            output.bar.set(sums.rows());
        };
        output.flush()?;
        drop(output);
        if self.sums_up && (end.is_ok() || sums.rows() > 0) || sums.cut > 0 {
            let seconds = began.elapsed().as_secs_f64();
            streams::print_error_line(sums.summary(self.finished.max_length.get(), seconds));
        }
        end?;
        for doubt in rows.into_doubts() {
            tracing::warn!("{}", remedies::of_file_doubt(&doubt));
        }
        sums.code()
    }

    /// How many rows are taken at once: some batches of them, which are evaluated by length.
    fn limits(&self) -> Limits {
        let bytes = self.tokens_at_once.saturating_mul(BATCHES * BYTES_OF_A_TOKEN);
        Limits { rows: MOST_ROWS, bytes: bytes.min(4 << 20) }
    }

    /// Warns when the first line is a usual name of a text column.
    fn warn_of_header(&mut self, first: &[Item]) {
        let name = |row: &Item| row.text.as_deref().is_ok_and(is_name_of_texts);
        if mem::take(&mut self.is_presumed) && first.first().is_some_and(name) {
            tracing::warn!(
                "line 1 looks like the header of a table with one column, and is classified as a \
                 text; pass --input-format csv if it is a header, else --input-format text"
            );
        }
    }

    /// The answers to some rows.
    fn answers(&mut self, rows: Vec<Item>, sums: &mut Sums) -> Result<Vec<Answer>, Failure> {
        let texts = rows.iter().filter_map(|row| row.text.as_deref().ok());
        let Finished { model, tokenizer, max_length, .. } = &self.finished;
        let store = TokenStore::build(texts.map(|text| (text, 0)), tokenizer, *max_length)
            .map_err(|error| Failure::Data(error.into()))?;
        self.finished.check_texts("the input", store.is_of_pairs())?;
        sums.cut += store.truncated();
        let at_once = Some(self.tokens_at_once);
        let mut scores = self.scorer.scores_of_all(model, &store, at_once)?.into_iter();
        let decision = self.decision;
        let mut answer = |row: Item| {
            let has_text = row.text.is_ok();
            let scores = if has_text { scores.next() } else { None };
            Answer::of(row, scores.unwrap_or_default(), decision)
        };
        Ok(rows.into_iter().map(&mut answer).collect())
    }
}
