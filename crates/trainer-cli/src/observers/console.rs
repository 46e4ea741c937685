//! The run on the console: a few lines that say how far it is and how good, and on a terminal a live view.

use std::num::NonZeroU64;

use lockstep_collective::PhaseBoard;
use lockstep_host::console::{self, Shown};
use lockstep_trainer::{
    BestMetric, Cadence, CheckpointReport, EpochReport, EvaluationReport, Observer, StartReport,
    TrainEvent, UpdateReport,
};
use serde_json::{Value, json};

use super::closing::Closing;
use super::duration::clock;
use super::fact::Fact;
use super::forecast::Forecast;
use super::teller::Teller;
use super::view::{Evaluated, SharedFigures};
use super::work::{Cards, Work};

/// What a console has to know of a run before it starts.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Outlook {
    /// Updates between two lines.
    pub(crate) every: NonZeroU64,
    /// Whether the first update has a line too.
    pub(crate) shows_first: bool,
    /// When the validation set is evaluated.
    pub(crate) evaluation: Cadence,
    /// When a checkpoint is written.
    pub(crate) saving: Cadence,
    /// What evaluations are compared by.
    pub(crate) best_metric: BestMetric,
    /// What the ranks compute on.
    pub(crate) cards: Cards,
}

/// Says what happens in a run.
pub(crate) struct Console<'a, 'b> {
    teller: &'a mut Teller<'b>,
    outlook: Outlook,
    total: u64,
    /// The updates since the last line about one.
    window: Work,
    forecast: Forecast,
    closing: Closing,
    /// An epoch that ended and may yet be evaluated.
    epoch: Option<EpochReport>,
    figures: SharedFigures,
    board: PhaseBoard,
    shown: Option<Shown>,
}

impl<'a, 'b> Console<'a, 'b> {
    /// A console that says facts to `teller`; `board` says what the rank is doing.
    pub(crate) fn new(teller: &'a mut Teller<'b>, outlook: Outlook, board: PhaseBoard) -> Self {
        let figures = SharedFigures::default();
        figures.lock().ranks = outlook.cards.count;
        Self {
            teller,
            total: 0,
            window: Work::default(),
            forecast: Forecast::new(outlook.evaluation, outlook.saving),
            closing: Closing::new(outlook.best_metric, outlook.cards),
            outlook,
            epoch: None,
            figures,
            board,
            shown: None,
        }
    }

    fn start(&mut self, report: &StartReport) {
        self.total = report.total_updates;
        let mut figures = self.figures.lock();
        figures.step = report.first_step;
        figures.total = report.total_updates;
        figures.per_epoch = report.updates_per_epoch;
        drop(figures);
        let StartReport { total_updates, updates_per_epoch, first_step, .. } = report;
        let resumes = match first_step {
            0 => String::new(),
            step => format!("; resumes after update {step}"),
        };
        let text =
            format!("schedule   {total_updates} updates, {updates_per_epoch} per epoch{resumes}");
        self.teller.tell(&Fact::new("start", text, json!(report)));
        if self.teller.may_have_view() {
            self.shown = console::show(self.figures.view(&self.board));
        }
        if self.shown.is_some() {
            self.teller.leave_to_view();
        }
    }

    fn update(&mut self, report: &UpdateReport) {
        self.window.add(report);
        self.closing.work.add(report);
        let is_first = self.outlook.shows_first && report.step == 1;
        let is_due =
            report.step.is_multiple_of(self.outlook.every.get()) || report.step == self.total;
        self.show_update(report, is_due);
        if is_due || is_first {
            let window = std::mem::take(&mut self.window);
            let left = self.forecast.seconds_left().unwrap_or_default();
            self.teller.tell(&of_update(report, &window, self.total, left));
        }
    }

    /// Moves the bars; the figures are those of whole windows, and of the first updates.
    fn show_update(&mut self, report: &UpdateReport, is_due: bool) {
        if self.shown.is_none() {
            return;
        }
        let mut figures = self.figures.lock();
        figures.step = report.step;
        figures.seconds_left = self.forecast.seconds_left();
        figures.learning_rate = report.lr[0];
        if is_due || figures.loss.is_none() || self.closing.work.updates < self.outlook.every.get()
        {
            figures.loss = Some(self.window.mean_loss());
            figures.tokens_per_second = self.window.per_second(self.window.tokens);
            figures.mfu = self.window.mfu(self.outlook.cards);
        }
    }

    fn evaluation(&mut self, report: &EvaluationReport) {
        let name = &report.split;
        if name == "validation" {
            let (accuracy, loss, step) = (report.accuracy, report.loss, report.step);
            self.figures.lock().evaluation = Some(Evaluated { accuracy, loss, step });
        }
        self.closing.note(report, self.epoch.as_ref());
        let [low, high] = report.accuracy_interval;
        let result = format!(
            "{name} accuracy: {:.4} (95 % interval {low:.4} to {high:.4}) | \
             {name} loss: {:.4} | macro F1: {:.4}",
            report.accuracy, report.loss, report.f1
        );
        let EvaluationReport { step, split, loss, accuracy, f1, mcc, examples, seconds, .. } =
            report;
        let fields = json!({
            "step": step, "split": split, "loss": loss, "accuracy": accuracy,
            "accuracy_interval": report.accuracy_interval, "f1": f1, "mcc": mcc,
            "examples": examples, "seconds": seconds,
        });
        self.teller.tell(&match self.epoch.take() {
            Some(epoch) => {
                let mut fact = of_epoch(&epoch, "evaluation");
                fact.text = format!("{} | {result}", fact.text);
                if let Value::Object(fields) = fields {
                    fact.fields.extend(fields);
                }
                fact
            }
            None => Fact::new("evaluation", format!("step {step} | {result}"), fields),
        });
    }

    /// Says the epoch that turned out not to be evaluated.
    fn settle_epoch(&mut self) {
        if let Some(epoch) = self.epoch.take() {
            self.teller.tell(&of_epoch(&epoch, "epoch"));
        }
    }
}

fn of_update(report: &UpdateReport, window: &Work, total: u64, left: f64) -> Fact {
    let rate = window.tflops().map_or_else(String::new, |rate| format!(" | {rate:.1} TFLOP/s"));
    let [examples, tokens] = [window.examples, window.tokens].map(|all| window.per_second(all));
    let text = format!(
        "step {}/{total} | loss: {:.4} | lr: {:.2e} encoder, {:.2e} head | {examples:.0} examples/s | \
         {tokens:.0} tokens/s{rate} | ETA {}",
        report.step,
        window.mean_loss(),
        report.lr[0],
        report.lr[1],
        clock(left)
    );
    let fields = json!({
        "step": report.step, "total_updates": total, "epoch": report.epoch,
        "loss": window.mean_loss(), "lr": report.lr, "examples_per_second": examples,
        "tokens_per_second": tokens, "tflops": window.tflops(), "seconds_left": left,
    });
    Fact::new("update", text, fields).in_view()
}

/// `Epoch 1 | avg loss: 0.4841 | …`
fn of_epoch(epoch: &EpochReport, kind: &'static str) -> Fact {
    let per_second = epoch.examples as f64 / epoch.seconds.max(1e-9);
    let text = format!(
        "Epoch {} | avg loss: {:.4} | {per_second:.0} examples/s | {}",
        epoch.epoch,
        epoch.average_loss,
        clock(epoch.seconds)
    );
    let fields = json!({
        "step": epoch.step, "epoch": epoch.epoch, "average_loss": epoch.average_loss,
        "examples_per_second": per_second, "epoch_seconds": epoch.seconds,
    });
    Fact::new(kind, text, fields)
}

fn of_checkpoint(report: &CheckpointReport) -> Fact {
    let text = format!("checkpoint saved to {}", report.directory.display());
    Fact::new("checkpoint", text, json!(report))
}

impl Observer for Console<'_, '_> {
    fn observe(&mut self, event: &TrainEvent) {
        if !matches!(event, TrainEvent::Evaluation(_)) {
            self.settle_epoch();
        }
        self.forecast.observe(event);
        match event {
            TrainEvent::Start(report) => self.start(report),
            TrainEvent::Update(report) => self.update(report),
            TrainEvent::Epoch(report) => self.epoch = Some(report.clone()),
            TrainEvent::Evaluation(report) => self.evaluation(report),
            TrainEvent::Checkpoint(report) => self.teller.tell(&of_checkpoint(report)),
            TrainEvent::Finish(report) => {
                self.shown = None;
                self.closing.facts(report).iter().for_each(|fact| self.teller.tell(fact));
            }
            // A warning was given.
            TrainEvent::LossSpike(_) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};
    use lockstep_host::LogFormat;
    use lockstep_program::Card;
    use lockstep_trainer::{Ending, FinishReport};

    use super::*;
    use crate::observers::{RankLog, Verbosity};

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

    /// What a console says of events, with a line after each `every` updates.
    fn told(every: u64, shows_first: bool, events: &[TrainEvent]) -> String {
        let mut text = Vec::new();
        let log = RankLog::default();
        let mut teller = Teller::new(Some(&mut text), LogFormat::Text, Verbosity::Usual, log);
        let outlook = Outlook {
            every: NonZeroU64::new(every).unwrap(),
            shows_first,
            evaluation: Cadence::EveryEpoch,
            saving: Cadence::EveryEpoch,
            best_metric: BestMetric::Accuracy,
            cards: Cards { card: Card::named("NVIDIA H200"), count: 2 },
        };
        let mut console = Console::new(&mut teller, outlook, PhaseBoard::default());
        for event in events {
            console.observe(event);
        }
        drop(console);
        String::from_utf8(text).unwrap()
    }

    fn check(every: u64, events: &[TrainEvent], expected: Expect) {
        expected.assert_eq(&told(every, false, events));
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
                step 1/4 | loss: 0.5000 | lr: 2.00e-5 encoder, 1.00e-4 head | 32 examples/s | 800 tokens/s | ETA 0:20
                step 2/4 | loss: 0.2500 | lr: 2.00e-5 encoder, 1.00e-4 head | 32 examples/s | 800 tokens/s | ETA 0:10
                Epoch 1 | avg loss: 0.4841 | 32 examples/s | 0:01 | validation accuracy: 0.8520 (95 % interval 0.8000 to 0.9000) | validation loss: 0.3500 | macro F1: 0.8500
                checkpoint saved to out/checkpoint-2
                step 3/4 | loss: 0.1667 | lr: 2.00e-5 encoder, 1.00e-4 head | 32 examples/s | 800 tokens/s | ETA 0:02
                step 4/4 | loss: 0.1250 | lr: 2.00e-5 encoder, 1.00e-4 head | 32 examples/s | 800 tokens/s | ETA 0:00
                Epoch 2 | avg loss: 0.4841 | 32 examples/s | 0:01 | validation accuracy: 0.8520 (95 % interval 0.8000 to 0.9000) | validation loss: 0.3500 | macro F1: 0.8500
                step 2 | test accuracy: 0.8520 (95 % interval 0.8000 to 0.9000) | test loss: 0.3500 | macro F1: 0.8500
                evaluated   update  epoch  split       accuracy    loss  macro F1
                                 2      1  validation    0.8520  0.3500    0.8500  best accuracy
                                 2      2  validation    0.8520  0.3500    0.8500  best accuracy
                                 2         test          0.8520  0.3500    0.8500
                speed      32 examples/s, 800 tokens/s
                done       4 updates in 1:05 (evaluations 0:03)
            "#]],
        );
    }

    #[test]
    fn the_first_update_has_a_line_where_that_is_asked_for() {
        let lines = |shows_first: bool| {
            let events = [start(0), update(1), update(2), update(3), update(4)];
            let text = told(3, shows_first, &events);
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
                speed      32 examples/s, 800 tokens/s
                done       4 updates in 1:05 (evaluations 0:00); stopped early: evaluations no longer improve
            "#]],
        );
        let events = [start(2), update(3), evaluation("validation"), finish(Ending::Stopped)];
        check(
            2,
            &events,
            expect![[r#"
                schedule   4 updates, 2 per epoch; resumes after update 2
                step 2 | validation accuracy: 0.8520 (95 % interval 0.8000 to 0.9000) | validation loss: 0.3500 | macro F1: 0.8500
                evaluated   update  epoch  split       accuracy    loss  macro F1
                                 2         validation    0.8520  0.3500    0.8500  best accuracy
                speed      32 examples/s, 800 tokens/s
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
                speed      32 examples/s, 800 tokens/s, 900.0 TFLOP/s performed, MFU 45.5 % of 989 TFLOP/s in bf16 on each H200
                done       4 updates in 1:05 (evaluations 0:00)
            "#]],
        );
    }
}
