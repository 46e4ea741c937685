//! The loop.
//!
//! The state of a run is (weights, moments, step). Which examples an update reads, at which rates
//! and with which dropout masks follows from the step alone, so a run that was killed and resumed
//! goes on with the same bits.

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, Sender};
use std::time::Instant;

use lockstep_collective::{Collective, Phase, PhaseBoard};
use lockstep_data::{Batch, ShardPlan, TokenStore, Tokenizer};
use lockstep_model::{Classifier, Mode};
use lockstep_optim::{AdamW, Group, Schedule, clip};
use lockstep_world::{Purpose, Seed, Step, WorldSize};

use crate::checkpoint::Saved;
use crate::forward::input;
use crate::identity::Identity;
use crate::journal::Journal;
use crate::share::Share;
use crate::sync::{ShareSize, Summed, Summing};
use crate::{
    Parts, StopRequest, SyncReport, TrainError, TrainSettings, UpdateReport, replicas, sync,
};

/// One replica of a run, in lockstep with those of all other ranks.
pub struct Trainer {
    pub(crate) model: Classifier,
    pub(crate) tokenizer: Tokenizer,
    pub(crate) train: TokenStore,
    pub(crate) validation: Option<TokenStore>,
    pub(crate) test: Option<TokenStore>,
    pub(crate) collective: Box<dyn Collective>,
    pub(crate) board: PhaseBoard,
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
        let Parts { model, tokenizer, train, validation, test, collective, board } = parts;
        let plan = ShardPlan::new(train.len(), settings.global_batch, settings.order);
        let total = settings.length.updates(plan.updates_per_epoch() as u64);
        let schedule =
            Schedule::new(settings.schedule, settings.peak_rates, settings.warmup, total);
        let group = |name: &_| if model.is_head(name) { Group::Head } else { Group::Encoder };
        let optimizer = AdamW::new(model.parameters(), settings.adamw, group)?;
        let identity = Identity::of(&settings, total, &model, &train);
        let journal = Journal::new(identity);
        let step = Step::START;
        let mut trainer = Self {
            model,
            tokenizer,
            train,
            validation,
            test,
            collective,
            board,
            settings,
            plan,
            total,
            optimizer,
            step,
            journal,
            origin: None,
            schedule,
        };
        trainer.unite()?;
        Ok(trainer)
    }

    /// Makes sure that all ranks train the same, from the same weights.
    fn unite(&mut self) -> Result<(), TrainError> {
        let mut facts = replicas::facts(&self.journal.identity);
        let stores = [("validation data", &self.validation), ("test data", &self.test)];
        for (name, store) in stores {
            let print = store.as_ref().map(|store| format!("{:016x}", store.fingerprint()));
            facts.insert(name.to_owned(), print.unwrap_or_else(|| "none".to_owned()));
        }
        facts.insert("parameters".to_owned(), replicas::layout(self.model.parameters()));
        facts.insert("version".to_owned(), env!("CARGO_PKG_VERSION").to_owned());
        replicas::agree(&mut *self.collective, &facts)?;
        replicas::spread_weights(&mut *self.collective, &self.model)
    }

    /// Goes on from a checkpoint of this run, which only the leader reads; all ranks call this.
    ///
    /// # Errors
    /// [`TrainError::Checkpoint`] when it is not whole or belongs to another run; on other ranks
    /// than the leader [`TrainError::Leader`].
    pub fn resume(&mut self, directory: &Path) -> Result<(), TrainError> {
        let Self { model, optimizer, journal, collective, .. } = self;
        let restored = replicas::by_leader(&mut **collective, || {
            let saved = Saved::open(directory)?;
            saved.check(&journal.identity)?;
            saved.restore_weights(model)?;
            saved.restore_moments(optimizer)?;
            Ok(saved.into_journal())
        })?;
        replicas::spread_weights(&mut **collective, model)?;
        let leaders = restored.as_ref().unwrap_or(journal);
        *journal = replicas::spread_state(&mut **collective, optimizer, leaders)?;
        self.step = Step(self.journal.global_step);
        self.origin = directory.parent().map(Path::to_owned);
        Ok(())
    }

    /// The way to the other ranks.
    pub fn collective(&mut self) -> &mut dyn Collective {
        &mut *self.collective
    }

    /// Gives the way to the other ranks back.
    #[must_use]
    pub fn into_collective(self) -> Box<dyn Collective> {
        self.collective
    }

    /// The model as it is now.
    #[must_use]
    pub fn model(&self) -> &Classifier {
        &self.model
    }

    /// One update of all replicas.
    pub(crate) fn update(&mut self, stop: &StopRequest) -> Result<Update, TrainError> {
        let began = Instant::now();
        let (summed, mut share, waited) = self.gradients()?;
        share.squares = summed.sums.squares(self.collective.seat().is_leader())?;
        let world = share.over_all_ranks(stop, &mut *self.collective)?;
        let examples = self.check_examples(world.examples)?;
        let gradients = summed.sums.mean(examples, world.squares);
        let clipped = clip(gradients, self.settings.max_grad_norm);
        let loss = world.loss / examples as f64;
        let rates = self.schedule.rates(self.step);
        self.check_finite(loss, clipped.norm)?;
        self.step = self.step.next();
        self.enter(Phase::Stepping);
        self.optimizer.step(&clipped.gradients, rates, self.step.0)?;
        let gathered = self.gather_weights()?;
        let sync = SyncReport { seconds: summed.seconds + gathered, exposed: waited + gathered };
        let report = UpdateReport {
            step: self.step.0,
            epoch: self.step.0 as f64 / self.plan.updates_per_epoch() as f64,
            loss,
            grad_norm: clipped.norm,
            lr: [rates.encoder, rates.head],
            examples,
            tokens: world.tokens,
            seconds: began.elapsed().as_secs_f64(),
            sync: self.has_peers().then_some(sync),
        };
        Ok(Update { report, stop: world.stop })
    }

    /// The gradients of all ranks, this rank's part of the update, and how long it waited for the
    /// others once its own backward pass was done, in seconds.
    fn gradients(&mut self) -> Result<(Summed, Share, f64), TrainError> {
        self.board.enter(Phase::Computing, self.step.0 + 1);
        self.model.parameters().forget_gradients();
        let indices = self.plan.share(self.step, self.collective.seat(), self.train.lengths());
        let share = if indices.is_empty() { ShareSize::Empty } else { ShareSize::Some };
        let pass = Pass {
            model: &self.model,
            train: &self.train,
            dropout: self.settings.seed.derive(Purpose::Dropout, self.step.0),
            passes: self.settings.accumulation,
        };
        let summing = Summing { model: &self.model, collective: &mut *self.collective, share };
        std::thread::scope(|scope| {
            let (tell, told) = mpsc::channel();
            let thread = scope.spawn(move || summing.follow(&told));
            let share = pass.run(&indices, &tell);
            drop(tell);
            let waits = Instant::now();
            self.board.enter(Phase::Summing, self.step.0 + 1);
            let summed = thread.join().map_err(|_| TrainError::Thread)?;
            Ok((summed?, share?, waits.elapsed().as_secs_f64()))
        })
    }

    /// Takes the weights that the other ranks updated, and tells how many seconds that took.
    fn gather_weights(&mut self) -> Result<f64, TrainError> {
        let began = Instant::now();
        sync::gather_shards(&mut *self.collective, self.model.parameters())?;
        Ok(began.elapsed().as_secs_f64())
    }

    /// The number that everything is divided by, which travelled along with the sums.
    fn check_examples(&self, found: usize) -> Result<usize, TrainError> {
        let planned = self.plan.global_batch(self.step).len();
        if found == planned {
            return Ok(found);
        }
        Err(TrainError::Examples { update: self.step.0 + 1, planned, found })
    }

    fn has_peers(&self) -> bool {
        self.collective.seat().world() != WorldSize::ONE
    }

    /// Notes for the peers' watch what comes next.
    pub(crate) fn enter(&self, phase: Phase) {
        self.board.enter(phase, self.step.0);
    }

    fn check_finite(&self, loss: f64, grad_norm: f64) -> Result<(), TrainError> {
        if loss.is_finite() && grad_norm.is_finite() {
            return Ok(());
        }
        Err(TrainError::NotFinite { update: self.step.0 + 1, loss, grad_norm })
    }
}

/// The passes of one rank in one update.
struct Pass<'a> {
    model: &'a Classifier,
    train: &'a TokenStore,
    dropout: Seed,
    passes: NonZeroUsize,
}

impl Pass<'_> {
    /// Goes forward and backward over as many micro-batches as were asked for, and tells in the
    /// last one which sums are complete.
    fn run(&self, indices: &[usize], tell: &Sender<usize>) -> Result<Share, TrainError> {
        let mut share = Share { examples: indices.len(), ..Share::default() };
        let at_once = indices.len().div_ceil(self.passes.get()).max(1);
        let mut micro_batches = indices.chunks(at_once).peekable();
        while let Some(micro) = micro_batches.next() {
            let batch = Batch::pack(self.train, micro)?;
            let input = input(&batch);
            let logits = match micro_batches.peek() {
                None => self.model.logits_telling(&input, self.dropout, tell)?,
                Some(_) => self.model.logits(&input, Mode::Train { dropout: self.dropout })?,
            };
            let loss = logits.summed_cross_entropy(batch.labels())?;
            share.loss += loss.value()?;
            share.tokens += batch.tokens();
            self.model.backward(&loss)?;
        }
        if indices.is_empty() {
            for block in (0..self.model.config().blocks).rev() {
                let _ = tell.send(block);
            }
        }
        let _ = tell.send(sync::ALL);
        Ok(share)
    }
}
