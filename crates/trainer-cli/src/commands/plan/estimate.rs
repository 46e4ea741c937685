//! What a run amounts to: exact counts, and costs by rule of thumb.

use lockstep_data::{BatchPlan, TokenStore};
use lockstep_model::EncoderConfig;
use lockstep_settings::RunPlan;
use lockstep_world::Seat;

use crate::disk::Space;
use crate::expected_time;
use crate::sources::Corpora;

/// What follows from the configuration and the number of examples.
pub(super) struct Counts {
    pub(super) examples: usize,
    pub(super) classes: usize,
    pub(super) batch: usize,
    pub(super) passes: usize,
    /// Gradients of the whole model that are held at once.
    pub(super) gradients: usize,
    pub(super) updates_per_epoch: u64,
    pub(super) updates: u64,
    pub(super) warmup: u64,
}

impl Counts {
    /// The counts of a plan over its data.
    pub(super) fn of(plan: &RunPlan, corpora: &Corpora) -> Self {
        let settings = plan.settings(Seat::SOLO.world(), None);
        let examples = corpora.train.count();
        let batches = BatchPlan::new(examples, settings.global_batch, settings.order);
        let updates_per_epoch = batches.updates_per_epoch() as u64;
        let updates = settings.length.updates(updates_per_epoch);
        Self {
            examples,
            classes: corpora.train.labels().len(),
            batch: settings.global_batch.get(),
            passes: settings.passes_alone(),
            gradients: settings.gradients_held(),
            updates_per_epoch,
            updates,
            warmup: settings.warmup.updates(updates),
        }
    }
}

/// What a run costs.
pub(super) struct Costs {
    pub(super) parameters: usize,
    pub(super) tokens: usize,
    pub(super) truncated: usize,
    /// Of weights, gradients, moments and what the backward pass needs.
    pub(super) bytes: f64,
    pub(super) seconds: f64,
    /// On disk.
    pub(super) space: Space,
}

impl Costs {
    /// The costs of training a model on these tokens.
    pub(super) fn of(
        plan: &RunPlan,
        config: &EncoderConfig,
        store: &TokenStore,
        counts: &Counts,
    ) -> Self {
        let EncoderConfig { width: d, feed_forward: f, blocks, .. } = *config;
        let head = plan.model.head;
        let parameters = config.scalars(head, counts.classes, |_| true);
        let encoder = expected_time::encoder_scalars(config, head, counts.classes);
        let tokens = store.total_tokens();
        let per_example = tokens as f64 / counts.examples.max(1) as f64;
        let at_once = counts.batch.div_ceil(counts.passes) as f64 * per_example;
        let kept = (blocks * (9 * d + 2 * f)) as f64;
        let read = counts.updates as f64 * counts.batch as f64 * per_example;
        Self {
            parameters,
            tokens,
            truncated: store.truncated(),
            bytes: 4.0 * ((3 + counts.gradients) as f64 * parameters as f64 + at_once * kept),
            space: Space::of(plan, parameters, counts.examples, Seat::SOLO.world()),
            seconds: expected_time::seconds(encoder, read, rayon::current_num_threads()),
        }
    }
}
