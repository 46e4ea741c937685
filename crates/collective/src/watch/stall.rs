//! Which rank the others wait for: rank 0 compares in which call each rank is.
//!
//! No rank can leave a call that another one has not begun, so the ranks are in the same call, or
//! between it and the next one. When a rank has waited in a call for too long, those that have not
//! begun it are the cause.

use std::time::{Duration, Instant};

use lockstep_world::Rank;
use serde::{Deserialize, Serialize};

use super::progress::Progress;
use crate::{Moment, Phase, Verb};

/// How long a rank may keep others waiting; nothing: for ever.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Timeouts {
    /// Until the first update of this process is over.
    pub startup: Option<Duration>,
    /// Afterwards.
    pub collective: Option<Duration>,
    /// Where files are written.
    pub saving: Option<Duration>,
}

impl Timeouts {
    /// After which wait in an update rank 0 warns.
    pub(super) fn warning(&self) -> Option<Duration> {
        self.collective.map(|limit| limit / WARNED)
    }

    /// How long a call may take that all ranks have begun.
    #[cfg(any(test, feature = "nccl"))]
    pub(crate) fn of_call(&self, has_updated: bool) -> Option<Duration> {
        if has_updated { self.collective } else { self.startup?.max(self.collective?).into() }
    }
}

/// Which of the timeouts counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Timeout {
    /// [`Timeouts::collective`].
    Collective,
    /// [`Timeouts::startup`].
    Startup,
    /// [`Timeouts::saving`].
    Saving,
}

/// After this part of a timeout the wait is reported.
const WARNED: u32 = 4;
/// How many ranks of a stall are listed.
const LISTED: usize = 8;

/// A rank that others wait for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Stall {
    /// Seconds for which another rank has waited.
    pub seconds: f64,
    /// The call in which it waits.
    pub verb: Verb,
    /// The number of that call.
    pub call: u64,
    /// Where the rank is.
    pub how: Stuck,
    /// The timeout that it exceeds, or will.
    pub timeout: Timeout,
    /// Further ranks for which the same holds; the first few.
    pub also: Vec<usize>,
}

/// Where a rank is that others wait for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Stuck {
    /// It has not begun the call.
    Absent,
    /// It has begun the call, and its thread does not run.
    Frozen,
    /// It waits in the call, as all others do, so that the connections are the cause.
    Waiting,
}

/// A thread that waits in a call looks more often, and is heard of more often.
const FROZEN: Duration = Duration::from_millis(1500);

/// A rank as rank 0 sees it.
#[derive(Clone, Debug)]
pub(super) struct Sight {
    pub(super) rank: Rank,
    pub(super) host: String,
    pub(super) progress: Progress,
    /// When it began or ended a call last, as far as was heard.
    since: Instant,
    /// When its thread looked last whether its call can continue.
    looked: Instant,
}

impl Sight {
    pub(super) fn new(rank: Rank, host: String) -> Self {
        let now = Instant::now();
        Self { rank, host, progress: Progress::default(), since: now, looked: now }
    }

    pub(super) fn note(&mut self, progress: Progress, now: Instant) {
        let call = |progress: &Progress| (progress.calls, progress.inside);
        if call(&progress) != call(&self.progress) {
            self.since = now;
        }
        if progress.looks != self.progress.looks || self.since == now {
            self.looked = now;
        }
        self.progress = progress;
    }

    /// Begins to count its wait anew.
    pub(super) fn forgive(&mut self, now: Instant) {
        (self.since, self.looked) = (now, now);
    }

    pub(super) fn moment(&self) -> Moment {
        Moment::read(self.progress.word).unwrap_or_else(Moment::start)
    }
}

/// What rank 0 has to say about a stall.
#[derive(Clone, Debug)]
pub(super) enum Verdict<'a> {
    /// Nothing new.
    None,
    /// A rank lets others wait for a part of the timeout.
    Warn(&'a Sight, Stall),
    /// The stall that was warned of is over.
    Over(Warned),
    /// A rank lets others wait for too long.
    Expired(&'a Sight, Stall),
}

/// A stall that was warned of.
#[derive(Clone, Copy, Debug)]
pub(super) struct Warned {
    pub(super) rank: Rank,
    pub(super) call: u64,
    /// When the wait began.
    pub(super) since: Instant,
}

/// Looks for stalls.
#[derive(Debug)]
pub(super) struct Judge {
    timeouts: Timeouts,
    warned: Option<Warned>,
}

impl Judge {
    pub(super) fn new(timeouts: Timeouts) -> Self {
        Self { timeouts, warned: None }
    }

    /// Whether a rank lets others wait now.
    pub(super) fn has_warned(&self) -> bool {
        self.warned.is_some()
    }

    /// Looks at all ranks.
    pub(super) fn look<'a>(&mut self, sights: &[&'a Sight], now: Instant) -> Verdict<'a> {
        let waiter = waiter(sights);
        if let Some(warned) = self.warned
            && waiter.is_none_or(|waiter| waiter.progress.calls > warned.call)
        {
            self.warned = None;
            return Verdict::Over(warned);
        }
        let Some((waiter, verb)) = waiter.and_then(|it| Some((it, it.progress.inside?))) else {
            return Verdict::None;
        };
        let call = waiter.progress.calls;
        let Some((culprits, how)) = culprits(sights, call, now) else { return Verdict::None };
        let Some(&culprit) = culprits.first() else { return Verdict::None };
        let Some((limit, timeout)) = self.limit(sights, &[waiter, culprit]) else {
            return Verdict::None;
        };
        let waited = now.saturating_duration_since(waiter.since);
        if waited < limit / WARNED {
            return Verdict::None;
        }
        let also = culprits.iter().skip(1).take(LISTED).map(|sight| sight.rank.0).collect();
        let stall = Stall { seconds: waited.as_secs_f64(), verb, call, how, timeout, also };
        if waited >= limit {
            return Verdict::Expired(culprit, stall);
        }
        if self.warned.is_some() {
            return Verdict::None;
        }
        self.warned = Some(Warned { rank: culprit.rank, call, since: waiter.since });
        Verdict::Warn(culprit, stall)
    }

    /// How long a wait may last: the longest of what the phases allow; nothing where that is for ever.
    fn limit(&self, sights: &[&Sight], both: &[&Sight]) -> Option<(Duration, Timeout)> {
        let Timeouts { startup, collective, saving } = self.timeouts;
        let mut limits = vec![(collective, Timeout::Collective)];
        if sights.iter().any(|sight| !sight.progress.has_updated) {
            limits.push((startup, Timeout::Startup));
        }
        let writes = |phase| matches!(phase, Phase::Saving | Phase::Ending);
        if both.iter().any(|sight| writes(sight.moment().phase)) {
            limits.push((saving, Timeout::Saving));
        }
        let limits: Option<Vec<_>> =
            limits.into_iter().map(|(limit, which)| Some((limit?, which))).collect();
        limits?.into_iter().max()
    }
}

/// The rank that has waited longest in the latest call.
fn waiter<'a>(sights: &[&'a Sight]) -> Option<&'a Sight> {
    let waiting = || sights.iter().filter(|sight| sight.progress.inside.is_some());
    let latest = waiting().map(|sight| sight.progress.calls).max()?;
    let in_it = waiting().filter(|sight| sight.progress.calls == latest);
    in_it.min_by_key(|sight| sight.since).copied()
}

/// The ranks that have not begun a call, or those that have but do not complete it.
fn culprits<'a>(sights: &[&'a Sight], call: u64, now: Instant) -> Option<(Vec<&'a Sight>, Stuck)> {
    let some = |is_one: &dyn Fn(&Sight) -> bool| {
        let found: Vec<&Sight> = sights.iter().copied().filter(|sight| is_one(sight)).collect();
        (!found.is_empty()).then_some(found)
    };
    let is_inside = |of: &Sight| of.progress.inside.is_some();
    let is_frozen = |of: &Sight| now.saturating_duration_since(of.looked) > FROZEN;
    if let Some(absent) = some(&|of| of.progress.calls < call && !is_inside(of)) {
        return Some((absent, Stuck::Absent));
    }
    let frozen = some(&|of| is_inside(of) && is_frozen(of));
    // Where none looks, as in a library that blocks, nothing follows.
    let looks = some(&|of| is_inside(of) && !is_frozen(of));
    if let (Some(frozen), Some(_)) = (frozen, looks) {
        return Some((frozen, Stuck::Frozen));
    }
    let behind = || some(&|of| of.progress.calls < call);
    Some((behind().or_else(|| some(&is_inside))?, Stuck::Waiting))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TIMEOUTS: Timeouts = Timeouts {
        startup: Some(Duration::from_secs(600)),
        collective: Some(Duration::from_secs(60)),
        saving: Some(Duration::from_secs(300)),
    };

    /// Ranks: the number of the last call, whether in it, the phase, and for how many seconds.
    type Rows<'a> = &'a [(u64, bool, Phase, u64)];

    fn sights(rows: Rows<'_>, has_updated: bool) -> (Vec<Sight>, Instant) {
        let now = Instant::now() + Duration::from_secs(10_000);
        let sight = |(rank, &(calls, is_inside, phase, seconds)): (usize, &(u64, bool, _, u64))| {
            let inside = is_inside.then_some(Verb::AllReduceSum);
            let word = Moment { phase, update: 8 }.word();
            let progress = Progress { word, calls, inside, has_updated, ..Progress::default() };
            let since = now - Duration::from_secs(seconds);
            Sight { rank: Rank(rank), host: "h".to_owned(), progress, since, looked: now }
        };
        (rows.iter().enumerate().map(sight).collect(), now)
    }

    fn found(rows: Rows<'_>, has_updated: bool, timeouts: Timeouts) -> String {
        let (sights, now) = sights(rows, has_updated);
        let seen: Vec<&Sight> = sights.iter().collect();
        match Judge::new(timeouts).look(&seen, now) {
            Verdict::None => "-".to_owned(),
            Verdict::Warn(sight, stall) => format!("warn {} {}", sight.rank.0, stall.call),
            Verdict::Over(_) => "over".to_owned(),
            Verdict::Expired(sight, Stall { how, call, also, .. }) => {
                let inside = if how == Stuck::Absent { "" } else { " inside" };
                format!("expired {} {call} {also:?}{inside}", sight.rank.0)
            }
        }
    }

    #[test]
    fn the_rank_that_did_not_come_is_named() {
        use Phase::{Computing, Evaluating, Saving, Starting, Summing};
        let check = |rows: Rows<'_>, has_updated, expected: &str| {
            assert_eq!(found(rows, has_updated, TIMEOUTS), expected, "{rows:?}");
        };
        let waits = |seconds| (7, true, Summing, seconds);
        check(&[waits(61), (6, false, Computing, 62), waits(61)], true, "expired 1 7 []");
        check(&[waits(20), (6, false, Computing, 62), waits(1)], true, "warn 1 7");
        check(&[waits(14), (6, false, Computing, 62), waits(1)], true, "-");
        check(&[(6, false, Computing, 90), waits(61)], true, "expired 0 7 []");
        check(
            &[waits(61), (6, false, Evaluating, 62), (6, false, Evaluating, 62)],
            true,
            "expired 1 7 [2]",
        );
        // Computing for an hour is not a fault while no rank waits.
        check(&[(6, false, Computing, 3600), (6, false, Computing, 3600)], true, "-");
        // The first update, and what writes, may take longer.
        check(&[waits(61), (6, false, Starting, 62)], false, "-");
        check(&[waits(601), (6, false, Starting, 602)], false, "expired 1 7 []");
        check(&[waits(61), (6, false, Saving, 62)], true, "-");
        check(&[(7, true, Saving, 301), (6, false, Saving, 302)], true, "expired 1 7 []");
        // A rank that waits in an earlier call waits for another one.
        check(
            &[waits(61), (6, true, Summing, 62), (5, false, Computing, 63)],
            true,
            "expired 2 7 []",
        );
        check(&[waits(61), (6, true, Summing, 62)], true, "expired 1 7 [] inside");
        check(&[waits(61), waits(61)], true, "expired 0 7 [1] inside");
        // One that has completed the call is not the cause.
        check(&[waits(61), (7, false, Computing, 61)], true, "expired 0 7 [] inside");
    }

    #[test]
    fn a_rank_that_is_frozen_in_a_call_is_told_from_those_that_wait() {
        let rows = [(7, true, Phase::Summing, 61); 3];
        let (mut sights, now) = sights(&rows, true);
        let mut found = |frozen: &[usize]| {
            for (rank, sight) in sights.iter_mut().enumerate() {
                let seconds = if frozen.contains(&rank) { 60 } else { 1 };
                sight.looked = now - Duration::from_secs(seconds);
            }
            let (ranks, how) = culprits(&sights.iter().collect::<Vec<_>>(), 7, now).unwrap();
            (ranks.iter().map(|sight| sight.rank.0).collect::<Vec<_>>(), how)
        };
        assert_eq!(found(&[1]), (vec![1], Stuck::Frozen));
        assert_eq!(found(&[]), (vec![0, 1, 2], Stuck::Waiting));
        assert_eq!(found(&[0, 1, 2]), (vec![0, 1, 2], Stuck::Waiting));
    }

    #[test]
    fn a_timeout_that_is_off_never_expires() {
        let rows = [(7, true, Phase::Summing, 9000), (6, false, Phase::Computing, 9000)];
        let off = |timeouts| found(&rows, true, timeouts);
        assert_eq!(off(Timeouts { collective: None, ..TIMEOUTS }), "-");
        assert_eq!(TIMEOUTS.of_call(true), TIMEOUTS.collective);
        assert_eq!(TIMEOUTS.of_call(false), TIMEOUTS.startup);
        assert_eq!(Timeouts { startup: None, ..TIMEOUTS }.of_call(false), None);
        assert_eq!(off(Timeouts { startup: None, ..TIMEOUTS }), "expired 1 7 []");
        assert_eq!(found(&rows, false, Timeouts { startup: None, ..TIMEOUTS }), "-");
    }

    #[test]
    fn a_stall_is_warned_of_once_and_its_end_reported() {
        let mut judge = Judge::new(TIMEOUTS);
        let rows = [(7, true, Phase::Summing, 20), (6, false, Phase::Computing, 20)];
        let (mut sights, now) = sights(&rows, true);
        let look = |judge: &mut Judge, sights: &[Sight]| match judge
            .look(&sights.iter().collect::<Vec<_>>(), now)
        {
            Verdict::None => "-",
            Verdict::Warn(..) => "warn",
            Verdict::Over(_) => "over",
            Verdict::Expired(..) => "expired",
        };
        assert_eq!(look(&mut judge, &sights), "warn");
        assert_eq!(look(&mut judge, &sights), "-");
        let progress = sights[0].progress;
        sights[1].note(progress, now);
        assert_eq!(look(&mut judge, &sights), "-");
        for sight in &mut sights {
            sight.note(Progress { inside: None, ..sight.progress }, now);
        }
        assert_eq!(look(&mut judge, &sights), "over");
        assert_eq!(look(&mut judge, &sights), "-");
    }
}
