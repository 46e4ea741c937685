//! The rank that this process turned out to be, once it has joined the others.

use std::sync::OnceLock;

use lockstep_world::Seat;

static SEAT: OnceLock<Seat> = OnceLock::new();

/// Names this process's rank in its warnings from now on, unless it is the leader.
pub fn name_rank(seat: Seat) {
    let _ = SEAT.set(seat);
}

/// The seat of a rank that is known not to be the leader.
pub(crate) fn other_than_leader() -> Option<Seat> {
    SEAT.get().copied().filter(|seat| !seat.is_leader())
}

/// This process's seat, once it is known.
pub(crate) fn seat() -> Option<Seat> {
    SEAT.get().copied()
}
