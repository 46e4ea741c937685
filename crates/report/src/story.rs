//! What happened in a run, gathered from its events or from the lines of its `metrics.jsonl`.

use std::collections::BTreeMap;
use std::error::Error;
use std::fmt;
use std::io::{BufRead, Read};

use lockstep_trainer::{EvaluationReport, TrainEvent, UpdateReport};
use serde::Deserialize;

use crate::curve::Curve;

/// Evaluations of a split that are kept at most; the last one always is.
const MOST_EVALUATIONS: usize = 2000;
/// Splits that are kept at most: a run has two.
const MOST_SPLITS: usize = 8;
/// Bytes of a line at most: the confusion matrix of some thousand classes.
const LONGEST_LINE: u64 = 64 << 20;

/// A run's curves, evaluations and times, in bounded memory.
#[derive(Clone, Debug, Default)]
pub struct Story {
    pub(crate) loss: Curve,
    pub(crate) grad_norm: Curve,
    pub(crate) rate: Curve,
    pub(crate) head_rate: Curve,
    pub(crate) tokens_per_second: Curve,
    /// By split, then by step.
    pub(crate) evaluations: BTreeMap<String, BTreeMap<u64, Point>>,
    /// The last evaluation of each split.
    pub(crate) last: BTreeMap<String, EvaluationReport>,
    pub(crate) times: Times,
}

/// One evaluation in a curve.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Point {
    pub(crate) loss: f64,
    pub(crate) accuracy: f64,
}

/// What updates and the rest took, in seconds, and what they did.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Times {
    pub(crate) updates: u64,
    pub(crate) skipped: u64,
    pub(crate) last_step: u64,
    pub(crate) epoch: f64,
    pub(crate) examples: u64,
    pub(crate) tokens: u64,
    pub(crate) update_seconds: f64,
    /// In which the ranks summed gradients behind the backward pass, waiting included.
    pub(crate) exposed: f64,
    /// In which they summed them at all; nothing where there is one rank.
    pub(crate) sync: Option<f64>,
    pub(crate) evaluation_seconds: f64,
    /// In which updates waited for a checkpoint.
    pub(crate) held_up: f64,
}

/// A line that counts.
#[derive(Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
enum Line {
    Update(UpdateReport),
    Evaluation(EvaluationReport),
    #[serde(other)]
    Other,
}

/// A line that is not one of a `metrics.jsonl`.
#[derive(Debug)]
pub struct LineError {
    /// Its number, from 1.
    pub line: u64,
    /// What is wrong with it.
    pub cause: Box<dyn Error + Send + Sync>,
}

impl fmt::Display for LineError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.cause)
    }
}

impl Error for LineError {}

impl Story {
    /// Takes what happened.
    pub fn observe(&mut self, event: &TrainEvent) {
        match event {
            TrainEvent::Update(report) => self.update(report),
            TrainEvent::Evaluation(report) => self.evaluation(report.clone()),
            TrainEvent::Checkpoint(report) => self.times.held_up += report.held_up,
            TrainEvent::Start(_)
            | TrainEvent::LossSpike(_)
            | TrainEvent::Epoch(_)
            | TrainEvent::Finish(_) => {}
        }
    }

    /// Reads the lines of a `metrics.jsonl` up to the update `until`. A last line that a killed run
    /// left unfinished is passed over.
    ///
    /// # Errors
    /// The first line that is not one of such a file, or that cannot be read.
    pub fn read(&mut self, mut lines: impl BufRead, until: u64) -> Result<(), LineError> {
        let mut text = Vec::new();
        for line in 1.. {
            text.clear();
            let at = |cause| LineError { line, cause };
            let read = lines.by_ref().take(LONGEST_LINE).read_until(b'\n', &mut text);
            if read.map_err(|cause| at(cause.into()))? == 0 || text.last() != Some(&b'\n') {
                let is_long = text.len() as u64 == LONGEST_LINE;
                return if is_long { Err(at("is longer than 64 MiB".into())) } else { Ok(()) };
            }
            match serde_json::from_slice(&text).map_err(|cause| at(cause.into()))? {
                Line::Update(report) if report.step <= until => self.update(&report),
                Line::Evaluation(report) if report.step <= until => {
                    let is_square =
                        report.confusion.iter().all(|row| row.len() == report.confusion.len());
                    if !is_square {
                        return Err(at("has a confusion matrix that is not square".into()));
                    }
                    self.evaluation(report);
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn update(&mut self, report: &UpdateReport) {
        let step = report.step;
        if !report.skipped {
            self.loss.push(step, report.loss);
            self.grad_norm.push(step, report.grad_norm);
        }
        self.rate.push(step, report.lr[0]);
        self.head_rate.push(step, report.lr[1]);
        self.tokens_per_second.push(step, report.tokens as f64 / report.seconds.max(1e-9));
        let times = &mut self.times;
        times.updates += 1;
        times.skipped += u64::from(report.skipped);
        (times.last_step, times.epoch) = (step, report.epoch);
        times.examples = times.examples.saturating_add(report.examples as u64);
        times.tokens = times.tokens.saturating_add(report.tokens as u64);
        times.update_seconds += report.seconds;
        if let Some(sync) = report.sync {
            times.exposed += sync.exposed;
            *times.sync.get_or_insert(0.0) += sync.seconds;
        }
    }

    fn evaluation(&mut self, report: EvaluationReport) {
        self.times.evaluation_seconds += report.seconds;
        if self.last.len() >= MOST_SPLITS && !self.last.contains_key(&report.split) {
            return;
        }
        let points = self.evaluations.entry(report.split.clone()).or_default();
        let point = Point { loss: report.loss, accuracy: report.accuracy };
        if points.len() < MOST_EVALUATIONS || points.contains_key(&report.step) {
            points.insert(report.step, point);
        }
        self.last.insert(report.split.clone(), report);
    }

    /// The evaluation that a page is about: of the test split, else of the validation split, else of
    /// any other.
    #[must_use]
    pub fn final_evaluation(&self) -> Option<&EvaluationReport> {
        let named = ["test", "validation"].iter().find_map(|split| self.last.get(*split));
        named.or_else(|| self.last.values().next())
    }
}
