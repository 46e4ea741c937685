//! The two connections of a rank, and the bytes that go round on them.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::ops::Range;
use std::time::Duration;

use bytemuck::{Pod, cast_slice, cast_slice_mut};
use lockstep_world::Rank;
use rustix::event::{PollFd, PollFlags, poll};
use rustix::net::sockopt;

use crate::CollectiveError;

/// How long a neighbour's machine may be unreachable while something is under way.
const UNREACHABLE: Duration = Duration::from_secs(30);

/// The two connections of a rank.
#[derive(Debug)]
pub(super) struct Ring {
    next: Neighbour,
    previous: Neighbour,
}

/// A rank beside this one.
#[derive(Debug)]
pub(super) struct Neighbour {
    name: String,
    stream: TcpStream,
}

/// What is divided among the ranks.
#[derive(Clone, Copy)]
pub(super) struct Parts {
    /// How many things.
    pub(super) length: usize,
    /// How many parts.
    pub(super) count: usize,
}

impl Parts {
    /// One part, where they differ by one in length at most.
    pub(super) fn range(self, part: usize) -> Range<usize> {
        part * self.length / self.count..(part + 1) * self.length / self.count
    }
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

impl Ring {
    /// A ring's piece between two neighbours.
    pub(super) fn new(next: Neighbour, previous: Neighbour) -> Self {
        Self { next, previous }
    }

    /// Sends `given` to the next rank while `taken` comes from the previous one.
    ///
    /// # Errors
    /// [`CollectiveError::Lost`].
    pub(super) fn exchange<T: Pod>(
        &mut self,
        call: &'static str,
        given: &[T],
        taken: &mut [T],
    ) -> Result<(), CollectiveError> {
        let (mut given, mut taken): (&[u8], &mut [u8]) = (cast_slice(given), cast_slice_mut(taken));
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

    /// Until every rank has every part of `values`, where each starts with its part `first`.
    ///
    /// # Errors
    /// [`CollectiveError::Lost`].
    pub(super) fn pass_round<T: Pod>(
        &mut self,
        call: &'static str,
        values: &mut [T],
        (parts, first): (Parts, usize),
    ) -> Result<(), CollectiveError> {
        for step in 0..parts.count - 1 {
            let part = |steps| parts.range((first + parts.count - steps) % parts.count);
            let (given, taken) = two(values, part(step), part(step + 1));
            self.exchange(call, given, taken)?;
        }
        Ok(())
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
        let _ = poll(&mut ends, None);
    }
}

/// Two parts of `values`, neither within the other.
fn two<T>(values: &mut [T], given: Range<usize>, taken: Range<usize>) -> (&[T], &mut [T]) {
    if given.end <= taken.start {
        let (front, back) = values.split_at_mut(taken.start);
        (&front[given], &mut back[..taken.len()])
    } else {
        let (front, back) = values.split_at_mut(given.start);
        (&back[..given.len()], &mut front[taken])
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
