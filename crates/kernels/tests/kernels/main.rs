//! What the kernels promise: the same values and gradients as candle's own operations, the same
//! bits at any number of threads, masks that are random enough, and errors instead of panics.
//!
//! One program, because each further one would link candle again.

mod adamw;
mod candle_gaps;
mod differences;
mod masks;
mod operations;
mod oracle;
mod refusals;
mod shapes;
mod threads;
