//! What makes an update: forward, backward, sums over all ranks, clipping and AdamW.
//!
//! The loop plans updates and reports them; an [`Engine`] makes them. [`Composed`] goes through
//! candle's graph and finishes each update before the next one begins. The trait leaves room for
//! an engine that works on the memory of weights and moments by itself, and that reports updates
//! late, for example because a GPU runs behind the host.

mod composed;
mod recorded;

use lockstep_collective::{Collective, PhaseBoard};
use lockstep_model::Classifier;
use lockstep_optim::AdamW;

pub(crate) use composed::Composed;
pub use recorded::{CopyingLink, Link, ParameterPlaces, Scorer};
pub(crate) use recorded::{OnGpu, Passes, Recorded, Run, RunFacts, distinct_words};

use crate::TrainError;
use crate::scores::Scores;
use crate::update::{FinishedUpdate, UpdatePlan};

/// Makes the updates of one replica, in lockstep with the engines of all other ranks.
///
/// Weights and moments live in the variables of [`Classifier::parameters`] and [`AdamW::moments`].
/// Between a call of [`Self::update`] and the next call of [`Self::settle`] only the engine reads
/// or writes them. An engine may keep state derived from them from its first update on: they
/// change from outside only before the first update of a run and after the last `settle`.
pub(crate) trait Engine: Scores {
    /// Begins the update that `plan` describes, and returns the updates that have finished since
    /// the last call, in the order of their steps: none, one or several.
    ///
    /// All ranks make this call with the same step, and must get the same updates back from it:
    /// the loop decides by them whether to stop.
    ///
    /// An update that is not [`FinishedUpdate::is_finite`] changes neither weights nor moments. Where
    /// such updates end the run, an engine that reports late may have begun further ones; nothing of
    /// them is saved.
    ///
    /// # Errors
    /// [`TrainError`] when a peer is lost, the device fails, or an update does not pass
    /// [`FinishedUpdate::check`]. The run ends then.
    fn update(
        &mut self,
        replica: Replica<'_>,
        plan: &UpdatePlan<'_>,
    ) -> Result<Vec<FinishedUpdate>, TrainError>;

    /// Waits for all updates that have begun, brings weights and moments up to date for others to
    /// read, and returns the updates that were not reported yet, in the order of their steps.
    ///
    /// The loop calls this on all ranks after the same update, before each evaluation, checkpoint,
    /// comparison of replicas, end of an epoch, and before a run stops or ends.
    ///
    /// # Errors
    /// As [`Self::update`].
    fn settle(&mut self, replica: Replica<'_>) -> Result<Vec<FinishedUpdate>, TrainError>;
}

/// What an update changes, and the way to the other ranks. The trainer owns all of it and lends it
/// for one call.
pub(crate) struct Replica<'a> {
    pub(crate) model: &'a Classifier,
    pub(crate) optimizer: &'a mut AdamW,
    pub(crate) collective: &'a mut dyn Collective,
    /// Where the engine writes the phase it is in, for the peers' watch.
    pub(crate) board: &'a PhaseBoard,
}
