//! What a run takes over from a checkpoint, and what it cannot.

use std::path::{Path, PathBuf};

use lockstep_data::TokenStore;
use lockstep_world::Step;

use crate::checkpoint::{Saved, checkpoint_name};
use crate::journal::Journal;
use crate::{FinalModel, TrainError, Trainer, replicas};

/// Something that a checkpoint says of its run and that holds no longer. The best evaluation is
/// forgotten then, the weights of the checkpoint are evaluated first, and the run continues.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Forgotten {
    /// The evaluations were made on other validation data than this run's.
    ValidationData {
        /// What this run has.
        here: String,
        /// What the checkpoint's run had.
        there: String,
    },
    /// The evaluations were compared by another metric than this run's.
    Metric {
        /// This run's.
        here: String,
        /// The checkpoint's run's.
        there: String,
    },
    /// The checkpoint with the best weights so far, from which the final model was to be taken.
    Best {
        /// Where it was.
        directory: PathBuf,
        /// Why it cannot be used.
        cause: String,
    },
}

impl Trainer {
    /// Resumes from a checkpoint of this run, which only the leader reads; all ranks call this. The
    /// leader is told what does not hold any more.
    ///
    /// # Errors
    /// [`TrainError::Checkpoint`] when it is not whole or belongs to another run; on other ranks
    /// than the leader [`TrainError::Leader`].
    pub fn resume(&mut self, directory: &Path) -> Result<Vec<Forgotten>, TrainError> {
        self.origin = directory.parent().map(PathBuf::from);
        let whereabouts = |step| place(&self.settings.output_dir, self.origin.as_deref(), step);
        let wants_best = self.settings.saving.final_model == FinalModel::Best;
        let Self { model, optimizer, journal, collective, .. } = self;
        let restored = replicas::by_leader(&mut **collective, || {
            let saved = Saved::open(directory)?;
            saved.check(&journal.identity)?;
            saved.restore_weights(model)?;
            saved.restore_moments(optimizer)?;
            let mut theirs = saved.into_journal();
            let mut forgotten = Vec::new();
            forgotten.extend(other_data(&mut theirs, journal));
            forgotten.extend(other_metric(&mut theirs, journal));
            if wants_best {
                forgotten.extend(lost_best(&mut theirs, whereabouts));
            }
            Ok((theirs, forgotten))
        })?;
        replicas::spread_weights(&mut **collective, model)?;
        let (leaders, forgotten) = match &restored {
            Some((leaders, forgotten)) => (leaders, forgotten.clone()),
            None => (&*journal, Vec::new()),
        };
        *journal = replicas::spread_state(&mut **collective, optimizer, leaders)?;
        self.step = Step(self.journal.global_step);
        Ok(forgotten)
    }

    /// Where a checkpoint of this run is: with what it writes now, or with what it was resumed from.
    pub(crate) fn whereabouts(&self, step: Step) -> PathBuf {
        place(&self.settings.output_dir, self.origin.as_deref(), step)
    }
}

/// What an evaluation is made on, in words that tell any two data apart.
pub(crate) fn judged_on(validation: Option<&TokenStore>) -> Option<String> {
    validation.map(|store| format!("{} examples, hash {:016x}", store.len(), store.fingerprint()))
}

/// Whether evaluations were made on other data than those that will be; a checkpoint that does not
/// know is believed.
fn other_data(theirs: &mut Journal, ours: &Journal) -> Option<Forgotten> {
    let there = std::mem::replace(&mut theirs.judged_on, ours.judged_on.clone())?;
    let here = ours.judged_on.clone().unwrap_or_else(|| "none".to_owned());
    if here == there {
        return None;
    }
    theirs.forget_best();
    Some(Forgotten::ValidationData { here, there })
}

/// Whether evaluations were compared by another metric.
fn other_metric(theirs: &mut Journal, ours: &Journal) -> Option<Forgotten> {
    let there = std::mem::replace(&mut theirs.judged_by, ours.judged_by.clone());
    let here = ours.judged_by.clone();
    if here == there {
        return None;
    }
    theirs.forget_best();
    Some(Forgotten::Metric { here, there })
}

fn lost_best(theirs: &mut Journal, whereabouts: impl Fn(Step) -> PathBuf) -> Option<Forgotten> {
    let directory = whereabouts(Step(theirs.best_global_step?));
    let cause = Saved::open(&directory).and_then(|saved| saved.verify()).err()?.to_string();
    theirs.forget_best();
    Some(Forgotten::Best { directory, cause })
}

fn place(output_dir: &Path, origin: Option<&Path>, step: Step) -> PathBuf {
    let name = checkpoint_name(step);
    let here = output_dir.join(&name);
    match origin {
        Some(origin) if !here.exists() => origin.join(name),
        _ => here,
    }
}
