//! The loop.
//!
//! The state of a run is (weights, moments, step). Which examples an update reads, at which rates
//! and with which dropout masks follows from the settings and the step alone. So a run that was
//! killed and is resumed on as many ranks, in deterministic mode on any number, continues with the
//! same bits.

use std::path::PathBuf;
use std::sync::Arc;

use lockstep_collective::{Collective, Phase, PhaseBoard};
use lockstep_data::{BatchPlan, TokenStore, Tokenizer};
use lockstep_model::{Classifier, Criterion};
use lockstep_optim::{AdamW, Schedule};
use lockstep_world::{Purpose, Step};

use crate::checkpoint::Background;
use crate::determinism::own_shares;
use crate::engine::{Engine, Replica};
use crate::journal::Journal;
use crate::session::Session;
use crate::trace::Lane;
use crate::update::{FinishedUpdate, UpdatePlan};
use crate::{
    Ending, Observer, StopRequest, Tracer, TrainError, TrainEvent, TrainSettings, UpdateReport,
};

/// One replica of a run, in lockstep with those of all other ranks.
pub struct Trainer {
    pub(crate) model: Classifier,
    pub(crate) tokenizer: Arc<Tokenizer>,
    pub(crate) train: TokenStore,
    pub(crate) validation: Option<TokenStore>,
    pub(crate) test: Option<TokenStore>,
    pub(crate) collective: Box<dyn Collective>,
    pub(crate) board: PhaseBoard,
    pub(crate) settings: TrainSettings,
    pub(crate) plan: BatchPlan,
    /// The updates of the whole run.
    pub(crate) total: u64,
    pub(crate) schedule: Schedule,
    pub(crate) optimizer: AdamW,
    pub(crate) engine: Box<dyn Engine>,
    /// The updates that have begun.
    pub(crate) step: Step,
    pub(crate) journal: Journal,
    /// The folder of the checkpoint that this process was resumed from.
    pub(crate) origin: Option<PathBuf>,
    /// Notes what takes how long, or nothing.
    pub(crate) tracer: Tracer,
    /// Where the leader writes checkpoints.
    pub(crate) background: Background,
}

impl Trainer {
    /// Makes all updates that are left, then writes the final model.
    ///
    /// # Errors
    /// [`TrainError`]; the checkpoints written until then stay.
    pub fn run(
        &mut self,
        observer: &mut dyn Observer,
        stop: &StopRequest,
    ) -> Result<Ending, TrainError> {
        if self.settings.trace {
            self.tracer = Tracer::on(self.step.next().0, self.collective.seat().world().get());
            self.tracer.compare_clocks(&mut *self.collective)?;
        }
        let ending = self.make_updates(observer, stop);
        if ending.is_err() {
            self.finish_checkpoint();
        }
        ending
    }

    fn make_updates(
        &mut self,
        observer: &mut dyn Observer,
        stop: &StopRequest,
    ) -> Result<Ending, TrainError> {
        let mut session = self.begin(observer, stop)?;
        self.catch_up(&mut session)?;
        while self.step.0 < self.total {
            if self.has_stopped_improving() {
                return self.finish(&mut session, Ending::EarlyStop);
            }
            if session.stop {
                return self.stop(&mut session);
            }
            self.look_after_checkpoint(&mut session);
            self.update(stop, &mut session)?;
            self.milestones(&mut session)?;
        }
        self.finish(&mut session, Ending::Complete)
    }

    /// One update of all replicas. What it does follows from the step.
    fn update(&mut self, stop: &StopRequest, session: &mut Session<'_>) -> Result<(), TrainError> {
        let Self { plan, train, settings, collective, step, tracer, .. } = self;
        let tracer = tracer.of_update(step.next().0);
        let span = tracer.span(Lane::Loop, "update", step.next().0);
        let global = plan.global_batch(*step);
        let shares = own_shares(settings, plan, *step, collective.seat(), train.lengths());
        let update = UpdatePlan {
            step: *step,
            train,
            shares: &shares,
            deterministic: settings.deterministic,
            global: &global,
            examples: global.len(),
            weight: weight(train, &global, &settings.criterion)?,
            criterion: &settings.criterion,
            rates: self.schedule.rates(*step),
            dropout: settings.seed.derive(Purpose::Dropout, step.0),
            accumulation: settings.accumulation,
            max_grad_norm: settings.max_grad_norm,
            tracer,
            stop,
        };
        let Self { model, optimizer, board, .. } = self;
        let replica = Replica { model, optimizer, collective: &mut **collective, board };
        let finished = self.engine.update(replica, &update)?;
        drop(span);
        *step = step.next();
        self.report(&finished, session)
    }

    /// Lets the engine finish all updates that have begun, so that others may read weights and
    /// moments.
    pub(crate) fn settle(&mut self, session: &mut Session<'_>) -> Result<(), TrainError> {
        let Self { model, optimizer, collective, board, .. } = self;
        let replica = Replica { model, optimizer, collective: &mut **collective, board };
        let finished = self.engine.settle(replica)?;
        self.report(&finished, session)
    }

    /// Reports updates in the journal and to the observer.
    fn report(
        &mut self,
        finished: &[FinishedUpdate],
        session: &mut Session<'_>,
    ) -> Result<(), TrainError> {
        for update in finished {
            let report = self.report_of(update);
            if report.skipped {
                self.judge_skipped(update)?;
            }
            self.journal.note_update(&report, self.settings.logging);
            session.epoch.add(&report);
            session.stop |= update.stop;
            session.observe(&TrainEvent::Update(report.clone()));
            if !report.skipped {
                self.watch_loss(&report, session);
            }
        }
        Ok(())
    }

    fn report_of(&self, update: &FinishedUpdate) -> UpdateReport {
        let (number, rates) = (update.step.next().0, self.schedule.rates(update.step));
        UpdateReport {
            step: number,
            epoch: number as f64 / self.plan.updates_per_epoch() as f64,
            loss: update.loss,
            grad_norm: update.grad_norm,
            skipped: !update.is_finite(),
            lr: [rates.encoder, rates.head],
            examples: update.examples,
            tokens: update.tokens,
            seconds: update.cost.seconds,
            sync: update.cost.sync,
            tflops: update.cost.tflops(),
        }
    }

    /// The trace of all ranks, in Chrome's JSON, for the leader, where one was asked for; all ranks call
    /// this after the run.
    ///
    /// # Errors
    /// [`TrainError`] when a peer is lost.
    pub fn gather_trace(&mut self) -> Result<Option<String>, TrainError> {
        Ok(self.tracer.gather(&mut *self.collective)?)
    }

    /// The process group.
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

    /// Writes on the board, for the peers' watch, what comes next.
    pub(crate) fn enter(&self, phase: Phase) {
        self.board.enter(phase, self.step.0);
    }
}

/// What the examples at these places count in a mean.
fn weight(
    store: &TokenStore,
    examples: &[usize],
    criterion: &Criterion,
) -> Result<f64, TrainError> {
    if criterion.weights().is_empty() {
        return Ok(examples.len() as f64);
    }
    let of = |&example: &usize| Ok(criterion.weight(store.label(example)? as usize));
    examples.iter().map(of).sum()
}
