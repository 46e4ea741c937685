//! A launcher's connection to the agent of node 0.

use std::io;
use std::net::TcpStream;
use std::thread;
use std::time::{Duration, Instant};

use lockstep_host::{host_name, signals, streams};
use lockstep_wire::{Line, MeetingPlace, NoEntry, Pass, knock};

use super::words::{Ended, Round, VERSION, Word};
use super::{ARRIVAL, BEAT, LAST_WORDS, SILENCE};
use crate::cluster::Cluster;
use crate::failure::NodesError;

/// How long one address is tried, and how long until it is tried again.
const TRY: Duration = Duration::from_secs(3);
const PAUSE: Duration = Duration::from_millis(200);
/// How long until a launcher says for what it waits.
const PATIENT: Duration = Duration::from_secs(5);

/// What the agent wants of a launcher.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Order {
    /// To start these ranks.
    Start(Round),
    /// To end its ranks, and why.
    Stop(String),
    /// To end with this exit code.
    Over(u8),
}

/// A launcher's connection to the agent.
pub(crate) struct Membership {
    line: Line<Word>,
    address: String,
    heard: Instant,
    said: Instant,
    looked: Instant,
}

/// Why a launcher has not joined.
enum No {
    /// It may later.
    NotYet(String),
    /// It never will.
    Never(String),
}

impl Membership {
    /// Joins the launchers of the same run; `is_over` says whether this one is to end before.
    ///
    /// # Errors
    /// [`NodesError::NotMet`]. Nothing where it was to end.
    pub(crate) fn join(
        cluster: &Cluster,
        pass: &Pass,
        ranks: u64,
        is_over: &mut dyn FnMut() -> bool,
    ) -> Result<Option<Self>, NodesError> {
        let (began, mut has_said) = (Instant::now(), false);
        let failed = |cause| NodesError::NotMet {
            node: cluster.node,
            address: cluster.place.to_string(),
            cause,
        };
        loop {
            let why = match Self::ask(cluster, pass, ranks) {
                Ok(membership) => return Ok(Some(membership)),
                Err(No::Never(why)) => return Err(failed(why)),
                Err(No::NotYet(why)) => why,
            };
            if is_over() {
                return Ok(None);
            }
            if began.elapsed() > ARRIVAL {
                return Err(failed(why));
            }
            if began.elapsed() > PATIENT && !has_said {
                has_said = true;
                streams::print_error_line(format_args!(
                    "launcher: node {} waits for node 0 at {}: {why}",
                    cluster.node, cluster.place
                ));
            }
            thread::sleep(PAUSE);
        }
    }

    fn ask(cluster: &Cluster, pass: &Pass, ranks: u64) -> Result<Self, No> {
        let stream = dial(cluster).map_err(|cause| No::NotYet(cause.to_string()))?;
        let (version, host) = (VERSION.to_owned(), host_name());
        let join = Word::Join { version, node: cluster.node, host, ranks };
        let end = Instant::now() + TRY;
        let mut line = knock(stream, pass, &join, end)?;
        match line.wait(end) {
            Some(Word::Joined) => {
                let (now, address) = (Instant::now(), cluster.place.to_string());
                Ok(Self { line, address, heard: now, said: now, looked: now })
            }
            Some(Word::Busy(why)) => Err(No::NotYet(why)),
            Some(Word::Refused(why)) => Err(No::Never(why)),
            _ => Err(NoEntry::NotOurs.into()),
        }
    }

    /// What the agent says next, if it has said anything.
    ///
    /// # Errors
    /// [`NodesError::Lost`].
    pub(crate) fn order(&mut self) -> Result<Option<Order>, NodesError> {
        if self.said.elapsed() > BEAT {
            self.said = Instant::now();
            self.line.send(&Word::Beat);
        }
        // A process that was stopped must not take its own sleep for the silence of node 0.
        if self.looked.elapsed() > SILENCE / 2 {
            self.heard = Instant::now();
        }
        self.looked = Instant::now();
        while let Some(word) = self.line.message() {
            self.heard = Instant::now();
            match word {
                Word::Start(round) => return Ok(Some(Order::Start(round))),
                Word::Stop(why) => return Ok(Some(Order::Stop(why))),
                Word::Over(code) => return Ok(Some(Order::Over(code))),
                _ => {}
            }
        }
        let silence = self.heard.elapsed();
        let address = || self.address.clone();
        match () {
            () if !self.line.is_open() => {
                Err(NodesError::Lost { address: address(), cause: "it is gone".to_owned() })
            }
            () if silence > SILENCE => {
                let cause = format!("it sent nothing for {:.0} s", silence.as_secs_f64());
                Err(NodesError::Lost { address: address(), cause })
            }
            () => Ok(None),
        }
    }

    /// Says how this machine's ranks ended.
    pub(crate) fn ended(&mut self, code: u8, was_signalled: bool) {
        self.line.send(&Word::Ended(Ended { code, was_signalled }));
        self.line.flush_until(Instant::now() + LAST_WORDS);
    }

    /// Has the agent of this process end the run before it starts, and waits until all launchers know it.
    pub(crate) fn stop_all(&mut self, code: u8) {
        const PATIENCE: Duration = Duration::from_secs(3);
        self.ended(code, true);
        let began = Instant::now();
        while began.elapsed() < PATIENCE
            && !matches!(self.order(), Ok(Some(Order::Over(_))) | Err(_))
        {
            thread::sleep(signals::PAUSE);
        }
    }
}

impl From<NoEntry> for No {
    fn from(cause: NoEntry) -> Self {
        match cause {
            NoEntry::TokenWanted => Self::Never(
                "node 0 has a token (LOCKSTEP_TOKEN), and this node was started without one".into(),
            ),
            NoEntry::TokenUnknown => Self::Never(
                "this node has a token (LOCKSTEP_TOKEN), and node 0 was started without one".into(),
            ),
            NoEntry::TokenDiffers => {
                Self::Never("node 0 has another token (LOCKSTEP_TOKEN) than this node".into())
            }
            NoEntry::Other(run) => Self::NotYet(format!("another run ({run}) listens there")),
            NoEntry::NotOurs => Self::NotYet("what answers is not a launcher".into()),
            NoEntry::System(cause) => Self::NotYet(cause.to_string()),
        }
    }
}

/// The launcher of node 0 goes to its own agent, whatever its name stands for.
fn dial(cluster: &Cluster) -> io::Result<TcpStream> {
    match cluster.is_first() {
        true => MeetingPlace { host: "127.0.0.1".to_owned(), ..cluster.place }.dial(TRY),
        false => cluster.place.dial(TRY),
    }
}
