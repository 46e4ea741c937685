//! How the watches find each other: rank 0 listens, and tells all by the collective where.

use std::net::{IpAddr, SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use lockstep_wire::{self as wire, Door, DoorPurpose, Nonce, Pass, knock};
use lockstep_world::{Rank, Seat};
use serde::{Deserialize, Serialize};

use super::frame::Frame;
use super::peer::Peer;
use crate::absent::absent;
use crate::{Collective, CollectiveError, broadcast_bytes};

/// How long the watches of one run wait for each other.
const PATIENCE: Duration = Duration::from_secs(30);
/// How long one address is tried.
const TRY: Duration = Duration::from_secs(3);

/// Where rank 0 is met.
#[derive(Serialize, Deserialize)]
struct Invitation {
    addresses: Vec<IpAddr>,
    port: u16,
    nonce: Nonce,
}

/// No invitation is longer: its addresses fit into one message.
const MOST_BYTES: usize = wire::LONGEST;

/// Connects every rank with rank 0; gives the peers this one watches, and the number that they share.
pub(super) fn meet(
    collective: &mut dyn Collective,
    host: &str,
) -> Result<(Vec<Peer>, Nonce), CollectiveError> {
    let seat = collective.seat();
    let door = seat.is_leader().then(open).transpose().map_err(|cause| not_met(seat, &cause));
    let (door, failure) = match door {
        Ok(door) => (door, None),
        Err(failure) => (None, Some(failure)),
    };
    let mine = door.as_ref().map(|(_, invitation)| invitation);
    let mine = serde_json::to_vec(&mine).unwrap_or_default();
    let told = broadcast_bytes(collective, &mine, Rank(0), MOST_BYTES)?;
    if let Some(failure) = failure {
        return Err(failure);
    }
    let invitation: Option<Invitation> = serde_json::from_slice(&told).unwrap_or_default();
    let invitation =
        invitation.ok_or_else(|| not_met(seat, &"rank 0 could not listen on any port"))?;
    let peers = match door {
        Some((door, _)) => receive(seat, door, host)?,
        None => vec![visit(seat, &invitation, host)?],
    };
    collective.barrier()?;
    Ok((peers, invitation.nonce))
}

fn open() -> std::io::Result<(Door<Frame>, Invitation)> {
    let nonce = wire::nonce()?;
    let door = Door::open_anywhere(0, pass(nonce))?;
    let port = door.port()?;
    Ok((door, Invitation { addresses: wire::addresses(), port, nonce }))
}

/// The number went to all ranks on a way of their own.
fn pass(nonce: Nonce) -> Pass {
    Pass::of_meeting(DoorPurpose::Watch, None, nonce)
}

/// Rank 0: waits for all others. A program that does not know the nonce is rejected.
fn receive(seat: Seat, mut door: Door<Frame>, host: &str) -> Result<Vec<Peer>, CollectiveError> {
    let end = Instant::now() + PATIENCE;
    let world = seat.world().get();
    let mut peers: Vec<Peer> = Vec::new();
    let is_there = |peers: &[Peer], number| peers.iter().any(|peer| peer.rank.0 == number);
    while peers.len() + 1 < world {
        if Instant::now() > end {
            return Err(not_met(seat, &absent(world, |rank| is_there(&peers, rank))));
        }
        for (hello, mut line) in door.look() {
            let Frame::Hello { rank, host: theirs } = hello else { continue };
            if rank < world && !is_there(&peers, rank) {
                line.send(&Frame::Welcome { host: host.to_owned() });
                peers.push(Peer::new(Rank(rank), theirs, line));
            }
        }
    }
    Ok(peers)
}

/// Any other rank: tries rank 0's addresses until one answers with the nonce.
fn visit(seat: Seat, invitation: &Invitation, host: &str) -> Result<Peer, CollectiveError> {
    let Invitation { addresses, port, nonce } = invitation;
    let end = Instant::now() + PATIENCE;
    let hello = Frame::Hello { rank: seat.rank().0, host: host.to_owned() };
    while Instant::now() < end {
        for address in addresses {
            let address = SocketAddr::new(*address, *port);
            let stream = TcpStream::connect_timeout(&address, TRY);
            let Ok(stream) = stream else { continue };
            let limit = Instant::now() + TRY;
            let Ok(mut line) = knock(stream, &pass(*nonce), &hello, limit) else { continue };
            if let Some(Frame::Welcome { host }) = line.wait(limit) {
                return Ok(Peer::new(Rank(0), host, line));
            }
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    let list: Vec<String> = addresses.iter().map(ToString::to_string).collect();
    Err(not_met(seat, &format!("no answer at port {port} of {}", list.join(", "))))
}

fn not_met(seat: Seat, cause: &dyn std::fmt::Display) -> CollectiveError {
    CollectiveError::NotMet {
        seat,
        address: "the watch of rank 0".to_owned(),
        cause: cause.to_string(),
        remedy: "let the hosts reach each other by TCP (firewalls, network policies)",
    }
}
