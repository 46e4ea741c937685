//! How far the clocks of the ranks are apart.
//!
//! No rank returns from an all-gather before every rank has entered it. So of each all-gather, with E the
//! moment a rank enters it and R the moment it returns, each on its own clock, the clock of rank r is
//! ahead of rank 0's by at least E_r - R_0 and at most R_r - E_0. Several all-gathers give several
//! bounds; the middle of the narrowest is taken, and half its width is how wrong it may be. Clocks drift,
//! so they are compared before the first update and at the end, and between the two by a straight line.

use lockstep_collective::{Collective, CollectiveError};

/// All-gathers of a comparison.
const ROUNDS: usize = 16;

/// When this rank's clock was compared, and how far each rank's clock was ahead of the leader's then.
#[derive(Clone, Debug, Default)]
pub(super) struct Comparison {
    /// On each rank's clock, in nanoseconds.
    at: Vec<f64>,
    ahead: Vec<f64>,
    /// How wrong that may be.
    error: Vec<f64>,
}

/// The clocks of all ranks.
#[derive(Clone, Debug, Default)]
pub(super) struct Clock(Vec<Comparison>);

/// Compares the clocks of all ranks.
pub(super) fn compare(
    now: impl Fn() -> u64,
    collective: &mut dyn Collective,
) -> Result<Comparison, CollectiveError> {
    let mut mine = Vec::with_capacity(2 * ROUNDS);
    for _ in 0..ROUNDS {
        mine.push(now());
        collective.all_gather(&[0])?;
        mine.push(now());
    }
    let all = collective.all_gather(&mine)?;
    Ok(Comparison::of(&all.chunks_exact(mine.len()).collect::<Vec<_>>()))
}

impl Comparison {
    /// That of the moments of each rank: of each all-gather its begin and its end.
    fn of(ranks: &[&[u64]]) -> Self {
        let leader = ranks.first().copied().unwrap_or_default();
        let difference = |a: u64, b: u64| a as f64 - b as f64;
        let mut found = Self::default();
        for rank in ranks {
            let rounds = || rank.chunks_exact(2).zip(leader.chunks_exact(2));
            let least = rounds().map(|(rank, leader)| difference(rank[0], leader[1]));
            let most = rounds().map(|(rank, leader)| difference(rank[1], leader[0]));
            let least = least.fold(f64::NEG_INFINITY, f64::max);
            let most = most.fold(f64::INFINITY, f64::min);
            found.at.push(rank.last().map_or(0.0, |last| *last as f64));
            found.ahead.push(f64::midpoint(least, most));
            found.error.push((most - least).abs() / 2.0);
        }
        // The leader's own clock is the one of the trace.
        if let (Some(ahead), Some(error)) = (found.ahead.first_mut(), found.error.first_mut()) {
            (*ahead, *error) = (0.0, 0.0);
        }
        found
    }
}

impl Clock {
    pub(super) fn add(&mut self, comparison: Comparison) {
        self.0.push(comparison);
    }

    /// A moment of a rank on the leader's clock, in nanoseconds.
    pub(super) fn on_leader(&self, rank: usize, moment: u64) -> f64 {
        let at = |one: &Comparison| Some((*one.at.get(rank)?, *one.ahead.get(rank)?));
        let moment = moment as f64;
        let (first, last) = (self.0.first().and_then(at), self.0.last().and_then(at));
        let ahead = match (first, last) {
            (Some((from, first)), Some((to, last))) if to > from => {
                first + (last - first) * ((moment - from) / (to - from)).clamp(0.0, 1.0)
            }
            (Some((_, first)), _) => first,
            _ => 0.0,
        };
        moment - ahead
    }

    /// How wrong a moment may be on the leader's clock, in nanoseconds: the most of all ranks and
    /// comparisons.
    pub(super) fn error(&self) -> f64 {
        self.0.iter().flat_map(|one| &one.error).copied().fold(0.0, f64::max)
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use lockstep_collective::{Collective, Threads};

    use super::*;

    #[test]
    fn clocks_that_are_apart_are_found_within_the_error() {
        let began = Instant::now();
        let found = Threads::run(3, move |mut ranks| {
            let rank = ranks.seat().rank().0;
            let ahead = Duration::from_secs(1000 * rank as u64);
            let now = || u64::try_from((began.elapsed() + ahead).as_nanos()).unwrap();
            compare(now, &mut ranks).unwrap()
        });
        for one in found {
            for rank in 0..3 {
                let wrong = (one.ahead[rank] - 1e12 * rank as f64).abs();
                assert!(wrong <= one.error[rank], "{wrong} ns of at most {}", one.error[rank]);
                assert!(one.error[rank] < 1e9, "{one:?}");
            }
        }
    }

    #[test]
    fn between_two_comparisons_a_clock_drifts_evenly() {
        let at = |at: f64, ahead: f64| Comparison {
            at: vec![at, at],
            ahead: vec![0.0, ahead],
            error: vec![0.0, 3.0],
        };
        let mut clock = Clock::default();
        assert!(clock.on_leader(1, 50) == 50.0);
        clock.add(at(100.0, 10.0));
        assert!(clock.on_leader(1, 500) == 490.0);
        clock.add(at(300.0, 30.0));
        for (moment, expected) in
            [(0, -10.0), (100, 90.0), (200, 180.0), (300, 270.0), (400, 370.0)]
        {
            let found = clock.on_leader(1, moment);
            assert!((found - expected).abs() < 1e-9, "{moment}: {found}");
        }
        assert!(clock.error() == 3.0 && clock.on_leader(7, 5) == 5.0);
    }
}
