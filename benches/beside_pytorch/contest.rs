//! One row: both sides in turn over the same batches, many rounds.
//!
//! A turn is a few batches by one side, then a pause. A round gives each side all batches, and the
//! side that begins changes from round to round. Of each round the mean over the batches is kept;
//! the figures are medians over the rounds, the ratio is the median of the rounds' ratios.

use std::thread::sleep;

use crate::Outcome;
use crate::child::Worker;
use crate::matrix_limit::MatrixLimit;
use crate::measured::{PAUSE, median};
use crate::products;
use crate::protocol::{Phases, Request};
use crate::rows::{Row, Task};
use crate::setting::{self, Padding};
use crate::stage::Stage;
use crate::work::Work;

/// Batches of one turn.
const TURN: usize = 4;
/// Batches whose losses are compared.
const LOSSES: usize = 4;
/// More batches than this make a round that stands for several.
const MANY: usize = 16;
/// So many.
const LARGE: usize = 5;

/// What came out of a row.
pub(crate) struct Contest {
    pub(crate) ours: Side,
    /// PyTorch's side, or why there is none.
    pub(crate) peer: Outcome<Side>,
    pub(crate) ratio: Option<f64>,
    pub(crate) limit: Option<Limit>,
    pub(crate) rounds: usize,
}

/// One side of a row.
pub(crate) struct Side {
    pub(crate) name: String,
    /// Of an update, a forward pass, or a pass over everything.
    pub(crate) seconds: f64,
    pub(crate) phases: Phases,
    /// Tokens that are no padding.
    pub(crate) tokens_per_second: f64,
    pub(crate) memory: u64,
    pub(crate) losses: Vec<f64>,
}

/// How near we are to the matrix products alone.
pub(crate) struct Limit {
    /// Operations a second of the products alone.
    pub(crate) alone: f64,
    /// Operations a second of an update.
    pub(crate) reached: f64,
}

/// Plays a row.
pub(crate) fn run(row: &Row, stage: &Stage) -> Outcome<Contest> {
    let work = stage.work(row.name, row.material)?;
    let model = stage.model();
    let mut sides = vec![Worker::start(setting::ours(row.ours, &model, &work, &stage.options)?)?];
    let peer = setting::pytorch(row.peer, &model, &work, &stage.options).and_then(Worker::start);
    let absence = peer.map(|worker| sides.push(worker)).err();
    let requests = requests(row.task, &work);
    let losses = losses(row, &mut sides, work.batches())?;
    let rounds = rounds(row, &requests, stage);
    let mut limit = limit(row, &work, stage);
    warm_up(&mut sides, &requests, limit.as_mut())?;
    let mut record = Record::new(sides.len());
    for round in 0..rounds {
        record.round(round, &mut sides, &requests)?;
        record.limit.extend(limit.as_mut().map(MatrixLimit::seconds));
    }
    let tokens = work.tokens() as f64 / requests.len() as f64;
    let mut found = Vec::new();
    for ((side, phases), losses) in sides.iter_mut().zip(&record.phases).zip(losses) {
        found.push(Side::of(side, phases, tokens, losses)?);
    }
    let mut found = found.into_iter();
    let ours = found.next().ok_or("a contest without us")?;
    let attention = products::attention(&work, &stage.config);
    let limit = limit.map(|limit| Limit::of(&limit, &record, attention, ours.seconds));
    let ratio = record.ratio();
    let peer = found.next().ok_or_else(|| absence.unwrap_or_else(|| "no PyTorch".into()));
    Ok(Contest { ours, peer, ratio, limit, rounds })
}

fn requests(task: Task, work: &Work) -> Vec<Request> {
    let batches = 0..work.batches();
    match task {
        Task::Update => batches.map(|batch| Request::Update { batch }).collect(),
        Task::Infer => batches.map(|batch| Request::Infer { batch }).collect(),
        Task::Pass => vec![Request::Pass],
    }
}

fn rounds(row: &Row, requests: &[Request], stage: &Stage) -> usize {
    let is_large = requests.len() > MANY || row.task == Task::Pass;
    if is_large { stage.options.rounds.div_ceil(LARGE) } else { stage.options.rounds }
}

/// The products of an update alone, where the processor multiplies in the row's precision.
fn limit(row: &Row, work: &Work, stage: &Stage) -> Option<MatrixLimit> {
    let precision = match row.ours.of_model() {
        Ok(precision) if row.task == Task::Update => precision,
        _ => return None,
    };
    Some(MatrixLimit::new(products::layers(work, &stage.config), precision))
}

/// The losses of the first batches before any update; batches that were regrouped have others.
fn losses(row: &Row, sides: &mut [Worker], batches: usize) -> Outcome<Vec<Vec<f64>>> {
    let count = if row.peer.1 == Padding::Grouped { 0 } else { batches.min(LOSSES) };
    sides.iter_mut().map(|side| (0..count).map(|batch| side.loss(batch)).collect()).collect()
}

fn warm_up(
    sides: &mut [Worker],
    requests: &[Request],
    limit: Option<&mut MatrixLimit>,
) -> Outcome<()> {
    for side in sides {
        for &request in requests.iter().take(TURN) {
            side.time(request)?;
        }
        sleep(PAUSE);
    }
    limit.map(MatrixLimit::seconds);
    Ok(())
}

/// What the rounds gave.
struct Record {
    /// The mean over the batches, by side and round.
    phases: Vec<Vec<Phases>>,
    /// Seconds of the products alone, by round.
    limit: Vec<f64>,
}

impl Record {
    fn new(sides: usize) -> Self {
        Self { phases: vec![Vec::new(); sides], limit: Vec::new() }
    }

    fn round(&mut self, round: usize, sides: &mut [Worker], requests: &[Request]) -> Outcome<()> {
        let mut sums = vec![Phases::default(); sides.len()];
        for turn in requests.chunks(TURN) {
            for place in 0..sides.len() {
                let side = (place + round) % sides.len();
                for &request in turn {
                    sums[side] = sums[side] + sides[side].time(request)?;
                }
                sleep(PAUSE);
            }
        }
        for (phases, sum) in self.phases.iter_mut().zip(sums) {
            phases.push(sum / requests.len() as f64);
        }
        Ok(())
    }

    fn ratio(&self) -> Option<f64> {
        let [ours, peer] = self.phases.as_slice() else { return None };
        let ratios = ours.iter().zip(peer).map(|(ours, peer)| peer.seconds() / ours.seconds());
        Some(median(ratios))
    }
}

impl Side {
    fn of(worker: &mut Worker, rounds: &[Phases], tokens: f64, losses: Vec<f64>) -> Outcome<Self> {
        let phase = |i: usize| median(rounds.iter().map(|round| round.values()[i]));
        let seconds = median(rounds.iter().map(|round| round.seconds()));
        Ok(Self {
            name: worker.name.clone(),
            seconds,
            phases: Phases::of_values(std::array::from_fn(phase)),
            tokens_per_second: tokens / seconds,
            memory: worker.memory()?,
            losses,
        })
    }
}

impl Limit {
    fn of(limit: &MatrixLimit, record: &Record, attention: f64, seconds: f64) -> Self {
        let layers = limit.operations();
        let alone = layers / median(record.limit.iter().copied());
        Self { alone, reached: (layers + attention) / seconds }
    }
}
