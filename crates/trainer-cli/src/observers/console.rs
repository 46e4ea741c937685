//! The run on the terminal: a few lines that say how far it is and how good.

use std::io::{self, Write};
use std::num::NonZeroU64;

use lockstep_host::progress::Progress;
use lockstep_trainer::{
    Ending, EpochReport, EvaluationReport, FinishReport, Observer, StartReport, TrainEvent,
    UpdateReport,
};
use lockstep_world::counted;

use super::duration::clock;
use super::work::{Cards, Work};

/// Writes lines about a run.
pub(crate) struct Console<W> {
    out: W,
    every: NonZeroU64,
    shows_first: bool,
    cards: Cards,
    total: u64,
    /// The updates since the last line about one.
    window: Work,
    /// All updates since the start or the resume.
    all: Work,
    /// An epoch that ended and may yet be evaluated.
    epoch: Option<EpochReport>,
    per_epoch: u64,
    /// The bar of the epoch, or of its evaluation.
    bar: Option<Progress>,
}

impl<W: Write> Console<W> {
    /// A console that says something after each `every` updates.
    pub(crate) fn new(out: W, every: NonZeroU64, cards: Cards) -> Self {
        let (window, all) = (Work::default(), Work::default());
        Self {
            out,
            every,
            shows_first: false,
            cards,
            total: 0,
            window,
            all,
            epoch: None,
            per_epoch: 1,
            bar: None,
        }
    }

    /// The same console with a line for the first update of the run, or without.
    pub(crate) fn with_first_step(self, shows_first: bool) -> Self {
        Self { shows_first, ..self }
    }

    fn start(&mut self, report: &StartReport) -> io::Result<()> {
        self.total = report.total_updates;
        self.per_epoch = report.updates_per_epoch.max(1);
        let StartReport { total_updates, updates_per_epoch, first_step, .. } = report;
        write!(self.out, "schedule   {total_updates} updates, {updates_per_epoch} per epoch")?;
        match first_step {
            0 => writeln!(self.out),
            step => writeln!(self.out, "; resumes after update {step}"),
        }
    }

    fn update(&mut self, report: &UpdateReport) -> io::Result<()> {
        self.window.add(report);
        self.all.add(report);
        let is_first = self.shows_first && report.step == 1;
        let is_due = report.step.is_multiple_of(self.every.get()) || report.step == self.total;
        if !is_due && !is_first {
            return Ok(());
        }
        let window = std::mem::take(&mut self.window);
        let left = self.total.saturating_sub(report.step) as f64;
        let per_update = self.all.seconds / self.all.updates.max(1) as f64;
        let rate = window.tflops().map_or_else(String::new, |rate| format!(" | {rate:.1} TFLOP/s"));
        writeln!(
            self.out,
            "step {}/{} | loss: {:.4} | lr: {:.2e} encoder, {:.2e} head | {:.0} examples/s | \
             {:.0} tokens/s{rate} | ETA {}",
            report.step,
            self.total,
            window.mean_loss(),
            report.lr[0],
            report.lr[1],
            window.per_second(window.examples),
            window.per_second(window.tokens),
            clock(left * per_update)
        )
    }

    /// Moves the bar of the epoch; an evaluation, which has no steps, gets a spinner.
    fn move_bar(&mut self, event: &TrainEvent) {
        match event {
            TrainEvent::Update(report) => {
                let done = report.step.saturating_sub(1);
                let (epoch, here) = (done / self.per_epoch + 1, done % self.per_epoch + 1);
                if here == 1 {
                    self.bar = None;
                }
                let new = || Progress::of(&format!("epoch {epoch}"), self.per_epoch, "updates");
                self.bar.get_or_insert_with(new).set(here);
            }
            TrainEvent::Epoch(_) => {
                self.bar = None;
                self.bar = Some(Progress::spinner("evaluating"));
            }
            TrainEvent::Evaluation(_) | TrainEvent::Checkpoint(_) | TrainEvent::Finish(_) => {
                self.bar = None;
            }
            TrainEvent::Start(_) | TrainEvent::LossSpike(_) => {}
        }
    }

    fn evaluation(&mut self, report: &EvaluationReport) -> io::Result<()> {
        let name = &report.split;
        let [low, high] = report.accuracy_interval;
        let result = format!(
            "{name} accuracy: {:.4} (95 % interval {low:.4} to {high:.4}) | \
             {name} loss: {:.4} | macro F1: {:.4}",
            report.accuracy, report.loss, report.f1
        );
        match self.epoch.take() {
            Some(epoch) => writeln!(self.out, "{} | {result}", line_of(&epoch)),
            None => writeln!(self.out, "step {} | {result}", report.step),
        }
    }

    /// Writes the epoch that turned out not to be evaluated.
    fn settle_epoch(&mut self) -> io::Result<()> {
        match self.epoch.take() {
            Some(epoch) => writeln!(self.out, "{}", line_of(&epoch)),
            None => Ok(()),
        }
    }

    fn finish(&mut self, report: &FinishReport) -> io::Result<()> {
        if let Some(speed) = self.all.speed(self.cards) {
            writeln!(self.out, "speed      {speed}")?;
        }
        if self.all.skipped > 0 {
            let skipped = counted(self.all.skipped, "update");
            writeln!(self.out, "skipped    {skipped}, with a loss or gradient that is not finite")?;
        }
        let (step, time) = (report.step, clock(report.seconds));
        match report.ending {
            Ending::Complete => writeln!(self.out, "done       {step} updates in {time}"),
            Ending::EarlyStop => {
                writeln!(
                    self.out,
                    "done       {step} updates in {time}; stopped early: evaluations no \
                     longer improve"
                )
            }
            Ending::Stopped => writeln!(
                self.out,
                "stopped    after update {step}; the checkpoint {} is complete\n  \
                 hint: run the same command with --resume auto to continue from it",
                report.directory.display()
            ),
        }
    }
}

/// `Epoch 1 | avg loss: 0.4841 | …`
fn line_of(epoch: &EpochReport) -> String {
    let per_second = epoch.examples as f64 / epoch.seconds.max(1e-9);
    format!(
        "Epoch {} | avg loss: {:.4} | {per_second:.0} examples/s | {}",
        epoch.epoch,
        epoch.average_loss,
        clock(epoch.seconds)
    )
}

impl<W: Write> Observer for Console<W> {
    fn observe(&mut self, event: &TrainEvent) {
        // The run's output says itself when it cannot be written.
        let _ = self.show(event);
    }
}

impl<W: Write> Console<W> {
    fn show(&mut self, event: &TrainEvent) -> io::Result<()> {
        if !matches!(event, TrainEvent::Evaluation(_)) {
            self.settle_epoch()?;
        }
        self.move_bar(event);
        match event {
            TrainEvent::Start(report) => self.start(report),
            TrainEvent::Update(report) => self.update(report),
            TrainEvent::Epoch(report) => {
                self.epoch = Some(report.clone());
                Ok(())
            }
            TrainEvent::Evaluation(report) => self.evaluation(report),
            TrainEvent::Checkpoint(report) => {
                writeln!(self.out, "checkpoint saved to {}", report.directory.display())
            }
            TrainEvent::Finish(report) => self.finish(report),
            // A warning was given.
            TrainEvent::LossSpike(_) => Ok(()),
        }?;
        self.out.flush()
    }
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};
    use lockstep_program::Card;
    use lockstep_trainer::CheckpointReport;

    use super::*;

    fn update(step: u64) -> TrainEvent {
        TrainEvent::Update(UpdateReport {
            step,
            epoch: step as f64 / 2.0,
            loss: 0.5 / step as f64,
            grad_norm: 1.0,
            skipped: false,
            lr: [2e-5, 1e-4],
            examples: 16,
            tokens: 400,
            seconds: 0.5,
            sync: None,
            tflops: None,
        })
    }

    fn epoch(epoch: u64) -> TrainEvent {
        let (examples, seconds) = (32, 1.0);
        let average_loss = 0.484_06;
        TrainEvent::Epoch(EpochReport { epoch, step: 2 * epoch, average_loss, examples, seconds })
    }

    fn evaluation(split: &str) -> TrainEvent {
        TrainEvent::Evaluation(EvaluationReport {
            step: 2,
            split: split.to_owned(),
            loss: 0.35,
            accuracy: 0.852,
            accuracy_interval: [0.8, 0.9],
            f1: 0.85,
            mcc: 0.7,
            examples: 872,
            correct: 743,
            confusion: vec![vec![370, 58], vec![71, 373]],
            reliability: vec![],
            mistakes: vec![],
            seconds: 1.0,
            ..EvaluationReport::default()
        })
    }

    fn start(first_step: u64) -> TrainEvent {
        TrainEvent::Start(StartReport {
            version: 1,
            train_examples: 32,
            train_tokens: 800,
            truncated: 0,
            validation_examples: 872,
            parameters: 1000,
            total_updates: 4,
            updates_per_epoch: 2,
            first_step,
        })
    }

    fn finish(ending: Ending) -> TrainEvent {
        TrainEvent::Finish(FinishReport { step: 4, ending, seconds: 65.0, directory: "out".into() })
    }

    fn check(every: u64, events: &[TrainEvent], expected: Expect) {
        let mut text = Vec::new();
        let cards = Cards { card: Card::named("NVIDIA H200"), count: 2 };
        let mut console = Console::new(&mut text, NonZeroU64::new(every).unwrap(), cards);
        for event in events {
            console.observe(event);
        }
        expected.assert_eq(&String::from_utf8(text).unwrap());
    }

    #[test]
    fn an_epoch_is_one_line_with_its_evaluation() {
        let checkpoint =
            CheckpointReport { step: 2, directory: "out/checkpoint-2".into(), held_up: 0.01 };
        let events = [
            start(0),
            update(1),
            update(2),
            epoch(1),
            evaluation("validation"),
            TrainEvent::Checkpoint(checkpoint),
            update(3),
            update(4),
            epoch(2),
            evaluation("validation"),
            evaluation("test"),
            finish(Ending::Complete),
        ];
        check(
            1,
            &events,
            expect![[r#"
                schedule   4 updates, 2 per epoch
                step 1/4 | loss: 0.5000 | lr: 2.00e-5 encoder, 1.00e-4 head | 32 examples/s | 800 tokens/s | ETA 0:02
                step 2/4 | loss: 0.2500 | lr: 2.00e-5 encoder, 1.00e-4 head | 32 examples/s | 800 tokens/s | ETA 0:01
                Epoch 1 | avg loss: 0.4841 | 32 examples/s | 0:01 | validation accuracy: 0.8520 (95 % interval 0.8000 to 0.9000) | validation loss: 0.3500 | macro F1: 0.8500
                checkpoint saved to out/checkpoint-2
                step 3/4 | loss: 0.1667 | lr: 2.00e-5 encoder, 1.00e-4 head | 32 examples/s | 800 tokens/s | ETA 0:01
                step 4/4 | loss: 0.1250 | lr: 2.00e-5 encoder, 1.00e-4 head | 32 examples/s | 800 tokens/s | ETA 0:00
                Epoch 2 | avg loss: 0.4841 | 32 examples/s | 0:01 | validation accuracy: 0.8520 (95 % interval 0.8000 to 0.9000) | validation loss: 0.3500 | macro F1: 0.8500
                step 2 | test accuracy: 0.8520 (95 % interval 0.8000 to 0.9000) | test loss: 0.3500 | macro F1: 0.8500
                done       4 updates in 1:05
            "#]],
        );
    }

    #[test]
    fn the_first_update_has_a_line_where_that_is_asked_for() {
        let lines = |shows_first: bool| {
            let mut text = Vec::new();
            let cards = Cards { card: None, count: 1 };
            let console = Console::new(&mut text, NonZeroU64::new(3).unwrap(), cards);
            let mut console = console.with_first_step(shows_first);
            for event in [start(0), update(1), update(2), update(3), update(4)] {
                console.observe(&event);
            }
            let text = String::from_utf8(text).unwrap();
            let of_update = |line: &str| Some(line.split_once(" | lr")?.0.to_owned());
            text.lines().filter_map(of_update).collect::<Vec<_>>()
        };
        let due = ["step 3/4 | loss: 0.3056", "step 4/4 | loss: 0.1250"];
        assert_eq!(lines(false), Vec::from(due));
        let first = ["step 1/4 | loss: 0.5000", "step 3/4 | loss: 0.2083"];
        assert_eq!(lines(true), [&first[..], &due[1..]].concat());
    }

    #[test]
    fn an_epoch_without_evaluation_is_a_line_too() {
        let events = [start(2), update(3), update(4), epoch(2), finish(Ending::EarlyStop)];
        check(
            10,
            &events,
            expect![[r#"
                schedule   4 updates, 2 per epoch; resumes after update 2
                step 4/4 | loss: 0.1458 | lr: 2.00e-5 encoder, 1.00e-4 head | 32 examples/s | 800 tokens/s | ETA 0:00
                Epoch 2 | avg loss: 0.4841 | 32 examples/s | 0:01
                done       4 updates in 1:05; stopped early: evaluations no longer improve
            "#]],
        );
        let events = [start(2), update(3), evaluation("validation"), finish(Ending::Stopped)];
        check(
            2,
            &events,
            expect![[r#"
                schedule   4 updates, 2 per epoch; resumes after update 2
                step 2 | validation accuracy: 0.8520 (95 % interval 0.8000 to 0.9000) | validation loss: 0.3500 | macro F1: 0.8500
                stopped    after update 4; the checkpoint out is complete
                  hint: run the same command with --resume auto to continue from it
            "#]],
        );
    }

    #[test]
    fn a_rate_is_told_where_the_engine_counts_operations() {
        let counted = |step, tflops| {
            let TrainEvent::Update(report) = update(step) else { unreachable!() };
            TrainEvent::Update(UpdateReport { tflops: Some(tflops), ..report })
        };
        let events = [start(2), counted(3, 800.0), counted(4, 1000.0), finish(Ending::Complete)];
        check(
            4,
            &events,
            expect![[r#"
                schedule   4 updates, 2 per epoch; resumes after update 2
                step 4/4 | loss: 0.1458 | lr: 2.00e-5 encoder, 1.00e-4 head | 32 examples/s | 800 tokens/s | 900.0 TFLOP/s | ETA 0:00
                speed      900.0 TFLOP/s performed, MFU 45.5 % of 989 TFLOP/s in bf16 on each H200
                done       4 updates in 1:05
            "#]],
        );
    }
}
