//! One update as the trainer makes it, with a clock between its parts.
//!
//! It follows `Trainer::update`, which cannot be asked for one update at a time; the recipe's
//! settings stand here.

use std::time::Instant;

use lockstep_data::Batch;
use lockstep_model::{Classifier, Criterion, Input, Loss, Mode};
use lockstep_optim::{
    AdamW, AdamWSettings, DecayRule, Rates, Schedule, ScheduleShape, Warmup, clip,
};
use lockstep_params::LocalGradients;
use lockstep_world::{Purpose, Seed, Step};

use crate::Outcome;
use crate::protocol::Phases;

const SEED: Seed = Seed(42);
const MAX_GRAD_NORM: f64 = 1.0;
/// Of the schedule; the first tenth warms up.
const UPDATES: u64 = 10_000;
pub(crate) const PEAK_RATES: Rates = Rates { encoder: 2e-5, head: 1e-4 };

/// What a run's loop owns.
pub(crate) struct Training {
    pub(crate) model: Classifier,
    /// From the first update on: a worker that only infers has no moments.
    optimizer: Option<AdamW>,
    schedule: Schedule,
    step: Step,
}

impl Training {
    pub(crate) fn new(model: Classifier) -> Self {
        let warmup = Warmup::Ratio(0.1);
        let schedule = Schedule::new(ScheduleShape::Linear, PEAK_RATES, warmup, UPDATES);
        Self { model, optimizer: None, schedule, step: Step::START }
    }

    /// One update; `pack` makes its batch.
    pub(crate) fn update(&mut self, pack: impl FnOnce() -> Outcome<Batch>) -> Outcome<Phases> {
        let optimizer = match self.optimizer.take() {
            Some(optimizer) => optimizer,
            None => optimizer(&self.model)?,
        };
        let optimizer = self.optimizer.insert(optimizer);
        let mut clock = Clock::start();
        let batch = pack()?;
        let input_seconds = clock.lap();
        let dropout = SEED.derive(Purpose::Dropout, self.step.0);
        let loss = loss(&self.model, &batch, Mode::Train { dropout, listener: None })?;
        loss.value()?;
        let forward = clock.lap();
        self.model.backward(&loss)?;
        drop(loss);
        let local = LocalGradients::take(self.model.parameters())?;
        let backward = clock.lap();
        let global = local.alone(batch.len())?;
        let clipped = clip(global, MAX_GRAD_NORM);
        let clip = clock.lap();
        let rates = self.schedule.rates(self.step);
        self.step = self.step.next();
        optimizer.step(&clipped.gradients, rates, self.step.0)?;
        drop(clipped);
        Ok(Phases { input: input_seconds, forward, backward, clip, update: clock.lap() })
    }
}

/// The summed loss of a batch.
pub(crate) fn loss(model: &Classifier, batch: &Batch, mode: Mode) -> Outcome<Loss> {
    let input = Input {
        ids: batch.ids(),
        positions: batch.positions(),
        token_types: batch.token_types(),
        offsets: batch.offsets(),
        examples: batch.examples(),
    };
    Ok(model.logits(&input, mode)?.summed_cross_entropy(batch.labels(), &Criterion::default())?)
}

/// The recipe's optimiser.
pub(crate) fn optimizer(model: &Classifier) -> Outcome<AdamW> {
    let settings = AdamWSettings {
        beta1: 0.9,
        beta2: 0.999,
        epsilon: 1e-8,
        weight_decay: 0.01,
        decay: DecayRule::Every,
    };
    Ok(AdamW::new(model.parameters(), settings)?)
}

/// Seconds between laps.
struct Clock(Instant);

impl Clock {
    fn start() -> Self {
        Self(Instant::now())
    }

    fn lap(&mut self) -> f64 {
        let began = std::mem::replace(&mut self.0, Instant::now());
        (self.0 - began).as_secs_f64()
    }
}
