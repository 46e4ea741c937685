//! Which rank makes the others wait in every update, although it never stands still.
//!
//! The others spend their time in calls, waiting; the slow one does not, or is not run by its host
//! (stopped, throttled, overloaded) wherever it is. Rank 0 compares how much of a window each rank spent
//! in calls while it was run.

use std::time::{Duration, Instant};

use lockstep_world::Rank;

use super::stall::Sight;

/// How much more of its time each other rank waits than the slow one does.
const WAITS: f64 = 0.5;
/// The window where there is no timeout.
const WINDOW: Duration = Duration::from_secs(15);
/// The shortest one: several heartbeats.
const SHORTEST: Duration = Duration::from_secs(2);

/// A rank for which the others wait much of the time.
#[derive(Clone, Debug, PartialEq)]
pub struct Slow {
    /// The rank.
    pub rank: Rank,
    /// Its host.
    pub host: String,
    /// The part of the last seconds in which it waited for others.
    pub own: f64,
    /// The part in which each other rank waited at least.
    pub others: f64,
    /// The seconds.
    pub seconds: f64,
}

/// Compares the ranks at the end of each window.
#[derive(Debug)]
pub(super) struct Pace {
    window: Duration,
    began: Instant,
    /// The milliseconds that each rank had waited when the window began, by rank.
    spent: Vec<u64>,
    /// The rank that was reported and is still slow.
    slow: Option<Rank>,
}

impl Pace {
    /// A window is as long as the wait that is warned of.
    pub(super) fn new(window: Option<Duration>) -> Self {
        let window = window.unwrap_or(WINDOW).max(SHORTEST);
        Self { window, began: Instant::now(), spent: Vec::new(), slow: None }
    }

    /// Looks at all ranks; says once that one is slow.
    pub(super) fn look(&mut self, sights: &[&Sight], now: Instant) -> Option<Slow> {
        let seconds = now.saturating_duration_since(self.began).as_secs_f64();
        let has_begun = sights.iter().all(|sight| sight.progress.has_updated);
        if has_begun && self.spent.len() == sights.len() && seconds < self.window.as_secs_f64() {
            return None;
        }
        let spent: Vec<u64> = sights.iter().map(|sight| waited(sight)).collect();
        let before = std::mem::replace(&mut self.spent, spent);
        self.began = now;
        if !has_begun || before.len() != sights.len() {
            self.spent.truncate(if has_begun { sights.len() } else { 0 });
            return None;
        }
        let slowest = slowest(sights, &before, seconds);
        let is_known = slowest.as_ref().map(|slow| slow.rank) == self.slow;
        self.slow = slowest.as_ref().map(|slow| slow.rank);
        slowest.filter(|_| !is_known)
    }
}

/// The milliseconds in calls, without those in which the process was not run.
fn waited(sight: &Sight) -> u64 {
    sight.progress.spent.saturating_sub(sight.progress.starved)
}

/// The rank that waits least, if all others wait much longer.
fn slowest(sights: &[&Sight], before: &[u64], seconds: f64) -> Option<Slow> {
    let share = |(sight, before): (&&Sight, &u64)| {
        waited(sight).saturating_sub(*before) as f64 / 1000.0 / seconds
    };
    let mut shares: Vec<_> =
        sights.iter().copied().zip(sights.iter().zip(before).map(share)).collect();
    shares.sort_by(|(_, one), (_, other)| one.total_cmp(other));
    let [(slow, own), (_, others), ..] = *shares.as_slice() else { return None };
    (others - own > WAITS).then(|| Slow {
        rank: slow.rank,
        host: slow.host.clone(),
        own: own.min(1.0),
        others: others.min(1.0),
        seconds,
    })
}

#[cfg(test)]
mod tests {
    use super::super::progress::Progress;
    use super::*;
    use crate::{Moment, Phase};

    /// What is said after each of the windows, in which the ranks spent so much of their time in calls.
    fn said(windows: &[[f64; 3]]) -> Vec<Option<usize>> {
        let mut now = Instant::now();
        let mut sights = [0, 1, 2].map(|rank| {
            let mut sight = Sight::new(Rank(rank), "h".to_owned());
            let word = Moment { phase: Phase::Computing, update: 1 }.word();
            sight.progress = Progress { has_updated: true, word, ..Progress::default() };
            sight
        });
        let mut pace = Pace::new(Some(Duration::from_secs(10)));
        let mut look = |sights: &[Sight], now| {
            let found = pace.look(&sights.iter().collect::<Vec<_>>(), now);
            found.map(|slow| slow.rank.0)
        };
        assert_eq!(look(&sights, now), None);
        let ends = windows.iter().map(|shares| {
            now += Duration::from_secs(10);
            for (sight, share) in sights.iter_mut().zip(shares) {
                let spent = Duration::from_secs(10).mul_f64(*share).as_millis();
                sight.progress.spent += u64::try_from(spent).unwrap();
            }
            look(&sights, now)
        });
        ends.collect()
    }

    #[test]
    fn a_rank_for_which_all_others_wait_is_named_once() {
        let slow = [0.8, 0.1, 0.7];
        let even = [0.3, 0.3, 0.2];
        assert_eq!(said(&[even, slow, slow, even, slow]), [None, Some(1), None, None, Some(1)]);
        // Two that are slow do not wait, and neither is the only cause.
        assert_eq!(said(&[[0.1, 0.1, 0.9]]), [None]);
        assert_eq!(said(&[[0.7, 0.8, 0.7]]), [None]);
        // Much talk is not slowness.
        assert_eq!(said(&[[0.9, 0.8, 0.9]]), [None]);
    }
}
