//! Whole runs of a tiny model in this process.

mod parity;
mod resume;
mod setup;
