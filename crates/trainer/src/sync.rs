//! How the ranks' gradients become one: the place where replicas could drift apart.
//!
//! Each rank brings sums over its own examples. They are added over all ranks and divided once by
//! the weight of the whole global batch: the number of its examples, unless classes have weights. So how the batch was shared out changes the
//! result by rounding only, and in deterministic mode (`determinism.rs`) not at all.
//!
//! Why all replicas hold the same bits: they start with the weights of rank 0 (`replicas.rs`). Each
//! matrix is then updated in shards: one rank gets the sums of a shard, applies AdamW to it, and sends
//! the new weights to the others, which copy them. What every rank computes itself (vectors, tables,
//! the norm, on GPUs all weights) it computes from sums that have the same bits on all ranks. This
//! moves as many bytes as an all-reduce, and divides the optimiser's work by the number of ranks
//! (Rajbhandari et al., "ZeRO: Memory Optimizations Toward Training Trillion Parameter Models", 2020,
//! stage 1). The moments are gathered only before a checkpoint.
//!
//! The sums travel in parts, on a second thread, while the backward pass continues: the blocks from
//! the last to the first, then embeddings and head. All ranks keep this order, also those without
//! an example.

use std::sync::mpsc::{self, Receiver};
use std::time::Instant;

use lockstep_collective::{Collective, Phase, PhaseBoard};
use lockstep_model::Ready;
use lockstep_params::{GlobalGradients, Parameters, ReducedGradients, TreeSums};
use lockstep_world::{Rank, WorldSize};

use crate::determinism::{largest_world, sum_of_pieces};
use crate::pass::{FirstShares, Pass};
use crate::trace::Lane;
use crate::update::{Cost, UpdatePlan, UpdateTotals};
use crate::{SyncReport, TrainError};

/// The three exchanges of one update, in this order, and their cost: [`Self::while_backward`],
/// [`Self::mean`], [`Self::publish`].
pub(crate) struct GradientSync<'a> {
    collective: &'a mut dyn Collective,
    board: &'a PhaseBoard,
    plan: &'a UpdatePlan<'a>,
    began: Instant,
    report: SyncReport,
}

/// The gradients summed over all ranks, and this rank's own part of the totals.
pub(crate) struct SummedGradients {
    sums: ReducedGradients,
    own: UpdateTotals,
}

/// The mean gradients over the global batch, and the totals of all ranks.
pub(crate) struct Mean {
    pub(crate) gradients: GlobalGradients,
    pub(crate) totals: UpdateTotals,
}

impl<'a> GradientSync<'a> {
    /// Starts the clock of an update.
    pub(crate) fn begin(
        collective: &'a mut dyn Collective,
        board: &'a PhaseBoard,
        plan: &'a UpdatePlan<'a>,
    ) -> Self {
        Self { collective, board, plan, began: Instant::now(), report: SyncReport::default() }
    }

    /// Runs the backward passes, and sums over all ranks each part of the gradients as soon as it
    /// is complete.
    ///
    /// # Errors
    /// [`TrainError`] when the pass fails, a peer is lost, or a parameter has no gradient.
    pub(crate) fn while_backward(
        &mut self,
        pass: &Pass<'_>,
    ) -> Result<SummedGradients, TrainError> {
        let Self { collective, board, plan, report, .. } = self;
        board.enter(Phase::Computing, plan.number());
        pass.model.parameters().forget_gradients();
        let FirstShares { sums: first, mut totals } = pass.first_shares()?;
        std::thread::scope(|scope| {
            let (listener, ready) = mpsc::channel();
            let summing = scope.spawn(move || sum_as_ready(&ready, pass, first, &mut **collective));
            let last = pass.last_share(&listener);
            drop(listener);
            let waits = Instant::now();
            let span = plan.span("wait for the sums");
            board.enter(Phase::Summing, plan.number());
            let (sums, seconds) = summing.join().map_err(|_| TrainError::Thread)??;
            drop(span);
            *report = SyncReport { seconds, exposed: waits.elapsed().as_secs_f64() };
            totals.push(last?);
            Ok(SummedGradients { sums, own: UpdateTotals::all(totals) })
        })
    }

    /// Adds up what all ranks put into the update, and divides the sums once by the weight of the
    /// global batch. Every rank gets the same answer.
    ///
    /// # Errors
    /// [`TrainError`] when a peer is lost.
    pub(crate) fn mean(&mut self, local: SummedGradients) -> Result<Mean, TrainError> {
        let SummedGradients { sums, own } = local;
        let own = UpdateTotals { stop: self.plan.stop.is_asked(), ..own };
        // Pieces are cut where any number of ranks up to the largest cuts, so each lies on one rank.
        let squares = match self.plan.deterministic {
            true => sums.squares_by_piece(largest_world())?,
            false => vec![sums.squares(self.collective.seat().is_leader())?],
        };
        let squares = squares.into_iter().map(f64::to_bits);
        let mine: Vec<u64> = own.words().into_iter().chain(squares).collect();
        let all = self.plan.traced("totals", || self.collective.all_gather(&mine))?;
        let ranks = all.chunks_exact(mine.len()).map(|words| words.split_at(UpdateTotals::WORDS));
        let (totals, squares): (Vec<_>, Vec<_>) = ranks.unzip();
        let totals: Vec<_> = totals.into_iter().map(UpdateTotals::of_words).collect();
        let odd = only_nonfinite_rank(totals.iter().map(|totals| totals.loss));
        let totals = UpdateTotals { odd, ..UpdateTotals::all(totals) };
        let squares = match self.plan.deterministic {
            true => sum_of_pieces(&squares),
            false => squares.into_iter().flatten().map(|&bits| f64::from_bits(bits)).sum(),
        };
        Ok(Mean { gradients: sums.mean(self.plan.weight, squares), totals })
    }

    /// Sends this rank's shards of the new weights to the others, and receives theirs.
    ///
    /// # Errors
    /// [`TrainError`] when a peer is lost.
    pub(crate) fn publish(&mut self, weights: &Parameters) -> Result<(), TrainError> {
        let (began, _span) = (Instant::now(), self.plan.span("share weights"));
        weights.gather_shards(self.collective)?;
        let seconds = began.elapsed().as_secs_f64();
        self.report.seconds += seconds;
        self.report.exposed += seconds;
        Ok(())
    }

    /// The cost of the update until now.
    pub(crate) fn cost(&self) -> Cost {
        let has_peers = self.collective.seat().world() != WorldSize::ONE;
        let seconds = self.began.elapsed().as_secs_f64();
        Cost { seconds, sync: has_peers.then_some(self.report), flop: None }
    }
}

/// The one rank of several whose loss is not finite.
fn only_nonfinite_rank(losses: impl ExactSizeIterator<Item = f64>) -> Option<Rank> {
    let ranks = losses.len();
    let mut odd = losses.enumerate().filter(|(_, loss)| !loss.is_finite());
    let (first, second) = (odd.next(), odd.next());
    first.filter(|_| second.is_none() && ranks > 1).map(|(rank, _)| Rank(rank))
}

/// The second thread: sums each part of the gradients when a message says that it is complete, over
/// this rank's shares and over the ranks, and measures the seconds that the latter takes. If
/// [`Ready::Rest`] never comes, because the pass failed,
/// the sums stay incomplete.
fn sum_as_ready(
    ready: &Receiver<Ready>,
    pass: &Pass<'_>,
    mut first: TreeSums,
    collective: &mut dyn Collective,
) -> Result<(ReducedGradients, f64), TrainError> {
    let (mut sums, mut seconds) = (ReducedGradients::default(), 0.0);
    for part in ready {
        let number = match part {
            Ready::Block(block) => Some(block),
            Ready::Rest => None,
        };
        let local = match part {
            Ready::Block(block) => pass.last_gradients(|_, info| info.block == Some(block))?,
            Ready::Rest => pass.last_gradients(|name, _| !sums.contains(name))?,
        };
        let local = first.complete(local)?;
        let (began, plan) = (Instant::now(), pass.plan);
        let name = if number.is_some() { "sum block" } else { "sum the rest" };
        let _span = plan.tracer.part(Lane::Reduction, name, number, plan.number());
        sums.join(local.sum(collective)?);
        seconds += began.elapsed().as_secs_f64();
    }
    Ok((sums, seconds))
}
