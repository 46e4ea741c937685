//! What the records of all ranks say together.

use std::collections::BTreeMap;

use lockstep_collective::{CallRecord, CallState, FlightRecord, Phase, Verb};
use serde::Serialize;

use super::files::Found;

/// A rank that was this many seconds late for a call stood still.
const WAITED: f64 = 1.0;
/// A record that was written this many seconds before the latest one may be of another occasion.
const AGED: f64 = 2.0;

/// The records of one run, compared.
#[derive(Debug, Serialize)]
pub(super) struct Comparison {
    /// The number of ranks.
    pub(super) world: usize,
    /// Each rank that has a record.
    pub(super) ranks: Vec<RankReport>,
    /// Ranks without a record.
    pub(super) missing: Vec<usize>,
    /// The first call that is not the same on all ranks.
    pub(super) diverged: Option<Diverged>,
    /// The call that some ranks have begun and others have not.
    pub(super) stalled: Option<Stalled>,
    /// Records that were written before ranks could make the last call.
    pub(super) outdated: Vec<Outdated>,
    /// Files that were left out, and why.
    pub(super) left_out: Vec<String>,
}

/// How far a rank came.
#[derive(Debug, Serialize)]
pub(super) struct RankReport {
    pub(super) rank: usize,
    pub(super) host: String,
    pub(super) reason: String,
    pub(super) phase: Phase,
    pub(super) update: u64,
    /// The last call it began.
    pub(super) last: Option<CallRecord>,
    /// The last call that ended well; 0 where none is kept.
    pub(super) last_complete: u64,
}

/// A call that differs.
#[derive(Debug, Serialize)]
pub(super) struct Diverged {
    pub(super) call: u64,
    /// What was called, by most ranks first.
    pub(super) calls: Vec<Called>,
}

/// Ranks that made the same call.
#[derive(Debug, Serialize)]
pub(super) struct Called {
    pub(super) ranks: Vec<usize>,
    pub(super) verb: Verb,
    pub(super) bytes: u64,
    pub(super) phase: Phase,
    pub(super) update: u64,
}

/// A call that not all ranks have begun.
#[derive(Debug, Serialize)]
pub(super) struct Stalled {
    pub(super) call: u64,
    pub(super) verb: Verb,
    pub(super) update: u64,
    /// The ranks that have not begun it.
    pub(super) ranks: Vec<usize>,
}

/// A record that shows nothing of the end of the run.
#[derive(Debug, Serialize)]
pub(super) struct Outdated {
    pub(super) rank: usize,
    /// Seconds from it to the latest record.
    pub(super) seconds: f64,
    pub(super) reason: String,
}

impl Comparison {
    pub(super) fn of(found: Found) -> Self {
        let Found { records, unreadable: mut left_out } = found;
        let latest = records.iter().max_by(|a, b| a.written.total_cmp(&b.written));
        let (run, world) =
            latest.map(|latest| (latest.run.clone(), latest.world)).unwrap_or_default();
        let (records, others): (Vec<_>, Vec<_>) =
            records.into_iter().partition(|record| record.run == run && record.world == world);
        left_out.extend(others.iter().map(|other| {
            format!("rank-{}.json: it is of another run than the latest record", other.rank)
        }));
        let has = |rank: &usize| records.iter().any(|record| record.rank == *rank);
        Self {
            world,
            missing: (0..world).filter(|rank| !has(rank)).collect(),
            diverged: diverged(&records),
            stalled: stalled(&records),
            outdated: outdated(&records),
            ranks: records.into_iter().map(RankReport::of).collect(),
            left_out,
        }
    }
}

impl RankReport {
    fn of(record: FlightRecord) -> Self {
        let FlightRecord { rank, host, reason, phase, update, calls, .. } = record;
        let is_complete =
            |call: &&CallRecord| matches!(call.state, CallState::Complete | CallState::Launched);
        let complete = calls.iter().filter(is_complete).map(|call| call.number).max();
        let last_complete = complete.unwrap_or_default();
        let last = calls.into_iter().max_by_key(|call| call.number);
        Self { rank, host, reason, phase, update, last, last_complete }
    }
}

/// What has to be the same on all ranks.
type Signature = (Verb, u64, Phase, u64);

fn signature(call: &CallRecord) -> Signature {
    (call.verb, call.bytes, call.phase.of_call(), call.update)
}

fn diverged(records: &[FlightRecord]) -> Option<Diverged> {
    let mut calls: BTreeMap<u64, Vec<(usize, Signature)>> = BTreeMap::new();
    for record in records {
        for call in &record.calls {
            calls.entry(call.number).or_default().push((record.rank, signature(call)));
        }
    }
    let differs = |made: &[(usize, Signature)]| made.iter().any(|(_, it)| *it != made[0].1);
    let (call, made) = calls.into_iter().find(|(_, made)| differs(made))?;
    let mut groups: Vec<Called> = Vec::new();
    for (rank, (verb, bytes, phase, update)) in made {
        let is_it = |group: &&mut Called| {
            (group.verb, group.bytes, group.phase, group.update) == (verb, bytes, phase, update)
        };
        match groups.iter_mut().find(is_it) {
            Some(group) => group.ranks.push(rank),
            None => groups.push(Called { ranks: vec![rank], verb, bytes, phase, update }),
        }
    }
    groups.sort_by_key(|group| std::cmp::Reverse(group.ranks.len()));
    Some(Diverged { call, calls: groups })
}

fn outdated(records: &[FlightRecord]) -> Vec<Outdated> {
    let Some(furthest) = records.iter().filter_map(last_call).max() else { return Vec::new() };
    let latest = records.iter().map(|record| record.written).fold(f64::MIN, f64::max);
    let is_outdated =
        |it: &&FlightRecord| last_call(it) < Some(furthest) && latest - it.written > AGED;
    let outdated = |it: &FlightRecord| Outdated {
        rank: it.rank,
        seconds: latest - it.written,
        reason: it.reason.clone(),
    };
    records.iter().filter(is_outdated).map(outdated).collect()
}

/// The number of the last call that a rank has begun.
fn last_call(record: &FlightRecord) -> Option<u64> {
    record.calls.iter().map(|call| call.number).max()
}

fn stalled(records: &[FlightRecord]) -> Option<Stalled> {
    let furthest = records.iter().filter_map(last_call).max()?;
    let calls = records.iter().flat_map(|record| &record.calls);
    let begun = calls.filter(|call| call.number == furthest);
    let call = begun.min_by(|one, other| one.started.total_cmp(&other.started))?;
    // Records that were written at different times differ by the calls in between.
    let had_time = |record: &FlightRecord| record.written - call.started > WAITED;
    let behind =
        records.iter().filter(|record| last_call(record) < Some(furthest) && had_time(record));
    let ranks: Vec<usize> = behind.map(|record| record.rank).collect();
    let (verb, update) = (call.verb, call.update);
    (!ranks.is_empty()).then_some(Stalled { call: furthest, verb, update, ranks })
}
