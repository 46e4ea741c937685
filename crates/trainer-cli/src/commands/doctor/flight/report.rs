//! A comparison of flight records, for people and for programs.

use std::fmt::Write;

use lockstep_collective::CallState;

use super::comparison::{Comparison, Diverged, Outdated, RankReport, Stalled};

/// So many ranks have a line each; of more, those that matter are in the findings.
const SHOWN: usize = 64;
/// So much of a text that a file has is shown.
const LONGEST: usize = 300;

/// As one JSON object.
pub(super) fn json(comparison: &Comparison) -> String {
    serde_json::to_string_pretty(comparison).unwrap_or_default() + "\n"
}

/// As lines.
pub(super) fn text(comparison: &Comparison) -> String {
    let mut text = format!(
        "{:<6}{:<20}{:>10}  {:<20}{:<10}{:>14}  {}\n",
        "rank", "host", "last call", "verb", "state", "last complete", "phase"
    );
    for rank in comparison.ranks.iter().take(SHOWN) {
        let _ = writeln!(text, "{}", line(rank));
    }
    let more = comparison.ranks.len().saturating_sub(SHOWN);
    if more > 0 {
        let _ = writeln!(text, "and {more} more ranks");
    }
    for finding in findings(comparison) {
        let _ = writeln!(text, "\n{finding}");
    }
    text
}

fn line(rank: &RankReport) -> String {
    let (number, verb, state) = match &rank.last {
        Some(call) => (call.number, call.verb.name(), words(call.state)),
        None => (0, "none", ""),
    };
    format!(
        "{:<6}{:<20}{number:>10}  {verb:<20}{state:<10}{:>14}  {}",
        rank.rank,
        shown(&rank.host),
        rank.last_complete,
        moment(rank)
    )
}

fn moment(rank: &RankReport) -> String {
    match rank.update {
        0 => rank.phase.words().to_owned(),
        update => format!("{}, update {update}", rank.phase.words()),
    }
}

fn words(state: CallState) -> &'static str {
    match state {
        CallState::Waiting => "waiting",
        CallState::Matched => "matched",
        CallState::Complete => "complete",
        CallState::Launched => "launched",
        CallState::Failed => "failed",
    }
}

/// What is wrong, the likeliest cause first.
fn findings(comparison: &Comparison) -> Vec<String> {
    let Comparison { ranks, missing, diverged, stalled, outdated, left_out, world } = comparison;
    let mut findings = Vec::new();
    findings.extend(diverged.as_ref().map(of_divergence));
    findings.extend(stalled.as_ref().map(|stalled| of_stall(stalled, ranks)));
    findings.extend(outdated.iter().map(of_outdated));
    if !missing.is_empty() {
        findings.push(format!(
            "no record of {}: of {world} ranks, these were killed or stopped before they could write \
             one, or their files are on another host",
            listed(missing)
        ));
    }
    if findings.is_empty() {
        findings.push(match world {
            1 => "this run had one rank, so there is nothing to compare".to_owned(),
            _ => format!("all {world} ranks made the same calls, and none stood still"),
        });
    }
    let reason = ranks.first().map(|first| shown(&first.reason));
    findings.extend(reason.map(|reason| format!("written because: {reason}")));
    findings.extend(left_out.iter().map(|cause| format!("left out: {}", shown(cause))));
    findings
}

fn of_divergence(diverged: &Diverged) -> String {
    let calls = diverged.calls.iter().map(|called| {
        format!(
            "\n  {}: {} of {} bytes while {}, update {}",
            listed(&called.ranks),
            called.verb.name(),
            called.bytes,
            called.phase.words(),
            called.update
        )
    });
    format!("the ranks diverged at call {}:{}", diverged.call, calls.collect::<String>())
}

fn of_outdated(outdated: &Outdated) -> String {
    let Outdated { rank, seconds, reason } = outdated;
    format!(
        "the record of rank {rank} was written {seconds:.0} s before the latest one ({}) and shows \
         nothing of the time after; rank {rank} probably was stopped or stood still",
        shown(reason)
    )
}

fn of_stall(stalled: &Stalled, ranks: &[RankReport]) -> String {
    let Stalled { call, verb, update, ranks: behind } = stalled;
    let what = behind.iter().take(8).filter_map(|number| {
        let rank = ranks.iter().find(|rank| rank.rank == *number)?;
        Some(format!("\n  rank {number} (host {}) was {}", shown(&rank.host), moment(rank)))
    });
    format!(
        "{} did not reach call {call}, {} of update {update}, which other ranks had begun:{}",
        listed(behind),
        verb.name(),
        what.collect::<String>()
    )
}

fn listed(ranks: &[usize]) -> String {
    let first: Vec<_> = ranks.iter().take(8).map(usize::to_string).collect();
    let noun = if ranks.len() == 1 { "rank" } else { "ranks" };
    let more = match ranks.len().saturating_sub(8) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    format!("{noun} {}{more}", first.join(", "))
}

/// A text of a file, which reaches no terminal as a command.
fn shown(text: &str) -> String {
    let short: String = text.chars().take(LONGEST).collect();
    short.escape_debug().to_string()
}

#[cfg(test)]
mod tests;
