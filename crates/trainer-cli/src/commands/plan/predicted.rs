//! The programs that a run would record, with their predicted costs.

use lockstep_program::{
    Arithmetic, BatchExtent, Bucket, Card, Flop, ModelShape, Prediction, Program, Scene,
};
use lockstep_settings::RunPlan;
use lockstep_trainer::{RecordedPlan, TrainError, TrainSettings, model_shape, recorded_plan};
use lockstep_world::Seat;

use super::Material;

/// The recorded programs of a run with their predicted costs.
pub(super) struct Predicted {
    pub(super) plan: RecordedPlan,
    pub(super) card: Card,
    pub(super) arithmetic: Arithmetic,
    /// The most common bucket.
    pub(super) bucket: Bucket,
    /// What its passes hold on average.
    pub(super) size: BatchExtent,
    /// Passes of an update in it.
    pub(super) passes: usize,
    /// The pass in that bucket, and the update behind it.
    pub(super) programs: [(Program, Prediction); 2],
    /// Of such a pass, for its tokens and not for the rows behind them.
    pub(super) flop: Flop,
}

impl Predicted {
    /// Those of a run on `card`.
    ///
    /// # Errors
    /// What the trainer cannot record.
    pub(super) fn of(
        plan: &RunPlan,
        material: &Material,
        classes: usize,
        card: Card,
    ) -> Result<Self, TrainError> {
        let Material { config, store, criterion } = material;
        let head = plan.model.head;
        let shape: ModelShape =
            model_shape(config, head, classes, plan.model.dropouts.rates(config, head));
        let arithmetic = plan.recording().arithmetic;
        let settings = plan.settings(Seat::SOLO.world(), None);
        let settings = TrainSettings { criterion: criterion.clone(), ..settings };
        let run = recorded_plan(shape, arithmetic, store, &settings)?;
        let empty = BatchExtent::default();
        let (bucket, size) = match run.buckets.first() {
            Some(share) => (share.bucket, share.mean()),
            None => (Bucket::of(empty), empty),
        };
        let scene = Scene { shape: &shape, arithmetic, bucket, words: run.words };
        let programs = [run.draft.pass(bucket), run.draft.update()].map(|program| {
            let prediction = Prediction::of(&program, &scene, &card);
            (program, prediction)
        });
        let passes = settings.accumulation.get();
        let flop = Flop::of(&shape, size);
        Ok(Self { plan: run, card, arithmetic, bucket, size, passes, programs, flop })
    }

    /// Microseconds of an update all of whose passes are in the most common bucket.
    pub(super) fn us(&self) -> f64 {
        let [pass, update] = &self.programs;
        self.passes as f64 * pass.1.us() + update.1.us()
    }

    /// A sum over the operations of an update.
    pub(super) fn sum(&self, of: impl Fn(&Prediction) -> f64) -> f64 {
        let [pass, update] = &self.programs;
        self.passes as f64 * of(&pass.1) + of(&update.1)
    }
}
