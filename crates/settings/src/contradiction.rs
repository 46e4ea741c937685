//! Keys that do not go together.
//!
//! Of two keys that exclude each other the later word counts: a flag overrides the file's other key.
//! Written in the same place they contradict each other. The two batch sizes always do, because a
//! flag for the one says nothing about the ranks the other was chosen for.

use std::cmp::Ordering;
use std::num::NonZeroU64;

use lockstep_flags::{Entry, Given, Key, Problem, Written};
use lockstep_host::DeviceChoice;
use lockstep_trainer::BestMetric;

use super::keys::{
    BEST_METRIC, DETERMINISTIC, DEVICE, EARLY_STOPPING, EVAL_STEPS, EVAL_STRATEGY, GLOBAL_BATCH,
    GREATER_IS_BETTER, LOAD_BEST, MAX_SKIPPED, MAX_STEPS, ON_NONFINITE, OVERWRITE,
    PER_DEVICE_BATCH, QUIET, RESUME_KEY, SAVE_STEPS, SAVE_STRATEGY, SEED, SEEDS, TEST_FILE, TRACE,
    TRAIN_FILE, VALIDATION_FILE, VALIDATION_SPLIT, VERBOSE, WARMUP_RATIO, WARMUP_STEPS,
};
use super::meaning::has_validation;
use super::seeds::Seeds;
use super::terms::{DataSource, NonFinite, Resume, Strategy};

/// Settles what the later word settles, and notes the contradictions that are left.
pub(crate) fn settle(config: &mut Written) {
    settle_batch(config);
    settle_determinism(config);
    settle_rivals(config, [&VALIDATION_FILE, &VALIDATION_SPLIT], "pass one of them");
    settle_rivals(config, [&WARMUP_RATIO, &WARMUP_STEPS], "pass one of them");
    settle_resume(config);
    settle_seeds(config);
    settle_steps(config, &EVAL_STRATEGY, &EVAL_STEPS);
    settle_steps(config, &SAVE_STRATEGY, &SAVE_STEPS);
    settle_skips(config);
    settle_warmup(config);
    settle_evaluation(config);
    settle_best(config);
    settle_metric(config);
    settle_reviews(config);
    settle_verbosity(config);
}

fn settle_batch(config: &mut Written) {
    if config.given(&PER_DEVICE_BATCH).is_some() && config.given(&GLOBAL_BATCH).is_some() {
        let remedy = "pass one of them; the global one stays the same at any number of ranks";
        contradict(config, &PER_DEVICE_BATCH, &GLOBAL_BATCH, remedy);
    }
}

/// What would follow the number of ranks, or a device whose sums are not fixed.
fn settle_determinism(config: &mut Written) {
    if config.find(&DETERMINISTIC) != Some(true) {
        return;
    }
    if config.given(&PER_DEVICE_BATCH).is_some() {
        let remedy = "the batch of an update would follow the number of ranks; pass \
                      global_batch_size instead";
        contradict(config, &DETERMINISTIC, &PER_DEVICE_BATCH, remedy);
    }
    if config.find(&DEVICE) == Some(DeviceChoice::Cuda) {
        let remedy = "deterministic mode runs on CPUs only; set the device to cpu";
        contradict(config, &DETERMINISTIC, &DEVICE, remedy);
    }
}

/// Two keys that both say the same thing.
fn settle_rivals(config: &mut Written, [a, b]: [&dyn Entry; 2], remedy: &'static str) {
    let (Some(first), Some(second)) = (config.given(a), config.given(b)) else { return };
    match first.origin.cmp_layer(&second.origin) {
        Ordering::Equal => contradict(config, a, b, remedy),
        Ordering::Less => config.drop_key(a),
        Ordering::Greater => config.drop_key(b),
    }
}

fn settle_verbosity(config: &mut Written) {
    if [&QUIET, &VERBOSE].iter().all(|key| config.find(key) == Some(true)) {
        settle_rivals(config, [&QUIET, &VERBOSE], "pass one of them");
    }
}

/// Going on overrides replacing, which was said when the run was begun: so the same command with
/// `--resume auto` resumes. Only a later word replaces a run that a file would resume.
fn settle_resume(config: &mut Written) {
    let resumes = config.find(&RESUME_KEY).is_some_and(|resume| resume != Resume::Never);
    let (Some(resume), Some(overwrite)) = (config.given(&RESUME_KEY), config.given(&OVERWRITE))
    else {
        return;
    };
    if resumes && config.find(&OVERWRITE) == Some(true) {
        let is_in_file = |given: &Given| given.origin.is_file();
        match is_in_file(resume) && !is_in_file(overwrite) {
            true => config.drop_key(&RESUME_KEY),
            false => config.drop_key(&OVERWRITE),
        }
    }
}

/// A list of seeds leaves nothing for the single one to say, and a series does not resume from one
/// checkpoint.
fn settle_seeds(config: &mut Written) {
    let Some(seeds) = config.find(&SEEDS) else { return };
    if matches!(seeds, Seeds::These(_)) {
        let remedy = "pass one of them; a number of seeds (seeds = 5) is counted from seed";
        settle_rivals(config, [&SEED, &SEEDS], remedy);
    }
    if config.given(&SEEDS).is_some() && config.given(&TRACE).is_some() {
        contradict(config, &TRACE, &SEEDS, "a trace shows one training; leave one of them out");
    }
    if config.given(&SEEDS).is_some() && matches!(config.find(&RESUME_KEY), Some(Resume::From(_))) {
        let remedy = "a series resumes each of its seeds by itself: set resume to auto";
        contradict(config, &RESUME_KEY, &SEEDS, remedy);
    }
}

/// A strategy and the number of steps it may need.
fn settle_steps(config: &mut Written, strategy: &Key<Strategy>, steps: &Key<NonZeroU64>) {
    let in_steps = config.find(strategy) == Some(Strategy::Steps);
    let Some(count) = config.given(steps) else {
        if in_steps {
            let (need, remedy) = ("the number of updates in between", "pass it, such as 500");
            config.note(config.place(strategy), Problem::Needs { need, remedy });
        }
        return;
    };
    if in_steps {
        return;
    }
    if config
        .given(strategy)
        .is_some_and(|word| word.origin.cmp_layer(&count.origin) == Ordering::Greater)
    {
        config.drop_key(steps);
    } else {
        let (need, remedy) = ("the strategy steps", "pass it too");
        config.note(config.place(steps), Problem::Needs { need, remedy });
    }
}

/// A limit of what is skipped, where nothing is.
fn settle_skips(config: &mut Written) {
    if config.given(&MAX_SKIPPED).is_some() && config.find(&ON_NONFINITE) != Some(NonFinite::Skip) {
        let (need, remedy) = ("on_nonfinite = skip", "pass it too");
        config.note(config.place(&MAX_SKIPPED), Problem::Needs { need, remedy });
    }
}

fn settle_warmup(config: &mut Written) {
    if let (Some(warmup), Some(steps)) = (config.find(&WARMUP_STEPS), config.find(&MAX_STEPS))
        && warmup > steps.get()
    {
        contradict(config, &WARMUP_STEPS, &MAX_STEPS, "the warm-up must end before the run does");
    }
}

/// What can only be had from evaluations.
fn settle_evaluation(config: &mut Written) {
    let need = "a validation file or validation_split";
    let remedy = "pass one, or leave this out";
    let evaluates = config.find(&EVAL_STRATEGY) != Some(Strategy::No);
    if !has_validation(config) {
        if evaluates && config.given(&EVAL_STRATEGY).is_some() {
            config.note(config.place(&EVAL_STRATEGY), Problem::Needs { need, remedy });
        }
        for wish in wishes(config) {
            config.note(config.place(wish), Problem::Needs { need, remedy });
        }
    } else if !evaluates {
        for wish in wishes(config) {
            contradict(config, wish, &EVAL_STRATEGY, "set it to epoch or steps");
        }
    }
}

fn wishes(config: &Written) -> Vec<&'static dyn Entry> {
    let mut wishes: Vec<&'static dyn Entry> = Vec::new();
    if config.find(&LOAD_BEST) == Some(true) {
        wishes.push(&LOAD_BEST);
    }
    if config.given(&EARLY_STOPPING).is_some() {
        wishes.push(&EARLY_STOPPING);
    }
    wishes
}

/// The best weights can only be kept if there is a checkpoint for each evaluation that may be best.
fn settle_best(config: &mut Written) {
    if config.find(&LOAD_BEST) != Some(true) || !has_validation(config) {
        return;
    }
    let matches = match (config.find(&EVAL_STRATEGY), config.find(&SAVE_STRATEGY)) {
        (Some(Strategy::No), _) => true,
        (Some(Strategy::Steps), Some(Strategy::Steps)) => config
            .find(&EVAL_STEPS)
            .zip(config.find(&SAVE_STEPS))
            .is_none_or(|(e, s)| s.get().is_multiple_of(e.get())),
        (evaluation, saving) => evaluation == saving,
    };
    if !matches {
        let remedy = "save as often as the run evaluates, or after a multiple of eval_steps";
        contradict(config, &LOAD_BEST, &SAVE_STRATEGY, remedy);
    }
}

/// Which way a metric is better follows from the metric.
fn settle_metric(config: &mut Written) {
    let rises = config.find(&BEST_METRIC).is_none_or(BestMetric::rises);
    if config.find(&GREATER_IS_BETTER).is_some_and(|greater| greater != rises) {
        let remedy = "of loss less is better, of all others more; leave greater_is_better out";
        contradict(config, &GREATER_IS_BETTER, &BEST_METRIC, remedy);
    }
}

/// The reviews that are built in have labels of their own, which no file's model knows.
fn settle_reviews(config: &mut Written) {
    if config.find(&TRAIN_FILE).is_none_or(|source| source == DataSource::Reviews) {
        return;
    }
    for held in [&VALIDATION_FILE, &TEST_FILE] {
        if config.find(held) == Some(DataSource::Reviews) {
            let remedy = "evaluate on a file with the labels of the training file";
            contradict(config, held, &TRAIN_FILE, remedy);
        }
    }
}

fn contradict(config: &mut Written, a: &dyn Entry, b: &dyn Entry, remedy: &'static str) {
    let other = config.place(b);
    config.note(config.place(a), Problem::Contradiction { other, remedy });
}
