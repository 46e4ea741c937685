//! What the directories of checkpoints are called.

use lockstep_world::Step;

const PREFIX: &str = "checkpoint-";

/// The directory name of the checkpoint after `step`.
pub(crate) fn checkpoint_name(step: Step) -> String {
    format!("{PREFIX}{}", step.0)
}

/// The step in the name of a checkpoint's directory; nothing where that has another name.
pub(super) fn step_of(name: &str) -> Option<Step> {
    let step = name.strip_prefix(PREFIX)?.parse().ok().map(Step)?;
    (checkpoint_name(step) == name).then_some(step)
}

/// Whether a directory of this name is a checkpoint's.
#[must_use]
pub fn is_checkpoint_name(name: &str) -> bool {
    step_of(name).is_some()
}
