//! Where newcomers knock: any process may, so each is unknown until it has proved what it knows.
//!
//! The unknown are bounded in number, bytes and time, none is waited for, and where there are too many
//! the one that came first has to go.

use std::collections::VecDeque;
use std::io;
use std::marker::PhantomData;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener};
use std::thread;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::greeting::{Challenge, Greeting, Knock};
use crate::{Line, Pass, Refused};

/// How many strangers there may be at once, and for how long.
const STRANGERS: usize = 256;
const STAY: Duration = Duration::from_secs(5);
/// How many connections the system keeps until they are looked at: a rank that is one too many would
/// try again after a second only.
const WAITING: i32 = 4096;
/// How long a look waits for something to come.
const PAUSE: Duration = Duration::from_millis(20);

/// A port that is open, and those who have not proved that they belong here.
#[derive(Debug)]
pub struct Door<M> {
    listener: TcpListener,
    pass: Pass,
    strangers: VecDeque<Stranger>,
    refused: Refused,
    messages: PhantomData<fn() -> M>,
}

/// One that has not proved it.
#[derive(Debug)]
struct Stranger {
    came: Instant,
    line: Line<Greeting>,
    address: Option<IpAddr>,
    knocked: Option<(Knock, Challenge)>,
}

/// What became of a stranger.
enum Fate<M> {
    /// It has not said enough.
    Stays(Stranger),
    /// It proved that it belongs here, and sent a message.
    In(M, Line<M>),
    /// It belongs to another run.
    Other(Option<IpAddr>, Knock),
    /// It has a token, and this door asks for none.
    WithToken(Option<IpAddr>),
    /// It is not let in.
    Out(Option<IpAddr>),
}

impl<M: Serialize + DeserializeOwned> Door<M> {
    /// Opens it on all interfaces, for those with this pass; port 0 is any that is free.
    ///
    /// # Errors
    /// The system's.
    pub fn open_anywhere(port: u16, pass: Pass) -> io::Result<Self> {
        // The first takes IPv4 too, but not every machine has IPv6.
        Self::open(Ipv6Addr::UNSPECIFIED.into(), port, pass.clone())
            .or_else(|_| Self::open(Ipv4Addr::UNSPECIFIED.into(), port, pass))
    }

    /// Opens it at one address.
    ///
    /// # Errors
    /// The system's.
    pub fn open(address: IpAddr, port: u16, pass: Pass) -> io::Result<Self> {
        let listener = TcpListener::bind(SocketAddr::new(address, port))?;
        rustix::net::listen(&listener, WAITING)?;
        listener.set_nonblocking(true)?;
        let (strangers, refused) = (VecDeque::new(), Refused::at(pass.has_token()));
        Ok(Self { listener, pass, strangers, refused, messages: PhantomData })
    }

    /// Its number.
    ///
    /// # Errors
    /// The system's.
    pub fn port(&self) -> io::Result<u16> {
        self.listener.local_addr().map(|address| address.port())
    }

    /// Those who were not let in.
    #[must_use]
    pub fn refused(&self) -> &Refused {
        &self.refused
    }

    /// Those who have come in since the last look, each with its first message; waits a moment if
    /// there are none.
    pub fn look(&mut self) -> Vec<(M, Line<M>)> {
        self.wait();
        self.accept();
        let mut newcomers = Vec::new();
        for stranger in std::mem::take(&mut self.strangers) {
            match stranger.heard(&self.pass) {
                Fate::Stays(stranger) => self.strangers.push_back(stranger),
                Fate::In(message, line) => newcomers.push((message, line)),
                Fate::Other(address, knock) => self.refused.add_other(address, knock.run),
                Fate::WithToken(address) => self.refused.add_with_token(address),
                Fate::Out(address) => self.refused.add(address),
            }
        }
        newcomers
    }

    /// Until something comes. A poll that fails, by a signal say, is only too early.
    fn wait(&self) {
        let streams = self.strangers.iter().map(|stranger| stranger.line.stream());
        let streams = streams.map(|stream| PollFd::new(stream, PollFlags::IN));
        let mut ends: Vec<_> =
            streams.chain([PollFd::new(&self.listener, PollFlags::IN)]).collect();
        let pause = Timespec::try_from(PAUSE).ok();
        let _ = poll(&mut ends, pause.as_ref());
    }

    /// Takes in no more than there is room for, so that a flood does not keep us here.
    fn accept(&mut self) {
        for _ in 0..STRANGERS {
            let (stream, address) = match self.listener.accept() {
                Ok(came) => came,
                Err(cause) if cause.kind() == io::ErrorKind::WouldBlock => return,
                // No descriptor is free, say: the listener is ready all the time.
                Err(_) => return thread::sleep(PAUSE),
            };
            let address = Some(address.ip().to_canonical());
            let Ok(line) = Line::new(stream) else { continue };
            if self.strangers.len() == STRANGERS
                && let Some(first) = self.strangers.pop_front()
            {
                self.refused.add(first.address);
            }
            let came = Instant::now();
            self.strangers.push_back(Stranger { came, line, address, knocked: None });
        }
    }
}

impl Stranger {
    /// What it has said since.
    fn heard<M: DeserializeOwned>(mut self, pass: &Pass) -> Fate<M> {
        match (self.line.message(), self.knocked.take()) {
            (Some(Greeting::Knock(knock)), None) => self.challenged(knock, pass),
            (Some(Greeting::Answer { proof, first }), Some((knock, challenge)))
                if challenge.is_met(&knock, pass, &proof, &first) =>
            {
                match serde_json::from_str(&first) {
                    Ok(first) => Fate::In(first, self.line.turn()),
                    Err(_) => Fate::Out(self.address),
                }
            }
            (None, knocked) if self.line.is_open() && self.came.elapsed() < STAY => {
                Fate::Stays(Self { knocked, ..self })
            }
            _ => Fate::Out(self.address),
        }
    }

    fn challenged<M>(mut self, knock: Knock, pass: &Pass) -> Fate<M> {
        let Ok(challenge) = Challenge::to(&knock, pass) else { return Fate::Out(self.address) };
        let challenge = Greeting::Challenge(challenge);
        self.line.send(&challenge);
        match challenge {
            Greeting::Challenge(challenge) if challenge.is_open() => {
                Fate::Stays(Self { knocked: Some((knock, challenge)), ..self })
            }
            _ if knock.run.differs_from(pass.run()) => Fate::Other(self.address, knock),
            _ if knock.has_token && !pass.has_token() => Fate::WithToken(self.address),
            _ => Fate::Out(self.address),
        }
    }
}
