//! What follows when the ranks of all machines have ended: the end of the run, or another start.

use lockstep_host::ExitCode;

use super::words::Ended;
use crate::exit_status::is_final;

/// How the ranks of one machine ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct NodeEnd {
    /// What a reader calls the machine.
    pub(super) name: String,
    /// Nothing where its launcher was lost.
    pub(super) ended: Option<Ended>,
    /// How it was lost.
    pub(super) loss: String,
    /// Whether it was asked to end its ranks before they ended.
    pub(super) was_stopped: bool,
}

/// The codes of ranks that SIGTERM or SIGKILL ended.
const KILLED: [u8; 2] = [128 + 15, 128 + 9];

/// What follows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// The run is over, with this exit code.
    Over(u8),
    /// It may be started again, after this.
    Again { why: String, code: u8 },
}

/// What follows from the ends of all machines, in the order of their nodes. A lost machine explains the
/// others' failures; else the first that did not only report the loss of a rank.
pub(super) fn verdict(ends: &[NodeEnd]) -> Verdict {
    let lost = ExitCode::PeerLost.number();
    let all = || ends.iter().filter_map(|end| Some((end, end.ended?)));
    let was_signalled = all().any(|(_, ended)| ended.was_signalled);
    if let Some(end) = ends.iter().find(|end| end.ended.is_none() && !was_signalled) {
        return Verdict::Again { why: format!("{} was lost: {}", end.name, end.loss), code: lost };
    }
    let is_cause = |end: &NodeEnd, code| !(end.was_stopped && KILLED.contains(&code));
    let failures =
        || all().filter(|(end, ended)| is_failure(ended.code) && is_cause(end, ended.code));
    let first = failures().find(|(_, ended)| ended.code != lost).or_else(|| failures().next());
    let Some((end, ended)) = first else {
        return Verdict::Over(all().map(|(_, ended)| ended.code).max().unwrap_or_default());
    };
    if is_final(ended.code) || was_signalled {
        return Verdict::Over(ended.code);
    }
    let why = format!("the ranks of {} failed with code {}", end.name, ended.code);
    Verdict::Again { why, code: ended.code }
}

/// Whether the ranks of a machine failed: that they are done, or stopped with a checkpoint, is not a
/// failure.
pub(super) fn is_failure(code: u8) -> bool {
    ![ExitCode::Done, ExitCode::Stopped].map(ExitCode::number).contains(&code)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lost_machine_or_the_first_cause_decides() {
        let check = |ends: &[Option<(u8, bool)>], expected: Result<u8, (&str, u8)>| {
            let end = |(node, end): (usize, &Option<(u8, bool)>)| NodeEnd {
                name: format!("node {node}"),
                ended: end.map(|(code, was_signalled)| Ended { code, was_signalled }),
                loss: "its launcher is gone".to_owned(),
                was_stopped: node != 1,
            };
            let found = verdict(&ends.iter().enumerate().map(end).collect::<Vec<_>>());
            let expected = match expected {
                Ok(code) => Verdict::Over(code),
                Err((why, code)) => Verdict::Again { why: why.to_owned(), code },
            };
            assert_eq!(found, expected, "{ends:?}");
        };
        let ended = |code| Some((code, false));
        check(&[ended(0), ended(0)], Ok(0));
        check(&[ended(0), ended(75)], Ok(75));
        check(&[ended(5), ended(3)], Ok(3));
        check(&[ended(5), None], Err(("node 1 was lost: its launcher is gone", 5)));
        check(&[ended(0), None], Err(("node 1 was lost: its launcher is gone", 5)));
        check(&[ended(5), ended(1)], Err(("the ranks of node 1 failed with code 1", 1)));
        check(&[ended(5), ended(5)], Err(("the ranks of node 0 failed with code 5", 5)));
        check(&[ended(5), Some((137, true))], Ok(137));
        // A launcher that was asked to end does not start again.
        check(&[Some((75, true)), None], Ok(75));
        check(&[Some((75, true)), ended(1), None], Ok(1));
        check(&[ended(143), ended(1)], Err(("the ranks of node 1 failed with code 1", 1)));
        check(&[ended(137), ended(137)], Err(("the ranks of node 1 failed with code 137", 137)));
        check(&[ended(143), ended(5), ended(3)], Ok(3));
    }
}
