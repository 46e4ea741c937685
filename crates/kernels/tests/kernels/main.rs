//! What the kernels promise: the same values and gradients as candle's own operations, the same
//! bits at any number of threads, masks that are random enough, and errors instead of panics.
//!
//! One program, because each further one would link candle again.

#[cfg(test)]
mod adamw;
#[cfg(test)]
mod candle_gaps;
#[cfg(test)]
mod criterion;
#[cfg(test)]
mod differences;
#[cfg(test)]
mod masks;
#[cfg(test)]
mod operations;
#[cfg(test)]
mod oracle;
#[cfg(test)]
mod refusals;
#[cfg(test)]
mod shapes;
#[cfg(test)]
mod threads;
