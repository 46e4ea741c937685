//! The update of a GPU as data: which kernels and products run, on which lane, over which memory.
//!
//! A [`Program`] is recorded once for each size of batch. A [`Machine`] runs it: a GPU, or the
//! emulator that runs the same kernels on a CPU. Nothing here calls CUDA, and nothing here computes.

mod arena;
mod attention_shared;
mod bucket;
mod buffers;
mod call;
mod flop;
mod gradients;
mod input;
mod machine;
mod matrices;
mod memory;
mod mirror;
mod op;
mod order;
mod parts;
mod predict;
mod rates;
mod record;
mod replica;
mod shape;
mod state;
mod weights;

pub use attention_shared::{AttentionPass, attention_shared};
pub use bucket::{BatchExtent, Bucket};
pub use flop::Flop;
pub use gradients::{GradientArena, TOTALS};
pub use input::{InputSpans, PassInput};
pub use machine::{Machine, MachineError, Mark};
pub use memory::{BufferId, Memory, Region, Span};
pub use mirror::{
    CHUNK, Chunk, Control, DECAYS, HEAD, Moments, PassNumbers, RESULTS, Rate, UpdateResult,
};
pub use op::{
    Argument, Arithmetic, Element, Factor, Item, Lane, Launch, Matrix, Op, Product, Program, Work,
};
pub use order::{Unordered, unordered};
pub use parts::{BlockParts, ModelParts, PartNames, Wanted, WeightAndBias};
pub use predict::{Card, Cost, LaneTotal, Prediction, Scene};
pub use rates::{AdamWConstants, chunks, rates};
pub use record::{
    Evaluated, MicroBatch, PassPurpose, Plan, Squares, Training, evaluated, pass_bytes,
    record_copies, record_pass, record_settle, record_update,
};
pub use replica::{
    Draft, DraftSettings, Evaluation, Inference, Largest, Optimiser, PassBatch, PassPlace, Places,
    Replica, ReplicaSettings,
};
pub use shape::{Activation, DropRates, LONGEST, ModelShape, Unsupported};
pub use state::State;
pub use weights::{BlockCopies, Weights};
