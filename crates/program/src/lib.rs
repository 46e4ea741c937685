//! The update of a GPU as data: which kernels and products run, on which lane, over which memory.
//!
//! A [`Program`] is recorded once for each size of batch. A [`Machine`] runs it: a GPU, or the
//! emulator that runs the same kernels on a CPU. Nothing here calls CUDA, and nothing here computes.

mod attention_shared;
mod machine;
mod memory;
mod mirror;
mod op;

pub use attention_shared::{AttentionPass, attention_shared};
pub use machine::{Machine, MachineError, Mark};
pub use memory::{BufferId, Memory, Region, Span};
pub use mirror::{CHUNK, Chunk, Control, DECAYS, HEAD, Moments, RESULTS, Rate, Step, UpdateResult};
pub use op::{
    Argument, Arithmetic, Element, Factor, Item, Lane, Launch, Matrix, Op, Product, Program, Work,
};
