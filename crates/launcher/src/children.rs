//! The processes of a run, each in its own process group, so that Ctrl-C reaches them once, through the
//! launcher. Their output is read, and they are killed when this value is dropped.

use std::io::{BufRead, BufReader, Read};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;
use std::{fs, io};

use lockstep_host::ProcessStat;
use rustix::process::{Pid, Signal, WaitOptions, kill_process, kill_process_group, wait};

use super::exit_status::End;

/// A line longer than this is passed on in pieces.
const LONGEST_LINE: u64 = 1 << 16;
/// Lines that wait to be shown; a process that writes more blocks.
const WAITING_LINES: usize = 1024;

/// One of the two streams of a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stream {
    /// Its standard output.
    Out,
    /// Its standard error.
    Err,
}

/// A line of a process's output.
#[derive(Debug)]
pub(super) struct Line {
    /// Its rank; nothing for a starter that stands for all of them.
    pub(super) rank: Option<u64>,
    /// The stream it was written to.
    pub(super) stream: Stream,
    /// Its text, without the end of the line.
    pub(super) text: String,
}

/// Processes that run together.
#[derive(Debug)]
pub(super) struct Children {
    members: Vec<Member>,
    sender: SyncSender<Line>,
    lines: Receiver<Line>,
    /// How many streams are still open: each holds a clone.
    open: Arc<()>,
}

#[derive(Debug)]
struct Member {
    rank: Option<u64>,
    child: Child,
    has_ended: bool,
}

impl Children {
    /// No processes yet.
    pub(super) fn new() -> Self {
        // What a process leaves behind becomes a child of the launcher, and is killed with it.
        let _ = rustix::process::set_child_subreaper(Some(rustix::process::getpid()));
        let (sender, lines) = sync_channel(WAITING_LINES);
        Self { members: Vec::new(), sender, lines, open: Arc::default() }
    }

    /// Starts a process that inherits the launcher's output.
    ///
    /// # Errors
    /// The system's.
    pub(super) fn start(&mut self, mut command: Command) -> io::Result<()> {
        let child = command.process_group(0).spawn()?;
        self.members.push(Member { rank: None, child, has_ended: false });
        Ok(())
    }

    /// Starts a process whose output is read.
    ///
    /// # Errors
    /// The system's.
    pub(super) fn start_piped(
        &mut self,
        mut command: Command,
        rank: Option<u64>,
    ) -> io::Result<()> {
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.process_group(0).spawn()?;
        let (out, err) = (child.stdout.take(), child.stderr.take());
        self.members.push(Member { rank, child, has_ended: false });
        let source = |stream| {
            let open = Arc::clone(&self.open);
            move |text| {
                let _ = &open;
                Line { rank, stream, text }
            }
        };
        out.map_or(Ok(()), |pipe| listen(pipe, self.sender.clone(), source(Stream::Out)))?;
        err.map_or(Ok(()), |pipe| listen(pipe, self.sender.clone(), source(Stream::Err)))
    }

    /// The output, line by line.
    pub(super) fn lines(&self) -> &Receiver<Line> {
        &self.lines
    }

    /// Whether all streams have come to their ends.
    pub(super) fn is_silent(&self) -> bool {
        Arc::strong_count(&self.open) == 1
    }

    /// Those that ended since the last look.
    ///
    /// # Errors
    /// The system's.
    pub(super) fn ended(&mut self) -> io::Result<Vec<End>> {
        let mut ends = Vec::new();
        for member in self.members.iter_mut().filter(|member| !member.has_ended) {
            if let Some(status) = member.child.try_wait()? {
                member.has_ended = true;
                ends.push(End { rank: member.rank, status });
            }
        }
        Ok(ends)
    }

    /// Whether all processes have exited.
    pub(super) fn is_over(&self) -> bool {
        self.members.iter().all(|member| member.has_ended)
    }

    /// Sends a signal to those that run.
    pub(super) fn signal(&self, signal: Signal) {
        for member in self.members.iter().filter(|member| !member.has_ended) {
            let _ = kill_process(Pid::from_child(&member.child), signal);
        }
    }

    /// Kills the running processes and their groups.
    pub(super) fn kill(&self) {
        for member in self.members.iter().filter(|member| !member.has_ended) {
            let _ = kill_process_group(Pid::from_child(&member.child), Signal::KILL);
        }
    }
}

impl Drop for Children {
    fn drop(&mut self) {
        self.kill();
        for member in &mut self.members {
            let _ = member.child.wait();
        }
        kill_orphans();
    }
}

/// Ends what the members left behind: children of theirs that are ours now, until there are none.
fn kill_orphans() {
    loop {
        for pid in children() {
            let _ = kill_process(pid, Signal::KILL);
        }
        if wait(WaitOptions::empty()).is_err() {
            return;
        }
    }
}

/// The processes whose parent we are.
fn children() -> Vec<Pid> {
    let ours = rustix::process::getpid().as_raw_nonzero().get();
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    let numbers = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok());
    numbers
        .filter(|number| {
            let stat = ProcessStat::read(&Path::new("/proc").join(number.to_string()));
            stat.is_some_and(|stat| stat.parent == ours)
        })
        .filter_map(Pid::from_raw)
        .collect()
}

fn listen<F>(pipe: impl Read + Send + 'static, sender: SyncSender<Line>, line: F) -> io::Result<()>
where
    F: Fn(String) -> Line + Send + 'static,
{
    let pass_on = move || {
        let mut reader = BufReader::new(pipe);
        let mut bytes = Vec::new();
        while let Ok(1..) = reader.by_ref().take(LONGEST_LINE).read_until(b'\n', &mut bytes) {
            let text = String::from_utf8_lossy(&bytes);
            if sender.send(line(text.strip_suffix('\n').unwrap_or(&text).to_owned())).is_err() {
                return;
            }
            bytes.clear();
        }
    };
    thread::Builder::new().name("listener".to_owned()).spawn(pass_on).map(drop)
}
