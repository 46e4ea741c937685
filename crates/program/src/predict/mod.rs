//! How long a program takes on a described card, by a model with few constants.
//!
//! A kernel takes a fixed time and that of its bytes. A product takes the longer one of its latency
//! with its bytes, and of its multiplications. Nothing here was fitted to a run of the programs.

mod card;
mod cost;

pub use card::Card;
pub use cost::Cost;

pub(crate) use cost::ATTENTION_BACKWARD;

use crate::{Arithmetic, Bucket, Item, Lane, ModelShape, Program};

/// What a program works on.
#[derive(Clone, Copy, Debug)]
pub struct Scene<'a> {
    /// The model.
    pub shape: &'a ModelShape,
    /// How the encoder's products multiply.
    pub arithmetic: Arithmetic,
    /// The sizes of the pass. Its texts are taken to be of one length.
    pub bucket: Bucket,
    /// Rows of the word table that an update reads.
    pub words: usize,
}

impl Scene<'_> {
    /// Floating-point operations of attention in a full block, forward.
    fn attention_flop(&self) -> f64 {
        self.first_attention_flop() * self.bucket.rows as f64 / self.bucket.batch as f64
    }

    /// The same of one query an example.
    fn first_attention_flop(&self) -> f64 {
        4.0 * self.shape.width as f64 * self.bucket.rows as f64
    }
}

/// What one lane does.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct LaneTotal {
    /// Kernels and products.
    pub launches: usize,
    /// Microseconds, without waiting for the other lane.
    pub us: f64,
}

/// The predicted costs of a program.
#[derive(Clone, Debug, PartialEq)]
pub struct Prediction {
    /// Of each operation, in the order of [`Program::ops`].
    pub costs: Vec<Cost>,
    /// Of the lanes, in the order of [`Lane::ALL`].
    pub lanes: [LaneTotal; 2],
    /// Microseconds of the longest chain through both lanes: the time where no operation slows
    /// another.
    pub path_us: f64,
    /// The sums over all operations; `us` as if they ran one after the other.
    pub sum: Cost,
}

impl Prediction {
    /// Predicts a program.
    #[must_use]
    pub fn of(program: &Program, scene: &Scene<'_>, card: &Card) -> Self {
        let mut costs = Vec::new();
        let mut lanes = [LaneTotal::default(); 2];
        let mut sum = Cost::default();
        let mut clocks = [0.0_f64; 2];
        let mut events = vec![0.0_f64; program.events];
        for item in &program.items {
            match item {
                Item::Signal { lane, event } => events[*event] = clocks[*lane as usize],
                Item::Wait { lane, event } => {
                    let clock = &mut clocks[*lane as usize];
                    *clock = clock.max(events[*event]);
                }
                Item::Complete { .. } => {}
                Item::Op(op) => {
                    let cost = Cost::of(op, scene, card);
                    clocks[op.lane as usize] += cost.us;
                    lanes[op.lane as usize].add(&cost);
                    sum.add(&cost);
                    costs.push(cost);
                }
            }
        }
        let path_us = clocks[0].max(clocks[1]);
        Self { costs, lanes, path_us, sum }
    }

    /// Microseconds of the program: of its longest chain, or of all that takes the whole card where
    /// that is more, as it is in large batches. There, two operations share what one would have.
    #[must_use]
    pub fn us(&self) -> f64 {
        self.path_us.max(self.sum.busy_us)
    }

    /// What a lane does.
    #[must_use]
    pub fn lane(&self, lane: Lane) -> LaneTotal {
        self.lanes[lane as usize]
    }
}

impl LaneTotal {
    fn add(&mut self, cost: &Cost) {
        self.launches += 1;
        self.us += cost.us;
    }
}

impl Cost {
    fn add(&mut self, other: &Self) {
        self.bytes += other.bytes;
        self.flop += other.flop;
        self.busy_us += other.busy_us;
        self.us += other.us;
    }
}
