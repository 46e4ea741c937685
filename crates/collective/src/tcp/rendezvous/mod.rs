//! How the ranks of a ring find each other: all go to rank 0, which tells each where its next
//! neighbour is.

mod entry;
mod leader;
mod pmi;
mod store;
mod visitor;
mod waiting;

use std::io;
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use lockstep_wire::{self as wire, Door, DoorPurpose, Line, Nonce, Pass, Token, knock};
use lockstep_world::{Rank, Seat};
use serde::{Deserialize, Serialize};

use super::neighbours::{Connections, Neighbour};
use super::{Meeting, Patience};
use crate::CollectiveError;
use waiting::Waiting;

/// Ranks of other versions may not sum alike.
const VERSION: &str = env!("CARGO_PKG_VERSION");
/// How long neighbours try to reach each other.
const LINKING: Duration = Duration::from_secs(30);
/// How long one address is tried.
const TRY: Duration = Duration::from_secs(3);
/// How long until a rank is tried again.
const PAUSE: Duration = Duration::from_millis(100);

/// What ranks say before the ring is closed.
#[derive(Clone, Debug, Serialize, Deserialize)]
enum MeetingMessage {
    /// To rank 0: who this is, and where its previous neighbour finds it.
    Hello { version: String, rank: usize, size: usize, home: Home },
    /// Rank 0's answer to a program that does not belong here, and why.
    Refused(String),
    /// Rank 0's answer to a rank that has to wait for others now.
    Seated,
    /// Rank 0's answer when all are there: where the next neighbour is.
    Next { home: Home },
    /// To the next neighbour.
    Link { rank: usize },
    /// The next neighbour's answer.
    Linked,
}

/// Where a rank may be met, and what its neighbour has to know.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Home {
    addresses: Vec<IpAddr>,
    port: u16,
    nonce: Nonce,
}

impl Home {
    fn pass(&self, token: Option<&Token>) -> Pass {
        Pass::of_meeting(DoorPurpose::Ring, token, self.nonce)
    }
}

/// Closes the ring.
pub(super) fn meet(
    seat: Seat,
    meeting: &Meeting,
    patience: &Patience<'_>,
) -> Result<Connections, CollectiveError> {
    let failed = |cause: String| CollectiveError::NotMet {
        seat,
        address: meeting.to_string(),
        cause,
        remedy: "start all ranks with the same MASTER_ADDR, MASTER_PORT, WORLD_SIZE and \
                 LOCKSTEP_TOKEN, each with its own RANK, give runs that share a port a \
                 LOCKSTEP_RUN_ID each, and let the hosts reach each other by TCP (firewalls, \
                 network policies)",
    };
    let token = meeting.token.as_ref();
    let (door, home) = open(token).map_err(|cause| failed(cause.to_string()))?;
    let next = Waiting::during(&seat.to_string(), patience, |waiting| {
        if seat.is_leader() {
            leader::receive(seat, meeting, home, waiting)
        } else {
            visitor::visit(seat, meeting, home, waiting)
        }
    })
    .map_err(failed)?;
    close(seat, door, &next, token).map_err(failed)
}

/// Opens a port for the previous neighbour.
fn open(token: Option<&Token>) -> io::Result<(Door<MeetingMessage>, Home)> {
    let home = Home { addresses: wire::addresses(), port: 0, nonce: wire::nonce()? };
    let door = Door::open_anywhere(0, home.pass(token))?;
    let port = door.port()?;
    Ok((door, Home { port, ..home }))
}

/// Reaches the next neighbour while the previous one comes.
fn close(
    seat: Seat,
    door: Door<MeetingMessage>,
    next: &Home,
    token: Option<&Token>,
) -> Result<Connections, String> {
    let end = Instant::now() + LINKING;
    let (rank, size) = (seat.rank().0, seat.world().get());
    let (before, behind) = (Rank((rank + size - 1) % size), Rank((rank + 1) % size));
    let (came, reached) = thread::scope(|scope| {
        let coming = scope.spawn(|| await_previous(door, before, end));
        let reached = reach_next(rank, next, &next.pass(token), end);
        (coming.join().ok().flatten(), reached)
    });
    let reached = reached.ok_or_else(|| {
        let Home { addresses, port, .. } = next;
        let list: Vec<_> = addresses.iter().map(ToString::to_string).collect();
        format!("rank {} did not answer at port {port} of {}", behind.0, list.join(", "))
    })?;
    let came = came.ok_or_else(|| format!("rank {} could not reach this one", before.0))?;
    let neighbour = |rank, line: Line<MeetingMessage>| Neighbour::new(rank, line.into_stream());
    let ring = neighbour(behind, reached)
        .and_then(|next| Ok(Connections::new(next, neighbour(before, came)?)));
    ring.map_err(|cause| cause.to_string())
}

fn await_previous(
    mut door: Door<MeetingMessage>,
    before: Rank,
    end: Instant,
) -> Option<Line<MeetingMessage>> {
    while Instant::now() < end {
        for (word, mut line) in door.look() {
            if matches!(word, MeetingMessage::Link { rank } if rank == before.0) {
                line.send(&MeetingMessage::Linked);
                line.flush_until(end);
                return Some(line);
            }
        }
    }
    None
}

fn reach_next(rank: usize, home: &Home, pass: &Pass, end: Instant) -> Option<Line<MeetingMessage>> {
    let link = MeetingMessage::Link { rank };
    while Instant::now() < end {
        for address in &home.addresses {
            let address = SocketAddr::new(*address, home.port);
            let stream = TcpStream::connect_timeout(&address, TRY);
            let Ok(stream) = stream else { continue };
            let limit = end.min(Instant::now() + TRY);
            let Ok(mut line) = knock(stream, pass, &link, limit) else { continue };
            if let Some(MeetingMessage::Linked) = line.wait(limit) {
                return Some(line);
            }
        }
        thread::sleep(PAUSE);
    }
    None
}

/// What reaches the port of the rendezvous, and what a starter's store says of rank 0.
#[cfg(fuzzing)]
pub fn read_strangers(bytes: &[u8]) {
    lockstep_wire::fuzzing::messages::<MeetingMessage>(bytes);
    lockstep_wire::fuzzing::greetings(bytes);
    if let Some(entry) = std::str::from_utf8(bytes).ok().and_then(entry::Entry::read) {
        let _ = entry::Entry::read(&entry.written());
    }
}
