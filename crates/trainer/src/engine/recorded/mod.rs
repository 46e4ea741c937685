//! The engine over recorded programs: a machine updates weights and moments where they lie.
//!
//! The host only writes inputs and starts programs. It reads the results of [`REPORTED_TOGETHER`]
//! updates at a time, so it never waits for a single one.
//!
//! The sums over the ranks are started behind the last pass of an update, and run beside it.

mod facts;
mod gpu;
mod inputs;
mod link;
mod pace;
mod passes;
mod scorer;

use std::collections::VecDeque;
use std::time::Instant;

use lockstep_collective::{Collective, Phase};
use lockstep_data::{Batch, DataError, TokenStore};
use lockstep_model::Classifier;
use lockstep_optim::AdamW;
use lockstep_params::ParamName;
use lockstep_program::{
    self as program, BatchExtent, Bucket, Flop, Machine, ModelShape, PassPlace, UpdateResult,
};
use lockstep_world::{Step, WorldSize};

pub(crate) use facts::{Run, RunFacts};
pub(crate) use gpu::OnGpu;
pub use link::{CopyingLink, Link, ParameterPlaces};
pub(crate) use passes::Passes;
pub use scorer::Scorer;

use self::inputs::{evaluation_input, rows, size, training_input};
use self::pace::Pace;
use super::{Engine, Replica};
use crate::TrainError;
use crate::forward::class_scores;
use crate::scores::{ClassScores, Scores};
use crate::update::{Cost, FinishedUpdate, UpdatePlan};

/// The results of this many updates are read at once.
const REPORTED_TOGETHER: usize = 32;

/// Tokens of an evaluated batch on a GPU, about.
const TOKENS_AT_ONCE: usize = 32 * 1024;

/// Runs recorded programs on a machine.
pub(crate) struct Recorded<M: Machine, L> {
    facts: RunFacts,
    link: L,
    state: State<M>,
}

/// Memory is taken when the first update begins: until then a checkpoint may be read.
enum State<M: Machine> {
    Idle(Option<M>),
    Running(Box<Running<M>>),
}

struct Running<M: Machine> {
    replica: program::Replica<M>,
    shape: ModelShape,
    /// Where the weights lie, and the moments.
    places: [ParameterPlaces; 2],
    pace: Pace,
    /// The updates that have begun and were not reported.
    pending: VecDeque<Pending>,
    /// Since when they were not.
    since: Instant,
    /// The updates that have begun in the whole run.
    begun: u64,
}

struct Pending {
    step: Step,
    examples: usize,
}

impl<M: Machine, L: Link<M>> Recorded<M, L> {
    pub(crate) fn new(facts: RunFacts, machine: M, link: L) -> Self {
        Self { facts, link, state: State::Idle(Some(machine)) }
    }

    fn running(
        &mut self,
        replica: &Replica<'_>,
        plan: &UpdatePlan<'_>,
    ) -> Result<&mut Running<M>, TrainError> {
        if let State::Idle(machine) = &mut self.state
            && let Some(mut machine) = machine.take()
        {
            let parameters = [replica.model.parameters(), replica.optimizer.moments()];
            let [weights, moments] = parameters.map(|all| self.link.places(&mut machine, all));
            let places = [weights?, moments?];
            let settings = self.facts.settings(replica.model.parameters(), &places)?;
            let mut started = Running {
                shape: settings.shape,
                replica: program::Replica::new(machine, settings)?,
                places,
                pace: Pace::default(),
                pending: VecDeque::new(),
                since: Instant::now(),
                begun: plan.step.0,
            };
            let seen = seen_rows(replica.optimizer, &self.facts.words)?;
            started.replica.start(count(plan.step.0), &seen)?;
            self.state = State::Running(Box::new(started));
        }
        match &mut self.state {
            State::Running(running) => Ok(running),
            State::Idle(_) => Err(TrainError::Engine),
        }
    }
}

impl<M: Machine, L: Link<M>> Recorded<M, L> {
    fn start_update(
        &mut self,
        replica: Replica<'_>,
        plan: &UpdatePlan<'_>,
    ) -> Result<Vec<FinishedUpdate>, TrainError> {
        replica.board.enter(Phase::Computing, plan.number());
        let words = distinct_words(plan.train, plan.global)?;
        let running = self.running(&replica, plan)?;
        running.passes(plan, &words, replica.collective)?;
        let State::Running(running) = &mut self.state else { return Err(TrainError::Engine) };
        if replica.collective.seat().world() != WorldSize::ONE {
            replica.board.enter(Phase::Summing, plan.number());
            let _span = plan.span("start sums");
            let buckets = running.replica.sums(words.len());
            self.link.sums(running.replica.machine(), &buckets, replica.collective)?;
        }
        plan.traced("start clip and optimizer", || running.replica.update())?;
        running.pace.note(running.replica.machine())?;
        running.begun = plan.number();
        running.pending.push_back(Pending { step: plan.step, examples: plan.examples });
        if running.pending.len() < REPORTED_TOGETHER {
            return Ok(Vec::new());
        }
        let _span = plan.span("wait for results");
        running.report(replica.collective)
    }

    fn finish_all(&mut self, replica: Replica<'_>) -> Result<Vec<FinishedUpdate>, TrainError> {
        let State::Running(running) = &mut self.state else { return Ok(Vec::new()) };
        running.pace.wait(running.replica.machine(), replica.collective)?;
        running.replica.settle(count(running.begun))?;
        let parameters = [replica.model.parameters(), replica.optimizer.moments()];
        for (parameters, places) in parameters.into_iter().zip(&running.places) {
            self.link.publish(running.replica.machine(), parameters, places)?;
        }
        running.report(replica.collective)
    }

    /// Gives the machine back after a failure, before whatever it works with is given back. One that
    /// does not come to its end is kept as it is: the process ends soon, and giving it back would wait.
    fn give_up(&mut self) {
        let state = std::mem::replace(&mut self.state, State::Idle(None));
        if let State::Running(mut running) = state
            && !pace::comes_to_an_end(running.replica.machine(), pace::LAST)
        {
            std::mem::forget(running);
        }
    }
}

impl<M: Machine, L: Link<M>> Engine for Recorded<M, L> {
    fn update(
        &mut self,
        replica: Replica<'_>,
        plan: &UpdatePlan<'_>,
    ) -> Result<Vec<FinishedUpdate>, TrainError> {
        self.start_update(replica, plan).inspect_err(|_| self.give_up())
    }

    fn settle(&mut self, replica: Replica<'_>) -> Result<Vec<FinishedUpdate>, TrainError> {
        self.finish_all(replica).inspect_err(|_| self.give_up())
    }
}

impl<M: Machine, L: Link<M>> Scores for Recorded<M, L> {
    fn scores(&mut self, model: &Classifier, batch: &Batch) -> Result<ClassScores, TrainError> {
        let State::Running(running) = &mut self.state else { return class_scores(model, batch) };
        let machine = running.replica.machine();
        self.link.refresh(machine, model.parameters(), &running.places[0])?;
        let input = evaluation_input(batch);
        let found = running.replica.evaluate(&input, Bucket::of(size(batch)))?;
        Ok(rows(&found, model.labels().len()))
    }

    fn tokens_at_once(&self) -> usize {
        TOKENS_AT_ONCE
    }
}

impl<M: Machine> Running<M> {
    /// Starts the passes of an update; a rank without examples makes one, of no token.
    fn passes(
        &mut self,
        plan: &UpdatePlan<'_>,
        words: &[u32],
        collective: &mut dyn Collective,
    ) -> Result<(), TrainError> {
        let micro_batches: Vec<&[usize]> = match plan.shares {
            [share] if !share.is_empty() => plan.micro_batches(share).collect(),
            _ => vec![&[]],
        };
        for (place, indices) in micro_batches.iter().enumerate() {
            let batch = plan.traced("data", || Batch::pack(plan.train, indices))?;
            let _span = plan.span("start passes");
            let place =
                PassPlace { is_first: place == 0, is_last: place + 1 == micro_batches.len() };
            let input = training_input(&batch, plan, words);
            let bucket = Bucket::of(size(&batch));
            self.pace.make_room(self.replica.machine(), collective)?;
            self.replica.pass(&program::PassBatch { input, bucket, place })?;
            if !place.is_last {
                self.pace.note(self.replica.machine())?;
            }
        }
        Ok(())
    }

    /// Waits, and reports all updates that were not reported.
    fn report(
        &mut self,
        collective: &mut dyn Collective,
    ) -> Result<Vec<FinishedUpdate>, TrainError> {
        self.pace.wait(self.replica.machine(), collective)?;
        let count = self.pending.len();
        let Some(first) = self.pending.front().map(|pending| pending.step.0) else {
            return Ok(Vec::new());
        };
        let results = self.replica.results(first, count)?;
        let seconds = self.since.elapsed().as_secs_f64() / count as f64;
        self.since = Instant::now();
        let cost = |result| Cost { seconds, sync: None, flop: Some(flop(&self.shape, result)) };
        let finished = self.pending.drain(..).zip(&results);
        finished.map(|(pending, result)| pending.finished(result, cost(result))).collect()
    }
}

impl Pending {
    fn finished(self, result: &UpdateResult, cost: Cost) -> Result<FinishedUpdate, TrainError> {
        let [examples, tokens] = counts(result);
        let finished = FinishedUpdate {
            step: self.step,
            loss: result.loss / examples.max(1) as f64,
            grad_norm: result.norm,
            examples,
            tokens,
            stop: result.stop != 0,
            odd: None,
            cost,
        };
        finished.check(self.examples)?;
        Ok(finished)
    }
}

/// Examples and tokens of all ranks.
fn counts(result: &UpdateResult) -> [usize; 2] {
    [result.examples, result.tokens].map(|count| usize::try_from(count).unwrap_or_default())
}

/// What all ranks performed in an update, without what they did for rows that hold no token.
fn flop(shape: &ModelShape, result: &UpdateResult) -> f64 {
    let [examples, tokens] = counts(result);
    Flop::of(shape, BatchExtent { tokens, examples, longest: 0 }).performed
}

/// The ids that the examples contain, rising.
pub(crate) fn distinct_words(
    train: &TokenStore,
    examples: &[usize],
) -> Result<Vec<u32>, DataError> {
    let mut words = Vec::new();
    examples.iter().try_for_each(|&example| train.append_tokens(example, &mut words).map(drop))?;
    words.sort_unstable();
    words.dedup();
    Ok(words)
}

/// Which rows of the word table have moments that are not zero.
fn seen_rows(optimizer: &AdamW, words: &ParamName) -> Result<Vec<u8>, TrainError> {
    let moment = |prefix: &str| -> Result<_, TrainError> {
        let name = ParamName::from(format!("{prefix}.{words}"));
        let moment = optimizer.moments().get(&name).ok_or(TrainError::Engine)?;
        Ok(moment.abs()?.max(1)?)
    };
    let largest = (moment("exp_avg")? + moment("exp_avg_sq")?)?.to_vec1::<f32>()?;
    Ok(largest.into_iter().map(|largest| u8::from(largest > 0.0)).collect())
}

fn count(updates: u64) -> u32 {
    u32::try_from(updates).unwrap_or(u32::MAX)
}
