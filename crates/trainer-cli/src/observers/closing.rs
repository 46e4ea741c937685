//! What a run says at its end: its evaluations, its speed and its time.

use lockstep_trainer::{BestMetric, Ending, EpochReport, EvaluationReport, FinishReport};
use lockstep_world::counted;
use serde_json::{Value, json};

use super::duration::clock;
use super::fact::Fact;
use super::work::{Cards, Work};

/// Evaluations that the table shows: the newest, and the best.
const SHOWN: usize = 12;

/// What is gathered for the end.
pub(super) struct Closing {
    metric: BestMetric,
    cards: Cards,
    /// All updates since the start or the resume.
    pub(super) work: Work,
    rows: Vec<Row>,
    /// The best evaluation of the validation set, and its value.
    best: Option<(f64, Row)>,
    /// Seconds in evaluations.
    evaluating: f64,
}

/// An evaluation.
#[derive(Clone, Debug)]
struct Row {
    step: u64,
    /// The epoch that it ended.
    epoch: Option<u64>,
    split: String,
    accuracy: f64,
    loss: f64,
    f1: f64,
}

impl Closing {
    pub(super) fn new(metric: BestMetric, cards: Cards) -> Self {
        let (work, rows) = (Work::default(), Vec::new());
        Self { metric, cards, work, rows, best: None, evaluating: 0.0 }
    }

    /// Notes an evaluation, which may be that of an epoch.
    pub(super) fn note(&mut self, report: &EvaluationReport, epoch: Option<&EpochReport>) {
        let row = Row {
            step: report.step,
            epoch: epoch.map(|epoch| epoch.epoch),
            split: report.split.clone(),
            accuracy: report.accuracy,
            loss: report.loss,
            f1: report.f1,
        };
        self.evaluating += report.seconds;
        let (value, best) = (self.metric.of(report), self.best.as_ref().map(|(value, _)| *value));
        if row.split == "validation" && self.metric.is_gain(value, best) {
            self.best = Some((value, row.clone()));
        }
        if self.rows.len() == SHOWN {
            self.rows.remove(0);
        }
        self.rows.push(row);
    }

    /// The closing lines.
    pub(super) fn facts(&self, report: &FinishReport) -> Vec<Fact> {
        let Work { skipped, .. } = self.work;
        let skipped = (skipped > 0).then(|| {
            let text = format!(
                "skipped    {}, with a loss or gradient that is not finite",
                counted(skipped, "update")
            );
            Fact::new("skipped", text, json!({ "updates": skipped }))
        });
        let all = [self.table(), self.speed(), skipped, Some(self.ending(report))];
        all.into_iter().flatten().map(Fact::closing).collect()
    }

    /// The evaluations; nothing where there was none.
    fn table(&self) -> Option<Fact> {
        let mut rows: Vec<&Row> = self.rows.iter().collect();
        let best = self.best.as_ref().map(|(_, row)| row);
        if let Some(best) = best.filter(|best| !rows.iter().any(|row| row.is(best))) {
            rows.insert(0, best);
        }
        if rows.is_empty() {
            return None;
        }
        let is_best = |row: &Row| best.is_some_and(|best| row.is(best));
        let mut text =
            "evaluated   update  epoch  split       accuracy    loss  macro F1".to_owned();
        for row in &rows {
            let epoch = row.epoch.map_or_else(String::new, |epoch| epoch.to_string());
            let best =
                if is_best(row) { format!("  best {}", self.metric.name()) } else { String::new() };
            text += &format!(
                "\n{:18}  {epoch:>5}  {:<10}  {:8.4}  {:6.4}  {:8.4}{best}",
                row.step, row.split, row.accuracy, row.loss, row.f1
            );
        }
        let object = |row: &&Row| {
            json!({
                "step": row.step, "epoch": row.epoch, "split": row.split,
                "accuracy": row.accuracy, "loss": row.loss, "f1": row.f1, "is_best": is_best(row),
            })
        };
        let evaluations: Vec<Value> = rows.iter().map(object).collect();
        Some(Fact::new("evaluations", text, json!({ "evaluations": evaluations })))
    }

    /// How fast the updates were; nothing where there was none.
    fn speed(&self) -> Option<Fact> {
        let work = &self.work;
        let [examples, tokens] = [work.examples, work.tokens].map(|all| work.per_second(all));
        let performed =
            work.speed(self.cards).map_or_else(String::new, |speed| format!(", {speed}"));
        let text = format!("speed      {examples:.0} examples/s, {tokens:.0} tokens/s{performed}");
        let fields = json!({
            "examples_per_second": examples, "tokens_per_second": tokens,
            "tflops": work.tflops(), "mfu_percent": work.mfu(self.cards),
        });
        (work.updates > 0).then(|| Fact::new("speed", text, fields))
    }

    fn ending(&self, report: &FinishReport) -> Fact {
        let step = report.step;
        let time = format!("{} (evaluations {})", clock(report.seconds), clock(self.evaluating));
        let text = match report.ending {
            Ending::Complete => format!("done       {step} updates in {time}"),
            Ending::EarlyStop => format!(
                "done       {step} updates in {time}; stopped early: evaluations no longer improve"
            ),
            Ending::Stopped => format!(
                "stopped    after update {step}; the checkpoint {} is complete\n  \
                 hint: run the same command with --resume auto to continue from it",
                report.directory.display()
            ),
        };
        Fact::new("finish", text, json!(report))
    }
}

impl Row {
    /// Whether it is the same evaluation.
    fn is(&self, other: &Self) -> bool {
        self.step == other.step && self.split == other.split
    }
}
