//! The words that MPICH's starter keeps for the ranks it started, asked for in its own language: PMI,
//! version 1. A rank inherits a connection to it, whose number is in `PMI_FD`; a question and an
//! answer are a line each.

use std::io::{self, Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::time::Duration;

use rustix::process::{PidfdFlags, PidfdGetfdFlags, getpid, pidfd_getfd, pidfd_open};

use super::entry::Entry;
use super::waiting::Waiting;

/// Where rank 0 writes.
const NAME: &str = "lockstep-rank0";
/// No answer is longer.
const LONGEST: usize = 4096;
/// How often a rank that waits looks at the time.
const LOOK: Duration = Duration::from_secs(1);

/// A rank's connection to its starter.
struct Pmi<'a> {
    stream: UnixStream,
    inbox: Vec<u8>,
    waiting: &'a Waiting<'a>,
}

/// Lets all ranks know where rank 0 is, which has an entry of its own.
///
/// # Errors
/// A starter that is gone, or speaks another language.
pub(super) fn exchange(
    number: i32,
    own: Option<&Entry>,
    waiting: &Waiting,
) -> Result<Entry, String> {
    let failed = |cause: io::Error| {
        format!("mpiexec did not say where rank 0 is (PMI_FD={number}): {cause}")
    };
    waiting.note("for all ranks to be started by mpiexec".to_owned());
    let stream = UnixStream::from(inherited(number).map_err(failed)?);
    let mut pmi = Pmi { stream, inbox: Vec::new(), waiting };
    pmi.exchange(own).map_err(failed)
}

/// The connection with that number. The system looks whether there is one, since the number comes
/// from outside.
fn inherited(number: i32) -> io::Result<OwnedFd> {
    let this = pidfd_open(getpid(), PidfdFlags::empty())?;
    Ok(pidfd_getfd(this, number, PidfdGetfdFlags::empty())?)
}

impl Pmi<'_> {
    fn exchange(&mut self, own: Option<&Entry>) -> io::Result<Entry> {
        self.stream.set_read_timeout(Some(LOOK))?;
        self.ask("cmd=init pmi_version=1 pmi_subversion=1", "response_to_init")?;
        let answer = self.ask("cmd=get_my_kvsname", "my_kvsname")?;
        let space = value(&answer, "kvsname").ok_or_else(unknown)?.to_owned();
        if let Some(own) = own {
            let entry = own.written();
            self.ask(&format!("cmd=put kvsname={space} key={NAME} value={entry}"), "put_result")?;
        }
        self.ask("cmd=barrier_in", "barrier_out")?;
        let answer = self.ask(&format!("cmd=get kvsname={space} key={NAME}"), "get_result")?;
        let entry = value(&answer, "value").and_then(Entry::read).ok_or_else(unknown)?;
        // Who does not take its leave is taken for lost when it ends.
        self.ask("cmd=finalize", "finalize_ack")?;
        Ok(entry)
    }

    fn ask(&mut self, question: &str, expected: &str) -> io::Result<String> {
        self.stream.write_all(format!("{question}\n").as_bytes())?;
        let answer = self.line()?;
        let is_good = value(&answer, "rc").is_none_or(|code| code == "0");
        if value(&answer, "cmd") == Some(expected) && is_good { Ok(answer) } else { Err(unknown()) }
    }

    /// The next line, for as long as this rank may wait.
    fn line(&mut self) -> io::Result<String> {
        loop {
            if let Some(end) = self.inbox.iter().position(|byte| *byte == b'\n') {
                let rest = self.inbox.split_off(end + 1);
                let line = std::mem::replace(&mut self.inbox, rest);
                return String::from_utf8(line).map_err(|_| unknown());
            }
            let mut buffer = [0; 512];
            match self.stream.read(&mut buffer) {
                Ok(0) => return Err(io::Error::other("it closed the connection")),
                Ok(count) => self.inbox.extend_from_slice(&buffer[..count]),
                Err(cause) if is_early(&cause) && !self.waiting.is_over() => {}
                Err(cause) if is_early(&cause) => {
                    return Err(io::Error::other("some ranks were never started"));
                }
                Err(cause) => return Err(cause),
            }
            if self.inbox.len() > LONGEST {
                return Err(unknown());
            }
        }
    }
}

fn is_early(cause: &io::Error) -> bool {
    matches!(
        cause.kind(),
        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut | io::ErrorKind::Interrupted
    )
}

/// The value of a name in a line of `name=value`.
fn value<'a>(line: &'a str, name: &str) -> Option<&'a str> {
    line.split_whitespace().find_map(|word| word.strip_prefix(name)?.strip_prefix('='))
}

fn unknown() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "its answer is not that of MPICH")
}

#[cfg(test)]
mod tests {
    use std::os::fd::AsRawFd;
    use std::thread;
    use std::time::Instant;

    use super::*;
    use crate::tcp::Patience;

    /// What a rank gets from a starter that gives these answers.
    fn answered(answers: &[&str]) -> Result<Entry, String> {
        let (ours, mut theirs) = UnixStream::pair().unwrap();
        let answers: Vec<String> = answers.iter().map(|answer| (*answer).to_owned()).collect();
        let starter = thread::spawn(move || {
            for answer in answers {
                let mut byte = [0];
                while theirs.read(&mut byte).is_ok_and(|count| count == 1) && byte != *b"\n" {}
                let _ = theirs.write_all(answer.as_bytes());
            }
        });
        let patience = Patience { limit: Duration::from_secs(3), tell: &|_| {} };
        let found = Waiting::during("rank 1 of 2", &patience, |waiting| {
            exchange(ours.as_raw_fd(), None, waiting)
        });
        starter.join().unwrap();
        found
    }

    #[test]
    fn rank_0_is_where_the_starter_says() {
        let good = [
            "cmd=response_to_init pmi_version=1 pmi_subversion=1 rc=0\n",
            "cmd=my_kvsname kvsname=kvs_1_0\n",
            "cmd=barrier_out\n",
            "cmd=get_result rc=0 msg=success value=7/1/2/10.0.0.1\n",
            "cmd=finalize_ack\n",
        ];
        let entry = answered(&good).unwrap();
        assert_eq!(entry.written(), "7/0000000000000001/0000000000000002/10.0.0.1");
        for (index, wrong) in [
            (0, "cmd=response_to_init rc=-1\n"),
            (1, "HTTP/1.1 400 Bad Request\n"),
            (3, "cmd=get_result rc=-1 msg=key_not_found value=unknown\n"),
            (3, "cmd=get_result rc=0 value=x\n"),
        ] {
            let mut answers = good;
            answers[index] = wrong;
            let error = answered(&answers[..=index]).unwrap_err();
            assert!(error.contains("not that of MPICH"), "{error}");
        }
        let error = answered(&[&"x".repeat(LONGEST + 9)]).unwrap_err();
        assert!(error.contains("not that of MPICH"), "{error}");
        assert!(answered(&[]).is_err());
    }

    #[test]
    fn a_number_that_is_no_connection_is_an_error() {
        let patience = Patience { limit: Duration::from_secs(3), tell: &|_| {} };
        let began = Instant::now();
        for number in [-1, 1_000_000] {
            let found =
                Waiting::during("rank", &patience, |waiting| exchange(number, None, waiting));
            assert!(found.unwrap_err().contains("Bad file descriptor"), "{number}");
        }
        assert!(began.elapsed() < Duration::from_secs(2));
    }
}
