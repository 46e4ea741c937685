//! The two connections of a rank, and the bytes that go round on them.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use lockstep_world::Rank;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::net::sockopt;

use crate::CollectiveError;
use crate::pulse;
use crate::ring::Neighbours;

/// How long a neighbour's machine may be unreachable while something is under way.
const UNREACHABLE: Duration = Duration::from_secs(30);

/// How long a wait may last until the next look.
const REST: Timespec = Timespec { tv_sec: 0, tv_nsec: pulse::REST.subsec_nanos() as i64 };

/// The two connections of a rank.
#[derive(Debug)]
pub(super) struct Connections {
    next: Neighbour,
    previous: Neighbour,
}

/// A rank beside this one.
#[derive(Debug)]
pub(super) struct Neighbour {
    name: String,
    stream: TcpStream,
}

impl Neighbour {
    /// A rank and the connection to it.
    ///
    /// # Errors
    /// The system's.
    pub(super) fn new(rank: Rank, stream: TcpStream) -> io::Result<Self> {
        stream.set_nonblocking(true)?;
        stream.set_nodelay(true)?;
        sockopt::set_socket_keepalive(&stream, true)?;
        sockopt::set_tcp_keepidle(&stream, UNREACHABLE / 6)?;
        sockopt::set_tcp_keepintvl(&stream, UNREACHABLE / 6)?;
        sockopt::set_tcp_user_timeout(&stream, 30_000)?;
        let address = stream.peer_addr()?.ip().to_canonical();
        Ok(Self { name: format!("rank {} ({address})", rank.0), stream })
    }

    fn lost(&self, call: &'static str, cause: impl ToString) -> CollectiveError {
        CollectiveError::Lost { peer: self.name.clone(), call, cause: cause.to_string() }
    }
}

impl Connections {
    /// A rank's place between two neighbours.
    pub(super) fn new(next: Neighbour, previous: Neighbour) -> Self {
        Self { next, previous }
    }

    /// Until more can be sent or has come. A poll that fails, by a signal say, is only too early.
    fn wait(&self, is_sent: bool, is_taken: bool) {
        let mut ends = Vec::with_capacity(2);
        if !is_sent {
            ends.push(PollFd::new(&self.next.stream, PollFlags::OUT));
        }
        if !is_taken {
            ends.push(PollFd::new(&self.previous.stream, PollFlags::IN));
        }
        let _ = poll(&mut ends, Some(&REST));
        pulse::note();
    }
}

impl Neighbours for Connections {
    fn exchange(
        &mut self,
        call: &'static str,
        mut given: &[u8],
        mut taken: &mut [u8],
    ) -> Result<(), CollectiveError> {
        loop {
            let sent = send(&mut self.next.stream, given);
            given = &given[sent.map_err(|cause| self.next.lost(call, cause))?..];
            let came = receive(&mut self.previous.stream, taken);
            taken = &mut taken[came.map_err(|cause| self.previous.lost(call, cause))?..];
            if given.is_empty() && taken.is_empty() {
                return Ok(());
            }
            self.wait(given.is_empty(), taken.is_empty());
        }
    }
}

/// How many of the bytes went at once.
fn send(stream: &mut TcpStream, bytes: &[u8]) -> io::Result<usize> {
    at_once(bytes.is_empty(), || stream.write(bytes))
}

/// How many of the bytes came at once.
fn receive(stream: &mut TcpStream, bytes: &mut [u8]) -> io::Result<usize> {
    at_once(bytes.is_empty(), || stream.read(bytes))
}

fn at_once(is_done: bool, mut go: impl FnMut() -> io::Result<usize>) -> io::Result<usize> {
    if is_done {
        return Ok(0);
    }
    match go() {
        Ok(0) => Err(io::Error::other("it closed the connection, so its process is gone")),
        Err(cause) if is_early(&cause) => Ok(0),
        other => other,
    }
}

fn is_early(cause: &io::Error) -> bool {
    matches!(cause.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted)
}
