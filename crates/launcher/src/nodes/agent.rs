//! The agent in the launcher of node 0: it knows which machines are there, and what their ranks are at.

use std::io;
use std::net::TcpListener;
use std::thread;
use std::time::{Duration, Instant};

use lockstep_host::{ExitCode, streams};
use lockstep_wire::{Door, Line, Pass, nonce};

use super::members::Member;
use super::verdict::{NodeEnd, Verdict, is_failure, verdict};
use super::words::{Ended, Round, VERSION, Word};
use super::{ARRIVAL, BEAT, SILENCE};
use crate::cluster::Cluster;
use crate::options::MOST;

/// How long machines may take to end their ranks.
const ENDING: Duration = Duration::from_secs(20);
/// When it is first said who was refused, and how often later.
const FIRST_REPORT: Duration = Duration::from_secs(10);
const REPORT: Duration = Duration::from_secs(600);

/// The agent.
pub(crate) struct Agent {
    cluster: Cluster,
    max_restarts: u64,
    door: Door<Word>,
    members: Vec<Member>,
    /// Those that were lost in the current round.
    lost: Vec<(u64, NodeEnd)>,
    state: State,
    /// Numbers the rounds, and names them.
    rounds: u64,
    name: String,
    said: Instant,
    looked: Instant,
    strangers: Strangers,
}

/// When it is said next who was refused, and how many were when it was said last.
struct Strangers {
    next: Instant,
    told: u64,
}

/// What the machines are at.
enum State {
    /// They join, since the first moment; the last one joined at the second.
    Gathering { since: Instant, last: Instant },
    /// Their ranks train.
    Running,
    /// Their ranks are to end, since then.
    Stopping { since: Instant },
}

impl State {
    fn gathering() -> Self {
        Self::Gathering { since: Instant::now(), last: Instant::now() }
    }
}

impl Agent {
    /// Opens the port at which the launchers meet, and waits for them in a thread.
    ///
    /// # Errors
    /// The system's.
    pub(crate) fn start(cluster: &Cluster, pass: Pass, max_restarts: u64) -> io::Result<()> {
        let [a, b] = nonce()?;
        let door = Door::open_anywhere(cluster.place.port, pass)?;
        let now = Instant::now();
        let agent = Self {
            cluster: cluster.clone(),
            max_restarts,
            door,
            members: Vec::new(),
            lost: Vec::new(),
            state: State::gathering(),
            rounds: 0,
            name: format!("{a:016x}{b:016x}"),
            said: now,
            looked: now,
            strangers: Strangers { next: now + FIRST_REPORT, told: 0 },
        };
        thread::Builder::new().name("agent".to_owned()).spawn(move || agent.go()).map(drop)
    }

    /// Until the run is over.
    fn go(mut self) {
        loop {
            self.look();
            let over = match self.state {
                State::Gathering { since, last } => self.gather(since, last),
                State::Running => self.watch(),
                State::Stopping { since } => self.conclude(since),
            };
            if let Some(code) = over {
                return self.end(code);
            }
        }
    }

    /// Hears those who are there, and those who come.
    fn look(&mut self) {
        for (word, line) in self.door.look() {
            self.join(word, line);
        }
        if Instant::now() > self.strangers.next {
            self.strangers.next = Instant::now() + REPORT;
            self.tell_refused();
        }
        if self.looked.elapsed() > SILENCE / 2 {
            self.members.iter_mut().for_each(Member::forgive);
        }
        self.looked = Instant::now();
        if self.said.elapsed() > BEAT {
            self.said = Instant::now();
            self.members.iter_mut().for_each(|member| member.send(&Word::Beat));
        }
        let mut members = std::mem::take(&mut self.members);
        members.retain_mut(|member| {
            let Some(loss) = member.listen() else { return true };
            // One whose ranks had ended well is missed only if they have to start again.
            if member.is_in {
                self.lost.push((member.node, member.end(loss)));
            }
            false
        });
        self.members = members;
    }

    fn tell_refused(&mut self) {
        let refused = self.door.refused();
        if refused.count() > self.strangers.told {
            self.strangers.told = refused.count();
            say(&refused.to_string());
        }
    }

    fn join(&mut self, word: Word, mut line: Line<Word>) {
        let Word::Join { version, node, host, ranks } = word else { return };
        let answer = match () {
            () if version != VERSION => {
                Word::Refused(format!("node 0 has version {VERSION}, and this one has {version}"))
            }
            () if node >= self.cluster.max => Word::Refused(format!(
                "--node-rank {node} is not below the {} machines of --nnodes",
                self.cluster.max
            )),
            () if !(1..=MOST).contains(&ranks) => {
                Word::Refused(format!("a machine has 1 to {MOST} ranks, and this one says {ranks}"))
            }
            () if self.members.iter().any(|member| member.node == node) => {
                Word::Busy(format!("another launcher with --node-rank {node} is connected"))
            }
            () => Word::Joined,
        };
        line.send(&answer);
        if answer == Word::Joined {
            self.members.push(Member::new(node, host, ranks, line));
            self.members.sort_by_key(|member| member.node);
            if let State::Gathering { last, .. } = &mut self.state {
                *last = Instant::now();
            }
        }
    }

    /// Starts the ranks once all are there, or enough of them and no more have come for a while. A signal
    /// to the launcher of node 0 ends the run.
    fn gather(&mut self, since: Instant, last: Instant) -> Option<u8> {
        let stopped = self.members.iter().filter(|member| member.node == 0);
        let stopped = stopped.filter_map(|first| first.ended).find(|ended| ended.was_signalled);
        if let Some(Ended { code, .. }) = stopped {
            return Some(code);
        }
        let (count, Cluster { min, max, window, .. }) = (self.members.len() as u64, &self.cluster);
        let has_first = self.members.first().is_some_and(|member| member.node == 0);
        let is_enough = count >= *min && has_first;
        if is_enough && (count == *max || last.elapsed() > *window) {
            if let Err(cause) = self.begin() {
                say(&format!("the ranks cannot be started: {cause}"));
                return Some(ExitCode::Failed.number());
            }
            return None;
        }
        if since.elapsed() > ARRIVAL {
            say(&format!("{count} of at least {min} machines joined within {ARRIVAL:?}"));
            return Some(ExitCode::PeerLost.number());
        }
        None
    }

    /// Numbers the ranks by their nodes, and has them started.
    fn begin(&mut self) -> io::Result<()> {
        let port = TcpListener::bind(("0.0.0.0", 0))?.local_addr()?.port();
        let (world, run) =
            (self.members.iter().map(|m| m.ranks).sum(), format!("{}-{}", self.name, self.rounds));
        let names: Vec<_> = self.members.iter().map(Member::name).collect();
        say(&format!("starting the ranks (world size {world}) on {}", names.join(", ")));
        let (mut first, is_resumed) = (0, self.rounds > 0);
        for member in &mut self.members {
            member.start(Round { first, world, port, run: run.clone(), is_resumed });
            first += member.ranks;
        }
        self.rounds += 1;
        self.lost.clear();
        self.state = State::Running;
        Ok(())
    }

    /// Whether all have ended well. The first failure or loss ends the others.
    fn watch(&mut self) -> Option<u8> {
        let in_round = || self.members.iter().filter(|member| member.is_in);
        let failed = in_round().find(|m| m.ended.is_some_and(|ended| is_failure(ended.code)));
        let why = match (self.lost.iter().find(|(_, end)| end.ended.is_none()), failed) {
            (Some((_, end)), _) => format!("{} was lost", end.name),
            (None, Some(member)) => format!("the ranks of {} failed", member.name()),
            (None, None) if in_round().all(|member| member.ended.is_some()) => {
                return self.conclude(Instant::now());
            }
            (None, None) => return None,
        };
        for member in self.members.iter_mut().filter(|m| m.is_in && m.ended.is_none()) {
            member.stop(&why);
        }
        self.state = State::Stopping { since: Instant::now() };
        None
    }

    /// Once all ranks have ended: the exit code, or nothing if the run starts again.
    fn conclude(&mut self, since: Instant) -> Option<u8> {
        let waits = self.members.iter().any(|member| member.is_in && member.ended.is_none());
        if waits && since.elapsed() < ENDING {
            return None;
        }
        let (why, code) = match verdict(&self.ends()) {
            Verdict::Over(code) => return Some(code),
            Verdict::Again { why, code } => (why, code),
        };
        let (restart, limit) = (self.rounds, self.max_restarts);
        if restart > limit {
            say(&format!("{why}; --max-restarts {limit} allows no further start"));
            return Some(code);
        }
        // One that did not end its ranks is not to be counted on.
        self.members.retain(|member| !member.is_in || member.ended.is_some());
        let (count, Cluster { min, max, .. }) = (self.members.len(), &self.cluster);
        say(&format!(
            "{why}; restart {restart} of {limit}, from the newest checkpoint; machines connected: {count} \
             of {min} to {max}"
        ));
        self.members.iter_mut().for_each(|member| member.is_in = false);
        self.state = State::gathering();
        None
    }

    /// How the ranks of each machine ended, in the order of the nodes.
    fn ends(&self) -> Vec<NodeEnd> {
        let loss = "it did not end its ranks in time".to_owned();
        let end = |member: &Member| (member.node, member.end(loss.clone()));
        let members = self.members.iter().filter(|member| member.is_in).map(end);
        let mut all: Vec<_> = members.chain(self.lost.clone()).collect();
        all.sort_by_key(|(node, _)| *node);
        all.into_iter().map(|(_, end)| end).collect()
    }

    /// Tells all, the launcher of node 0 last, since this thread ends with it.
    fn end(mut self, code: u8) {
        self.tell_refused();
        for member in self.members.iter_mut().rev() {
            member.send_last(&Word::Over(code));
        }
    }
}

fn say(words: &str) {
    streams::print_error_line(format_args!("launcher: {words}"));
}
