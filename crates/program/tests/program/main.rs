//! Recorded programs: their order, their memory, and what their tables hold.

mod lanes;
mod predicted;
mod recorded;
