//! Ranks as threads, as they are, with every call compared or timed; and the world of one.

use lockstep_collective::{Audited, Collective, Solo, Threads, Timed};

use crate::checks::keeps_every_promise;

fn check<C: Collective>(dressed: impl Fn(Threads) -> C + Sync) {
    for size in 1..=4 {
        let ranks = Threads::run(size, |ranks| keeps_every_promise(&mut dressed(ranks)));
        assert_eq!(ranks.len(), size, "a rank failed, see above");
    }
}

#[test]
fn threads_keep_every_promise() {
    check(|ranks| ranks);
}

#[test]
fn compared_calls_keep_every_promise() {
    check(Audited::new);
}

#[test]
fn timed_calls_keep_every_promise() {
    check(|ranks| Timed::new(ranks).0);
}

#[test]
fn a_world_of_one_keeps_every_promise() {
    keeps_every_promise(&mut Solo);
    keeps_every_promise(&mut Audited::new(Solo));
}
