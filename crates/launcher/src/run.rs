//! One run of the ranks, from their start to the last one's end.
//!
//! A loop polls three things: the ranks' output, signals for them, and which of them have exited. The
//! first failure ends the run: the other ranks get SIGTERM, and after a grace period SIGKILL.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::process::Command;
use std::time::{Duration, Instant};

use lockstep_host::signals::{self, Pending};
use lockstep_host::{LAUNCHER_PID, REPLACING_RUN, RUN_ID, TOKEN, free_port, streams};
use rustix::process::Signal;

use super::children::{Children, Line, Stream};
use super::exit_status::{End, InWords, first_failure, verdict};
use super::output::{blamed, parse_line};
use super::plan::{Plan, Starter};
use super::seats::Seats;
use super::trainer::Trainer;
use crate::failure::Failure;

/// How long ranks that are asked to end may take; `mpirun` has to tell other machines, too.
const GRACE: Duration = Duration::from_secs(2);
const GRACE_OF_A_STARTER: Duration = Duration::from_secs(6);
/// How long the last output of exited processes is waited for.
const LAST_OUTPUT: Duration = Duration::from_millis(500);

/// Variables of starters that would give a rank of ours another seat than the launcher does.
const FOREIGN: [&str; 8] = [
    "OMPI_COMM_WORLD_RANK",
    "OMPI_COMM_WORLD_SIZE",
    "PMI_RANK",
    "PMI_SIZE",
    "SLURM_PROCID",
    "SLURM_STEP_NUM_TASKS",
    "TORCHELASTIC_RUN_ID",
    "TORCHELASTIC_USE_AGENT_STORE",
];

/// What is started.
#[derive(Clone, Copy)]
pub(super) struct Job<'a> {
    /// How.
    pub(super) plan: &'a Plan,
    /// What every rank runs.
    pub(super) trainer: &'a Trainer,
    /// What all ranks know, unless they inherit it.
    pub(super) token: Option<&'a str>,
    /// See [`Supervisor::replacing_run`](super::supervisor::Supervisor::replacing_run).
    pub(super) replacing_run: Option<&'a str>,
    /// The run's name and this machine's ranks, where other machines have some too.
    pub(super) among: Option<(&'a str, &'a Seats)>,
}

/// A run in progress.
pub(super) struct Run<'a> {
    job: Job<'a>,
    children: Children,
    /// How the exited processes ended.
    ends: Vec<End>,
    first: Option<End>,
    /// The rank that a starter reports as failed.
    blamed: Option<u64>,
    /// The last line of each rank on its standard error that is not a hint.
    last_lines: BTreeMap<Option<u64>, String>,
    /// When those that are left are killed.
    deadline: Option<Instant>,
    /// How often we were asked to end, and by SIGTERM or SIGINT.
    asked: u32,
    urged: u32,
    /// Whether they are ended for a reason of other machines.
    is_ordered: bool,
}

/// How a run ended.
#[derive(Clone, Copy, Debug)]
pub(super) struct Outcome {
    /// The exit code.
    pub(super) code: u8,
    /// Whether it was asked to end.
    pub(super) was_signalled: bool,
}

impl<'a> Run<'a> {
    /// Starts the ranks.
    ///
    /// # Errors
    /// A trainer, or its starter, that cannot be started.
    pub(super) fn start(job: Job<'a>) -> Result<Self, Failure> {
        let mut run = Self {
            job,
            children: Children::new(),
            ends: Vec::new(),
            first: None,
            blamed: None,
            last_lines: BTreeMap::new(),
            deadline: None,
            asked: 0,
            urged: 0,
            is_ordered: false,
        };
        run.start_all().map_err(|cause| run.failed(cause))?;
        Ok(run)
    }

    fn start_all(&mut self) -> io::Result<()> {
        match self.job.plan.starter {
            Starter::Alone => self.children.start(self.command()),
            Starter::Mpirun(_) | Starter::Srun => self.children.start_piped(self.command(), None),
            Starter::Local | Starter::Launchers => match self.job.among {
                Some((run, seats)) => self.start_ranks(run, seats),
                None => {
                    let port = free_port()?;
                    // No other run has both numbers.
                    let run = format!("{}-{port}", std::process::id());
                    self.start_ranks(
                        &run,
                        &Seats::of_one_machine(self.job.plan.world(), port.to_string()),
                    )
                }
            },
        }
    }

    fn start_ranks(&mut self, run: &str, seats: &Seats) -> io::Result<()> {
        (0..seats.here).try_for_each(|local| {
            let mut command = self.command();
            for name in FOREIGN {
                command.env_remove(name);
            }
            command.envs(seats.variables(local)).env(RUN_ID, run);
            self.children.start_piped(command, Some(seats.first + local))
        })
    }

    fn command(&self) -> Command {
        let line = self.job.plan.line(self.job.trainer);
        let mut command = Command::new(&line[0]);
        command.args(&line[1..]).env(LAUNCHER_PID, std::process::id().to_string());
        command.envs(self.job.token.map(|token| (TOKEN, token)));
        command.envs(self.job.replacing_run.map(|name| (REPLACING_RUN, name)));
        command
    }

    fn failed(&self, cause: io::Error) -> Failure {
        let path = self.job.plan.line(self.job.trainer).swap_remove(0).into();
        Failure::Start { path, cause }
    }

    /// Supervises the ranks until all have exited. They are ended when `is_over` says so.
    ///
    /// # Errors
    /// The system's.
    pub(super) fn finish(
        mut self,
        signals: &[Pending],
        out: &mut dyn Write,
        is_over: &mut dyn FnMut() -> bool,
    ) -> Result<Outcome, Failure> {
        while !self.children.is_over() {
            self.show(signals::PAUSE, out);
            self.pass_on(signals);
            self.look().map_err(|cause| self.failed(cause))?;
            if !self.is_ordered && is_over() {
                self.is_ordered = true;
                self.end_all();
            }
            if self.deadline.is_some_and(|deadline| Instant::now() > deadline) {
                self.children.kill();
            }
        }
        self.drain(out);
        if let Some(first) = self.first.filter(|_| !self.is_ordered) {
            self.report(first);
        }
        Ok(Outcome { code: verdict(self.first, &self.ends), was_signalled: self.asked > 0 })
    }

    /// Shows new output, after waiting at most `pause` for it.
    fn show(&mut self, pause: Duration, out: &mut dyn Write) {
        let mut next = self.children.lines().recv_timeout(pause).ok();
        while let Some(line) = next {
            self.show_line(&line, out);
            next = self.children.lines().try_recv().ok();
        }
        let _ = out.flush();
    }

    /// A closed output does not end the run.
    fn show_line(&mut self, line: &Line, out: &mut dyn Write) {
        let parsed = parse_line(self.job.plan.starter, &line.text);
        let rank = line.rank.or(parsed.rank);
        // A JSON object has its rank.
        let is_object = parsed.text.starts_with('{') && parsed.text.ends_with('}');
        let mark = rank.filter(|_| !is_object);
        let mark = mark.map(|rank| format!("[rank {rank}] ")).unwrap_or_default();
        if line.stream == Stream::Out {
            let _ = writeln!(out, "{mark}{}", parsed.text);
            return;
        }
        streams::print_error_line(format_args!("{mark}{}", parsed.text));
        if rank.is_none() {
            self.blamed = self.blamed.or_else(|| blamed(self.job.plan.starter, parsed.text));
        }
        // Starters frame their messages with rows of dashes.
        let is_hint = parsed.text.trim_start().starts_with("hint:");
        if parsed.text.contains(char::is_alphabetic) && !is_hint {
            self.last_lines.insert(rank, parsed.text.trim().to_owned());
        }
    }

    /// Shows the last output of the processes that have exited.
    fn drain(&mut self, out: &mut dyn Write) {
        let deadline = Instant::now() + LAST_OUTPUT;
        while !self.children.is_silent() && Instant::now() < deadline {
            self.show(signals::PAUSE, out);
        }
        self.show(Duration::ZERO, out);
    }

    /// Passes signals on. A second SIGTERM or SIGINT ends everything at once. SIGUSR2 ends nothing.
    ///
    /// `mpirun` ends all ranks at once on SIGTERM and SIGINT, but hands SIGUSR1 to them, which is the
    /// same to a trainer. `srun` hands it on as well.
    fn pass_on(&mut self, signals: &[Pending]) {
        for pending in signals.iter().filter(|pending| pending.take()) {
            let Some(signal) = Signal::from_named_raw(pending.signal) else { continue };
            if signal == Signal::USR2 {
                self.children.signal(signal);
                continue;
            }
            self.asked += 1;
            self.urged += u32::from(![Signal::USR1, Signal::HUP].contains(&signal));
            let is_urgent = self.urged > 1;
            self.children.signal(match self.job.plan.starter {
                Starter::Mpirun(_) | Starter::Srun if is_urgent => Signal::TERM,
                Starter::Mpirun(_) | Starter::Srun => Signal::USR1,
                Starter::Alone | Starter::Local | Starter::Launchers => signal,
            });
            if is_urgent {
                self.end_soon();
            }
        }
    }

    /// Polls which processes have exited. The first failure ends the others.
    fn look(&mut self) -> io::Result<()> {
        let mut together = self.children.ended()?;
        if self.first.is_none() && together.iter().any(End::is_failure) {
            // One that was passed over a moment ago may be the cause of this one.
            together.extend(self.children.ended()?);
            self.first = first_failure(&together);
            self.end_all();
        }
        self.ends.extend(together);
        Ok(())
    }

    fn end_all(&mut self) {
        self.children.signal(Signal::TERM);
        self.end_soon();
    }

    fn end_soon(&mut self) {
        let grace = match self.job.plan.starter {
            Starter::Alone | Starter::Local | Starter::Launchers => GRACE,
            Starter::Mpirun(_) | Starter::Srun => GRACE_OF_A_STARTER,
        };
        self.deadline.get_or_insert(Instant::now() + grace);
    }

    /// Names the first rank that failed, with its last line on the standard error. A trainer that runs alone has shown it.
    fn report(&self, first: End) {
        if self.job.plan.starter == Starter::Alone {
            return;
        }
        let rank = first.rank.or(self.blamed);
        let who = match (rank, first.rank) {
            (Some(rank), Some(_)) => format!("rank {rank} {}", InWords(first.status)),
            (Some(rank), None) => {
                format!("rank {rank} failed, and the job {}", InWords(first.status))
            }
            (None, _) => format!("the job {}", InWords(first.status)),
        };
        let last = match self.last_lines.get(&rank) {
            Some(line) => format!("its last line on the standard error: {line}"),
            None => "it wrote nothing to the standard error".to_owned(),
        };
        streams::print_error_line(format_args!("launcher: first failure: {who}; {last}"));
    }
}
