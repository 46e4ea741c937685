//! The loop.
//!
//! The state of a run is (weights, moments, step). Which examples an update reads, at which rates
//! and with which dropout masks follows from the step alone, so a run that was killed and resumed
//! goes on with the same bits.

use std::path::{Path, PathBuf};
use std::time::Instant;

use lockstep_collective::Collective;
use lockstep_data::{Batch, ShardPlan, TokenStore, Tokenizer};
use lockstep_model::{Classifier, Mode};
use lockstep_optim::{AdamW, Group, Schedule, clip};
use lockstep_params::LocalGradients;
use lockstep_world::{Purpose, Step};

use crate::checkpoint::Saved;
use crate::forward::input;
use crate::identity::Identity;
use crate::journal::Journal;
use crate::{Parts, StopRequest, TrainError, TrainSettings, UpdateReport, sync};

/// One replica of a run, in lockstep with those of all other ranks.
pub struct Trainer {
    pub(crate) model: Classifier,
    pub(crate) tokenizer: Tokenizer,
    pub(crate) train: TokenStore,
    pub(crate) validation: Option<TokenStore>,
    pub(crate) test: Option<TokenStore>,
    pub(crate) collective: Box<dyn Collective>,
    pub(crate) settings: TrainSettings,
    pub(crate) plan: ShardPlan,
    pub(crate) total: u64,
    pub(crate) optimizer: AdamW,
    pub(crate) step: Step,
    pub(crate) journal: Journal,
    /// Beside which checkpoints this process began, where it was resumed.
    pub(crate) origin: Option<PathBuf>,
    schedule: Schedule,
}

/// What one update did, and whether some rank was asked to stop.
pub(crate) struct Update {
    pub(crate) report: UpdateReport,
    pub(crate) stop: bool,
}

impl Trainer {
    /// A run before its first update.
    ///
    /// # Errors
    /// [`TrainError`] when the model has no place for the tokenizer's ids, or memory is short.
    pub fn new(parts: Parts, settings: TrainSettings) -> Result<Self, TrainError> {
        let Parts { model, tokenizer, train, validation, test, collective } = parts;
        let plan = ShardPlan::new(train.len(), settings.global_batch, settings.order);
        let total = settings.length.updates(plan.updates_per_epoch() as u64);
        let schedule =
            Schedule::new(settings.schedule, settings.peak_rates, settings.warmup, total);
        let group = |name: &_| if model.is_head(name) { Group::Head } else { Group::Encoder };
        let optimizer = AdamW::new(model.parameters(), settings.adamw, group)?;
        let identity = Identity::of(&settings, total, &model, &train);
        let journal = Journal::new(identity);
        let step = Step::START;
        Ok(Self {
            model,
            tokenizer,
            train,
            validation,
            test,
            collective,
            settings,
            plan,
            total,
            optimizer,
            step,
            journal,
            origin: None,
            schedule,
        })
    }

    /// Goes on from a checkpoint of this run.
    ///
    /// # Errors
    /// [`TrainError::Checkpoint`] when it is not whole or belongs to another run.
    pub fn resume(&mut self, directory: &Path) -> Result<(), TrainError> {
        let saved = Saved::open(directory)?;
        saved.check(&self.journal.identity)?;
        saved.restore_weights(&self.model)?;
        saved.restore_moments(&self.optimizer)?;
        self.journal = saved.into_journal();
        self.step = Step(self.journal.global_step);
        self.origin = directory.parent().map(Path::to_owned);
        Ok(())
    }

    /// The model as it is now.
    #[must_use]
    pub fn model(&self) -> &Classifier {
        &self.model
    }

    /// One update of all replicas.
    pub(crate) fn update(&mut self, stop: &StopRequest) -> Result<Update, TrainError> {
        let began = Instant::now();
        let examples = self.plan.global_batch(self.step).len();
        let (local, share) = self.gradients()?;
        let world = share.over_all_ranks(stop, &mut *self.collective)?;
        let global = sync::mean(local, examples, &mut *self.collective)?;
        let clipped = clip(global, self.settings.max_grad_norm)?;
        let loss = world.loss / examples as f64;
        let rates = self.schedule.rates(self.step);
        self.check_finite(loss, clipped.norm)?;
        self.step = self.step.next();
        self.optimizer.step(&clipped.gradients, rates, self.step.0)?;
        let report = UpdateReport {
            step: self.step.0,
            epoch: self.step.0 as f64 / self.plan.updates_per_epoch() as f64,
            loss,
            grad_norm: clipped.norm,
            lr: [rates.encoder, rates.head],
            examples,
            tokens: world.tokens,
            seconds: began.elapsed().as_secs_f64(),
        };
        Ok(Update { report, stop: world.stop })
    }

    /// This rank's gradients, over as many micro-batches as were asked for.
    fn gradients(&self) -> Result<(LocalGradients, Share), TrainError> {
        let mut share = Share::default();
        self.model.parameters().forget_gradients();
        let indices = self.plan.share(self.step, self.collective.seat(), self.train.lengths());
        let dropout = self.settings.seed.derive(Purpose::Dropout, self.step.0);
        let at_once = indices.len().div_ceil(self.settings.accumulation.get()).max(1);
        for micro in indices.chunks(at_once) {
            let batch = Batch::pack(&self.train, micro)?;
            let logits = self.model.logits(&input(&batch), Mode::Train { dropout })?;
            let loss = logits.summed_cross_entropy(batch.labels())?;
            share.loss += loss.value()?;
            share.tokens += batch.tokens();
            self.model.backward(&loss)?;
        }
        let sums = if indices.is_empty() { LocalGradients::zeros } else { LocalGradients::take };
        Ok((sums(self.model.parameters())?, share))
    }

    fn check_finite(&self, loss: f64, grad_norm: f64) -> Result<(), TrainError> {
        if loss.is_finite() && grad_norm.is_finite() {
            return Ok(());
        }
        Err(TrainError::NotFinite { update: self.step.0 + 1, loss, grad_norm })
    }
}

/// What one rank, or all of them together, put into an update.
#[derive(Clone, Copy, Debug, Default)]
struct Share {
    loss: f64,
    tokens: usize,
    stop: bool,
}

impl Share {
    /// The sum over all ranks, in their order; one rank that was asked to stop stops them all.
    fn over_all_ranks(
        self,
        stop: &StopRequest,
        collective: &mut dyn Collective,
    ) -> Result<Self, TrainError> {
        let mine = [self.loss.to_bits(), self.tokens as u64, u64::from(stop.is_asked())];
        let mut sum = Self::default();
        for theirs in collective.all_gather(&mine)?.chunks_exact(mine.len()) {
            sum.loss += f64::from_bits(theirs[0]);
            sum.tokens += usize::try_from(theirs[1]).unwrap_or(usize::MAX);
            sum.stop |= theirs[2] != 0;
        }
        Ok(sum)
    }
}
