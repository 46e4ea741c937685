//! Whether the disk has room for what a run writes, before the run.
//!
//! What cannot be known is not counted: quotas, other programs, and the checkpoint of a signal.

use std::fs;
use std::path::{Path, PathBuf};

use lockstep_data::BatchPlan;
use lockstep_settings::{Existing, OutputPlan, RunPlan};
use lockstep_trainer::{Cadence, FinalModel, bytes_of_files, free_bytes, is_checkpoint_name};
use lockstep_world::{WorldSize, counted};

use crate::failure::Failure;
use crate::refusal::Refusal;

/// Bytes of a scalar.
const F32: u64 = 4;
/// A checkpoint has each parameter and its two moments.
const TENSORS: u64 = 3;
/// The tokenizer, config.json and the state of the run, about.
const SMALL_FILES: u64 = 2 << 20;
/// A line of metrics.jsonl.
const LINE: u64 = 250;

/// What a run writes at most at a time, in bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Space {
    /// The weights.
    model: u64,
    /// Checkpoints that stay.
    kept: u64,
    /// Whether another one is there while it is written.
    has_another: bool,
    metrics: u64,
    /// Whether the run may end before it has written all of them.
    may_end_early: bool,
    /// How many such runs there are: the seeds of a series, which has one more model.
    runs: u64,
}

impl Space {
    /// What a run writes that trains so many parameters on so many examples.
    pub(crate) fn of(plan: &RunPlan, parameters: usize, examples: usize, world: WorldSize) -> Self {
        let settings = plan.settings(world, None);
        let batches = BatchPlan::new(examples, settings.global_batch, settings.order);
        let per_epoch = (batches.updates_per_epoch() as u64).max(1);
        let updates = settings.length.updates(per_epoch);
        let written = match settings.saving.cadence {
            Cadence::Never => 0,
            Cadence::EveryEpoch => updates.div_ceil(per_epoch),
            Cadence::EverySteps(steps) => updates.div_ceil(steps.get()),
        };
        let best = u64::from(settings.saving.final_model == FinalModel::Best);
        let limit = settings.saving.keep.map_or(u64::MAX, |keep| keep.get() as u64 + best);
        Self {
            model: parameters as u64 * F32,
            kept: written.min(limit),
            has_another: written > limit,
            metrics: updates * LINE,
            may_end_early: settings.early_stopping.is_some(),
            runs: plan.seeds().map_or(1, |seeds| seeds.len() as u64),
        }
    }

    /// What so many runs write.
    pub(crate) fn times(self, runs: u64) -> Self {
        Self { runs, ..self }
    }

    /// Bytes that the run needs in any case, those of its tensors: where the disk is full, it removes the
    /// oldest checkpoint before it writes the next one.
    fn least(&self) -> u64 {
        let each = self.model.saturating_mul(TENSORS.saturating_mul(self.kept).saturating_add(1));
        self.of_all(each)
    }

    /// Bytes of all runs, where each writes so many.
    fn of_all(&self, each: u64) -> u64 {
        match self.runs {
            1 => each,
            runs => each.saturating_mul(runs).saturating_add(self.model),
        }
    }

    /// Bytes of the first thing that is whole: a checkpoint, or the model.
    fn first(&self) -> u64 {
        self.model * if self.kept == 0 { 1 } else { TENSORS }
    }

    /// Bytes that the run writes if it may, about.
    pub(crate) fn bytes(&self) -> u64 {
        self.of_all(self.of_each())
    }

    fn of_each(&self) -> u64 {
        let checkpoints = self.kept.saturating_add(u64::from(self.has_another));
        let rest = self.model + SMALL_FILES + self.metrics;
        self.checkpoint().saturating_mul(checkpoints).saturating_add(rest)
    }

    fn checkpoint(&self) -> u64 {
        TENSORS * self.model + SMALL_FILES
    }

    /// The sum in words.
    pub(crate) fn words(&self) -> String {
        if self.runs > 1 {
            let (all, runs) = (size(self.bytes()), self.runs);
            return format!("{all} in all: {runs} runs of {}, and one more model", self.of_one());
        }
        self.of_one()
    }

    fn of_one(&self) -> String {
        let total = size(self.of_each());
        if self.kept == 0 {
            return format!("about {total}: the model");
        }
        let kept = counted(self.kept, "checkpoint");
        let (each, another) =
            (size(self.checkpoint()), if self.has_another { ", one more" } else { "" });
        format!("about {total}: {kept} of {each}{another}, and the model")
    }

    /// Whether there is room for it.
    ///
    /// # Errors
    /// [`Failure::Configuration`] where there certainly is none.
    pub(crate) fn check(&self, output: &OutputPlan) -> Result<(), Failure> {
        let Some(free) = free(output) else { return Ok(()) };
        let room = free.saturating_add(own(output));
        // What is replaced is removed when something of the new run is whole.
        let is_full = output.existing == Existing::Replace && free < self.first();
        let refusal =
            Refusal::Short { needs: self.words(), free: size(if is_full { free } else { room }) };
        if is_full || room < self.least() && !self.may_end_early {
            return Err(refusal.of_output(&output.directory).into());
        }
        if room < self.bytes() {
            tracing::warn!("--output-dir {}: {refusal}", output.directory.display());
        }
        Ok(())
    }
}

/// Bytes that a run may write to its directory: what is free, and what is there of an earlier run that
/// it replaces or resumes; nothing where the system does not tell.
pub(crate) fn room(output: &OutputPlan) -> Option<u64> {
    Some(free(output)?.saturating_add(own(output)))
}

fn free(output: &OutputPlan) -> Option<u64> {
    let there = output.directory.ancestors().find(|path| path.is_dir()).map(Path::to_owned);
    let there = there.filter(|path| !path.as_os_str().is_empty()).unwrap_or_else(|| ".".into());
    free_bytes(&there)
}

fn own(output: &OutputPlan) -> u64 {
    let OutputPlan { directory, existing, .. } = output;
    let is_here = |checkpoint: &Path| {
        let [parent, here] = [checkpoint.parent(), Some(&**directory)]
            .map(|path| path.and_then(|path| path.canonicalize().ok()));
        here.is_some() && parent == here
    };
    match existing {
        Existing::Replace | Existing::GoOn => written(directory),
        Existing::GoOnFrom(checkpoint) if is_here(checkpoint) => written(directory),
        Existing::Refuse | Existing::GoOnFrom(_) => 0,
    }
}

/// Bytes of the files of a run: of its model, and of its checkpoints.
fn written(directory: &Path) -> u64 {
    let is_checkpoint = |path: &PathBuf| {
        path.file_name().and_then(|name| name.to_str()).is_some_and(is_checkpoint_name)
    };
    let checkpoints = entries(directory).into_iter().filter(is_checkpoint);
    bytes_of_files(directory) + checkpoints.map(|path| bytes_of_files(&path)).sum::<u64>()
}

fn entries(directory: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory).into_iter().flatten();
    entries.filter_map(|entry| Some(entry.ok()?.path())).collect()
}

/// Bytes for people.
pub(crate) fn size(bytes: u64) -> String {
    match bytes as f64 {
        bytes if bytes < 999.5e6 => format!("{:.0} MB", bytes / 1e6),
        bytes if bytes < 999.5e9 => format!("{:.1} GB", bytes / 1e9),
        bytes => format!("{:.1} TB", bytes / 1e12),
    }
}

#[cfg(test)]
mod tests {
    use lockstep_flags::{CommandLine, Set};
    use lockstep_settings::{keys, plan_of, run_config};

    use super::*;

    /// The plan of a command line.
    fn plan(words: &str) -> RunPlan {
        let words = format!(
            "--model builtin:tiny --train-file builtin:reviews --validation-file builtin:reviews \
             --output-dir /nowhere/runs/a --global-batch-size 16 {words}"
        );
        let words: Vec<String> = words.split_whitespace().map(str::to_owned).collect();
        let line = CommandLine::parse(&words, keys::ALL, Set::Taken);
        plan_of(run_config(line, keys::ALL)).map_err(|faults| faults.to_string()).unwrap()
    }

    fn space(words: &str) -> Space {
        // 100 updates in an epoch of DistilBERT.
        Space::of(&plan(words), 66_000_000, 1600, WorldSize::ONE)
    }

    #[test]
    fn the_checkpoints_that_the_limits_allow_are_counted() {
        let check = |words: &str, kept: u64, has_another: bool| {
            let found = space(words);
            assert_eq!((found.kept, found.has_another), (kept, has_another), "{words}");
        };
        check("--save-strategy no", 0, false);
        check("", 3, false);
        check("--num-train-epochs 2.5", 3, false);
        check("--save-total-limit 2", 2, true);
        check("--save-total-limit 3", 3, false);
        check("--save-total-limit 1 --load-best-model-at-end", 2, true);
        check("--save-strategy steps --save-steps 7", 43, false);
        check("--save-strategy steps --save-steps 7 --max-steps 100", 15, false);
        check("--save-strategy steps --save-steps 1000", 1, false);
    }

    #[test]
    fn a_sum_is_told_with_its_parts() {
        assert_eq!(space("").words(), "about 2.6 GB: 3 checkpoints of 794 MB, and the model");
        assert_eq!(
            space("--save-total-limit 2").words(),
            "about 2.6 GB: 2 checkpoints of 794 MB, one more, and the model"
        );
        assert_eq!(space("--save-strategy no").words(), "about 266 MB: the model");
        assert_eq!(
            space("--save-strategy no --seeds 3").words(),
            "1.1 GB in all: 3 runs of about 266 MB: the model, and one more model"
        );
        assert_eq!(size(1_500_000_000_000), "1.5 TB");
    }

    #[test]
    fn only_a_certain_shortage_is_refused() {
        let outcome = |words: &str, parameters| {
            let plan = plan(words);
            let space = Space::of(&plan, parameters, 1600, WorldSize::ONE);
            space.check(&plan.run).map_err(|failure| failure.to_string())
        };
        assert_eq!(outcome("", 1000), Ok(()));
        let words = outcome("", 1 << 50).unwrap_err();
        assert!(words.contains("--output-dir /nowhere/runs/a"), "{words}");
        assert!(words.contains("the run needs about"), "{words}");
        assert!(words.contains("--save-total-limit"), "{words}");
        assert!(outcome("--seeds 2", 1 << 50).unwrap_err().contains("2 runs of about"));
        assert_eq!(outcome("--early-stopping-patience 1", 1 << 50), Ok(()));
    }

    #[test]
    fn an_earlier_run_makes_room_where_it_is_replaced_or_resumed() {
        let folder = tempfile::tempdir().unwrap();
        let checkpoint = folder.path().join("checkpoint-4");
        fs::create_dir(&checkpoint).unwrap();
        fs::create_dir(folder.path().join("other")).unwrap();
        for (name, bytes) in
            [("model.safetensors", 10), ("checkpoint-4/optimizer.safetensors", 20), ("other/x", 40)]
        {
            fs::write(folder.path().join(name), vec![0; bytes]).unwrap();
        }
        assert_eq!(written(folder.path()), 30);
        assert_eq!(written(Path::new("/nowhere")), 0);
    }
}
