//! The vocabulary every crate shares: who a process is ([`Rank`], [`WorldSize`], [`Seat`]), when
//! something happens ([`Step`]), where randomness comes from ([`Seed`]), whether two sequences of
//! numbers are the same ([`Fingerprint`]), in which order sums are added that must not follow the
//! number of ranks ([`add_by_tree`]), how a count is written ([`counted`]), what is read as a file ([`open_file`]),
//! and how one is named that is written aside ([`unique_name`]).
//!
//! It knows nothing but `std` and `serde`, so that a type can cross any border of the project
//! without dragging a dependency along.

mod file;
mod fingerprint;
mod rank;
mod seed;
mod step;
mod tree;
mod unique;
mod wording;

pub use file::{file_content, open_file};
pub use fingerprint::Fingerprint;
pub use rank::{Rank, Seat, SeatError, WorldSize};
pub use seed::{Purpose, Seed};
pub use step::Step;
pub use tree::add_by_tree;
pub use unique::unique_name;
pub use wording::counted;
