//! One run on many ranks; threads stand in for processes.

use std::fs;
use std::num::{NonZeroU64, NonZeroUsize};
use std::path::Path;

use lockstep_collective::{Collective, Threads};
use lockstep_data::Order;
use lockstep_model::HeadKind;
use lockstep_optim::Rates;
use lockstep_trainer::{
    Cadence, EvaluationReport, FinalModel, Observer, OnNonFinite, ReliabilityBin, RunLength,
    StopRequest, TrainError, TrainEvent, TrainSettings, Trainer, UpdateReport, latest_checkpoint,
};
use lockstep_world::Seed;

use crate::setup::{Updates, parts, settings};

const MODEL: (&str, HeadKind) = ("tiny", HeadKind::Mlp);

/// Shuffled, 20 updates of `batch` examples; every update is followed by a comparison of all ranks'
/// weights.
fn shuffled(output: &Path, batch: usize) -> TrainSettings {
    let mut settings = settings(output, Rates { encoder: 1e-3, head: 2e-3 });
    settings.order = Order::Shuffled(Seed(42));
    settings.length = RunLength::Updates(NonZeroU64::new(20).unwrap());
    settings.global_batch = NonZeroUsize::new(batch).unwrap();
    settings.evaluation = Cadence::EverySteps(NonZeroU64::new(10).unwrap());
    settings
}

/// What a rank is told.
#[derive(Default)]
struct Told {
    updates: Vec<UpdateReport>,
    evaluations: Vec<EvaluationReport>,
}

impl Observer for Told {
    fn observe(&mut self, event: &TrainEvent) {
        match event {
            TrainEvent::Update(report) => self.updates.push(report.clone()),
            TrainEvent::Evaluation(report) => self.evaluations.push(report.clone()),
            _ => {}
        }
    }
}

/// A whole run on `ranks` ranks with the first `rows` rows, as each of them is told of it.
fn run(ranks: usize, rows: usize, batch: usize, accumulation: usize) -> Vec<Told> {
    let output = tempfile::tempdir().unwrap();
    let mut settings = shuffled(output.path(), batch);
    settings.accumulation = NonZeroUsize::new(accumulation).unwrap();
    let told = Threads::run(ranks, |rank| {
        let mut parts = parts(MODEL, (Some(0.1), rows), Box::new(rank));
        parts.validation = Some(parts.train.clone());
        let mut told = Told::default();
        let mut trainer = Trainer::new(parts, settings.clone()).unwrap();
        trainer.run(&mut told, &StopRequest::default()).unwrap();
        told
    });
    assert_eq!(told.len(), ranks, "a rank panicked");
    told
}

fn check(alone: &Told, together: &[Told], what: &str) {
    for told in together {
        assert_eq!(told.updates.len(), alone.updates.len(), "{what}");
        for (found, expected) in told.updates.iter().zip(&alone.updates) {
            let off = (found.loss - expected.loss).abs() / expected.loss;
            assert!(off < 1e-5, "{what}: update {}: {off}", found.step);
            let counts = |report: &UpdateReport| (report.examples, report.tokens);
            assert_eq!(counts(found), counts(expected), "{what}");
        }
        for (found, expected) in told.evaluations.iter().zip(&alone.evaluations) {
            assert_eq!(found.confusion, expected.confusion, "{what}");
            let sum = |part: fn(&ReliabilityBin) -> u64| found.reliability.iter().map(part).sum();
            let counted: [u64; 2] = [sum(|bin| bin.examples), sum(|bin| bin.correct)];
            assert_eq!(counted, [expected.examples, expected.correct], "{what}");
            let wrong = expected.examples - expected.correct;
            assert_eq!(found.mistakes.len() as u64, wrong.min(20), "{what}");
        }
        for (found, expected) in told.evaluations.iter().zip(&together[0].evaluations) {
            assert_eq!(found.reliability, expected.reliability, "{what}");
            assert_eq!(found.mistakes, expected.mistakes, "{what}");
        }
    }
}

#[test]
fn a_run_is_the_same_on_any_number_of_ranks() {
    for (batch, accumulation) in [(16, 1), (64, 1), (16, 3)] {
        let alone = run(1, usize::MAX, batch, 1).remove(0);
        for ranks in [2, 3, 4] {
            let together = run(ranks, usize::MAX, batch, accumulation);
            check(&alone, &together, &format!("{ranks} ranks, batch {batch} in {accumulation}"));
        }
    }
}

#[test]
fn ranks_without_an_example_take_part() {
    for rows in [1, 2, 3, 4, 5, 7, 17, 33, 65] {
        let alone = run(1, rows, 16, 1).remove(0);
        check(&alone, &run(4, rows, 16, 1), &format!("{rows} rows"));
    }
}

#[test]
fn a_run_goes_on_at_another_number_of_ranks() {
    let output = tempfile::tempdir().unwrap();
    let mut settings = shuffled(output.path(), 16);
    settings.saving.cadence = Cadence::EverySteps(NonZeroU64::new(5).unwrap());
    let go_on = |ranks: usize, checkpoint: Option<&Path>| {
        let told = Threads::run(ranks, |rank| {
            let parts = parts(MODEL, (Some(0.1), usize::MAX), Box::new(rank));
            let mut trainer = Trainer::new(parts, settings.clone()).unwrap();
            if let Some(checkpoint) = checkpoint {
                trainer.resume(checkpoint).unwrap();
            }
            let mut updates = Updates::default();
            trainer.run(&mut updates, &StopRequest::default()).unwrap();
            updates.0
        });
        assert_eq!(told.len(), ranks, "a rank panicked");
        told
    };
    let whole = go_on(3, None).remove(0);
    for step in [15, 20] {
        fs::remove_dir_all(output.path().join(format!("checkpoint-{step}"))).unwrap();
    }
    let checkpoint = latest_checkpoint(output.path()).unwrap().unwrap();
    for updates in go_on(2, Some(&checkpoint)) {
        assert_eq!(updates.len(), 10);
        for (found, expected) in updates.iter().zip(&whole[10..]) {
            assert!((found.loss - expected.loss).abs() < 1e-5 * expected.loss);
        }
    }
}

/// The errors of all ranks, when each rank is given settings of its own and a directory of all.
fn errors(change: impl Fn(usize, &mut TrainSettings) + Sync) -> Vec<TrainError> {
    let output = tempfile::tempdir().unwrap();
    let errors = Threads::run(3, |rank| {
        let mut settings = shuffled(output.path(), 16);
        change(rank.seat().rank().0, &mut settings);
        let parts = parts(MODEL, (None, usize::MAX), Box::new(rank));
        let run =
            |mut trainer: Trainer| trainer.run(&mut Updates::default(), &StopRequest::default());
        Trainer::new(parts, settings).and_then(run).unwrap_err()
    });
    assert_eq!(errors.len(), 3, "a rank did not fail");
    errors
}

#[test]
fn ranks_of_different_runs_are_refused_by_name() {
    let errors = errors(|rank, settings| settings.seed = Seed(if rank == 2 { 7 } else { 42 }));
    for error in errors {
        let words = error.to_string();
        assert!(words.contains("seed: rank 2 has 7, rank 0 has 42"), "{words}");
    }
}

#[test]
fn settings_that_decide_calls_are_compared_at_the_start() {
    let five = NonZeroU64::new(5).unwrap();
    let change = |what: usize, settings: &mut TrainSettings| match what {
        0 => settings.evaluation = Cadence::EverySteps(five),
        1 => settings.saving.cadence = Cadence::EverySteps(five),
        2 => settings.replica_check = Cadence::EverySteps(five),
        3 => settings.early_stopping = NonZeroUsize::new(5),
        4 => settings.saving.final_model = FinalModel::Best,
        _ => settings.on_nonfinite = OnNonFinite::Skip(five),
    };
    let expected = [
        "eval_strategy: rank 1 has after each 5 updates, rank 0 has after each 10 updates",
        "save_strategy: rank 1 has after each 5 updates, rank 0 has never",
        "replica_check_steps: rank 1 has after each 5 updates, rank 0 has after each update",
        "early_stopping_patience: rank 1 has 5, rank 0 has none",
        "load_best_model_at_end: rank 1 has true, rank 0 has false",
        "on_nonfinite: rank 1 has skip 5 in a row, rank 0 has fail",
    ];
    for (what, expected) in expected.into_iter().enumerate() {
        let errors = errors(|rank, settings| {
            if rank == 1 {
                change(what, settings);
            }
        });
        for error in errors {
            assert!(matches!(error, TrainError::Disagree { .. }), "{error}");
            assert!(error.to_string().contains(expected), "{error}");
        }
    }
}

#[test]
fn all_ranks_learn_that_the_leader_could_not_write() {
    let blocked = tempfile::NamedTempFile::new().unwrap();
    let errors = errors(|_, settings| settings.output_dir = blocked.path().to_owned());
    for (rank, error) in errors.iter().enumerate() {
        assert_eq!(matches!(error, TrainError::Leader { .. }), rank > 0, "{error}");
        assert!(error.to_string().contains(&*blocked.path().to_string_lossy()), "{error}");
    }
}
