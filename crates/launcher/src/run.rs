//! One run of the ranks, from their start to the last one's end.
//!
//! While it goes on, three things are looked at in turn: what the ranks say, signals for them, and
//! who has ended. The first failure ends the run: whoever is left is asked to end, and then made to.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::net::TcpListener;
use std::process::Command;
use std::time::{Duration, Instant};

use lockstep_host::signals::{self, Pending};
use lockstep_host::{RUN_ID, streams};
use rustix::process::Signal;

use super::crew::{Crew, Line, Stream};
use super::ending::{End, InWords, first_failure, verdict};
use super::plan::{Plan, Starter};
use super::speech::{blamed, heard};
use super::trainer::Trainer;
use crate::failure::Failure;

/// How long ranks that are asked to end may take; `mpirun` has to tell other machines, too.
const GRACE: Duration = Duration::from_secs(2);
const GRACE_OF_A_STARTER: Duration = Duration::from_secs(6);
/// How long the last words of processes that have ended may take.
const LAST_WORDS: Duration = Duration::from_millis(500);

/// Variables of starters that would tell a rank of ours another seat than the one we give it.
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

/// A run that goes on.
pub(super) struct Run<'a> {
    plan: &'a Plan,
    trainer: &'a Trainer,
    crew: Crew,
    /// How all ended that have ended.
    ends: Vec<End>,
    first: Option<End>,
    /// The rank a starter blames.
    blamed: Option<u64>,
    /// What each rank said last on its standard error.
    last_words: BTreeMap<Option<u64>, String>,
    /// When those that are left are killed.
    deadline: Option<Instant>,
    /// How often we were asked to end, and by SIGTERM or SIGINT.
    asked: u32,
    urged: u32,
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
    pub(super) fn start(plan: &'a Plan, trainer: &'a Trainer) -> Result<Self, Failure> {
        let mut run = Self {
            plan,
            trainer,
            crew: Crew::new(),
            ends: Vec::new(),
            first: None,
            blamed: None,
            last_words: BTreeMap::new(),
            deadline: None,
            asked: 0,
            urged: 0,
        };
        run.start_all().map_err(|cause| run.failed(cause))?;
        Ok(run)
    }

    fn start_all(&mut self) -> io::Result<()> {
        match self.plan.starter {
            Starter::Alone => self.crew.start(self.command()),
            Starter::Mpirun(_) | Starter::Srun => self.crew.start_heard(self.command(), None),
            Starter::Local => {
                let port = free_port()?;
                // Nobody else's ranks have both.
                let run = format!("{}-{port}", std::process::id());
                (0..self.plan.world()).try_for_each(|rank| {
                    let mut command = self.command();
                    for name in FOREIGN {
                        command.env_remove(name);
                    }
                    command.envs(self.plan.variables(rank, &port)).env(RUN_ID, &run);
                    self.crew.start_heard(command, Some(rank))
                })
            }
        }
    }

    fn command(&self) -> Command {
        let line = self.plan.line(self.trainer);
        let mut command = Command::new(&line[0]);
        command.args(&line[1..]);
        command
    }

    fn failed(&self, cause: io::Error) -> Failure {
        let path = self.plan.line(self.trainer).swap_remove(0).into();
        Failure::Start { path, cause }
    }

    /// Goes on until nobody runs any more.
    ///
    /// # Errors
    /// The system's.
    pub(super) fn finish(
        mut self,
        signals: &[Pending],
        out: &mut dyn Write,
    ) -> Result<Outcome, Failure> {
        while !self.crew.is_over() {
            self.show(signals::PAUSE, out);
            self.pass_on(signals);
            self.look().map_err(|cause| self.failed(cause))?;
            if self.deadline.is_some_and(|deadline| Instant::now() > deadline) {
                self.crew.kill();
            }
        }
        self.hear_out(out);
        if let Some(first) = self.first {
            self.tell(first);
        }
        Ok(Outcome { code: verdict(self.first, &self.ends), was_signalled: self.asked > 0 })
    }

    /// Shows what is said, after waiting at most `pause` for it.
    fn show(&mut self, pause: Duration, out: &mut dyn Write) {
        let mut next = self.crew.lines().recv_timeout(pause).ok();
        while let Some(line) = next {
            self.show_line(&line, out);
            next = self.crew.lines().try_recv().ok();
        }
        let _ = out.flush();
    }

    /// Whoever closes our output has seen enough; the run goes on.
    fn show_line(&mut self, line: &Line, out: &mut dyn Write) {
        let said = heard(self.plan.starter, &line.text);
        let rank = line.rank.or(said.rank);
        let mark = rank.map(|rank| format!("[rank {rank}] ")).unwrap_or_default();
        if line.stream == Stream::Out {
            let _ = writeln!(out, "{mark}{}", said.text);
            return;
        }
        streams::tell(format_args!("{mark}{}", said.text));
        if rank.is_none() {
            self.blamed = self.blamed.or_else(|| blamed(self.plan.starter, said.text));
        }
        // Rows of dashes frame what a starter says.
        if said.text.contains(char::is_alphabetic) {
            self.last_words.insert(rank, said.text.trim().to_owned());
        }
    }

    /// The last words of those that have ended.
    fn hear_out(&mut self, out: &mut dyn Write) {
        let deadline = Instant::now() + LAST_WORDS;
        while !self.crew.is_silent() && Instant::now() < deadline {
            self.show(signals::PAUSE, out);
        }
        self.show(Duration::ZERO, out);
    }

    /// Passes signals on. A second SIGTERM or SIGINT ends everything at once.
    ///
    /// `mpirun` ends all ranks at once on SIGTERM and SIGINT, but hands SIGUSR1 to them, which is the
    /// same to a trainer. `srun` hands it on as well.
    fn pass_on(&mut self, signals: &[Pending]) {
        for pending in signals.iter().filter(|pending| pending.take()) {
            let Some(signal) = Signal::from_named_raw(pending.signal) else { continue };
            self.asked += 1;
            self.urged += u32::from(![Signal::USR1, Signal::HUP].contains(&signal));
            let is_urgent = self.urged > 1;
            self.crew.signal(match self.plan.starter {
                Starter::Mpirun(_) | Starter::Srun if is_urgent => Signal::TERM,
                Starter::Mpirun(_) | Starter::Srun => Signal::USR1,
                Starter::Alone | Starter::Local => signal,
            });
            if is_urgent {
                self.end_soon();
            }
        }
    }

    /// Looks who has ended. After the first failure nobody else goes on.
    fn look(&mut self) -> io::Result<()> {
        let mut together = self.crew.ended()?;
        if self.first.is_none() && together.iter().any(End::is_failure) {
            // One that was passed over a moment ago may be the cause of this one.
            together.extend(self.crew.ended()?);
            self.first = first_failure(&together);
            self.crew.signal(Signal::TERM);
            self.end_soon();
        }
        self.ends.extend(together);
        Ok(())
    }

    fn end_soon(&mut self) {
        let grace = match self.plan.starter {
            Starter::Alone | Starter::Local => GRACE,
            Starter::Mpirun(_) | Starter::Srun => GRACE_OF_A_STARTER,
        };
        self.deadline.get_or_insert(Instant::now() + grace);
    }

    /// Names the first rank that failed, with what it said last. A trainer by itself has said it.
    fn tell(&self, first: End) {
        if self.plan.starter == Starter::Alone {
            return;
        }
        let rank = first.rank.or(self.blamed);
        let who = match (rank, first.rank) {
            (Some(rank), Some(_)) => format!("rank {rank} {}", InWords(first.status)),
            (Some(rank), None) => format!("rank {rank}, and so the job, {}", InWords(first.status)),
            (None, _) => format!("the job {}", InWords(first.status)),
        };
        let words = match self.last_words.get(&rank) {
            Some(words) => format!("it said last: {words}"),
            None => "it said nothing on its standard error".to_owned(),
        };
        streams::tell(format_args!("launcher: the first failure: {who}; {words}"));
    }
}

/// A port of this machine that is free now.
fn free_port() -> io::Result<String> {
    let listener = TcpListener::bind(("127.0.0.1", 0))?;
    Ok(listener.local_addr()?.port().to_string())
}
