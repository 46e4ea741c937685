//! The rank that wrote a line of output: the marks that `mpirun --tag-output` and `srun --label` put in front of
//! it, and what they report of a rank that failed.

use super::plan::Starter;

/// A line, and the rank it comes from where that is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Parsed<'a> {
    /// The rank.
    pub(super) rank: Option<u64>,
    /// The text behind the mark.
    pub(super) text: &'a str,
}

/// Splits a line of a starter's output into rank and text.
pub(super) fn parse_line(starter: Starter, line: &str) -> Parsed<'_> {
    let parts = match starter {
        Starter::Mpirun(_) => tagged(line),
        Starter::Srun => labelled(line),
        Starter::Alone | Starter::Local | Starter::Launchers => None,
    };
    match parts {
        Some((rank, text)) => Parsed { rank: Some(rank), text },
        None => Parsed { rank: None, text: line },
    }
}

/// `[1,2]<stdout>:text`: Open MPI's job, the rank, the stream.
fn tagged(line: &str) -> Option<(u64, &str)> {
    let (tag, text) = line.strip_prefix('[')?.split_once(">:")?;
    let (name, stream) = tag.split_once("]<")?;
    let rank = name.rsplit(',').next()?.parse().ok()?;
    ["stdout", "stderr", "stddiag"].contains(&stream).then_some((rank, text))
}

/// `02: text`: Slurm's task.
fn labelled(line: &str) -> Option<(u64, &str)> {
    let (rank, text) = line.split_once(": ").or_else(|| Some((line.strip_suffix(':')?, "")))?;
    Some((rank.trim_start().parse().ok()?, text))
}

/// The rank that a starter reports as failed; the first report counts.
pub(super) fn blamed(starter: Starter, line: &str) -> Option<u64> {
    match starter {
        Starter::Mpirun(_) => number_after(line, "Process name: [[", |rest| rest.split(',').nth(1))
            .or_else(|| number_after(line, "noticed that process rank ", Some)),
        Starter::Srun => number_after(line, "srun: error: ", |rest| {
            rest.split_once(": task ").map(|(_, task)| task)
        }),
        Starter::Alone | Starter::Local | Starter::Launchers => None,
    }
}

fn number_after<'a>(
    line: &'a str,
    mark: &str,
    part: impl Fn(&'a str) -> Option<&'a str>,
) -> Option<u64> {
    let (_, rest) = line.split_once(mark)?;
    let digits = part(rest)?;
    digits[..digits.find(|c: char| !c.is_ascii_digit()).unwrap_or(digits.len())].parse().ok()
}

#[cfg(test)]
mod tests {
    use lockstep_host::mpirun::Flavour;

    use super::*;

    const MPIRUN: Starter = Starter::Mpirun(Flavour::OpenMpi);

    #[test]
    fn marks_tell_who_said_it() {
        let check = |starter, line: &str, rank, text: &str| {
            assert_eq!(parse_line(starter, line), Parsed { rank, text }, "{line}");
        };
        check(MPIRUN, "[1,12]<stdout>:a: b", Some(12), "a: b");
        check(MPIRUN, "[1,0]<stderr>:", Some(0), "");
        check(MPIRUN, "[node:12] a message", None, "[node:12] a message");
        check(MPIRUN, "[1,x]<stdout>:a", None, "[1,x]<stdout>:a");
        check(Starter::Srun, "1: step 3", Some(1), "step 3");
        check(Starter::Srun, "01: ", Some(1), "");
        check(Starter::Srun, "srun: error: x", None, "srun: error: x");
        check(Starter::Local, "1: x", None, "1: x");
    }

    #[test]
    fn the_starters_say_whom_they_blame() {
        let check = |starter, line: &str, expected| assert_eq!(blamed(starter, line), expected);
        check(MPIRUN, "  Process name: [[2593,1],1]", Some(1));
        let killed = "mpirun noticed that process rank 3 with PID 0 on node a exited on signal 9";
        check(MPIRUN, killed, Some(3));
        check(MPIRUN, "  Exit code:    75", None);
        check(Starter::Srun, "srun: error: a: task 1: Exited with exit code 7", Some(1));
        check(Starter::Srun, "srun: error: a: task 0: Killed", Some(0));
        check(Starter::Srun, "srun: error: a: tasks 0-1: Terminated", None);
        check(Starter::Local, "srun: error: a: task 1: Killed", None);
    }
}
