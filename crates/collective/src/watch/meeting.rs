//! How the watches find each other: rank 0 listens, and tells all by the collective where.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::time::{Duration, Instant};

use lockstep_world::{Rank, Seat};
use serde::{Deserialize, Serialize};

use super::frame::{Frame, rank};
use super::line::Line;
use super::peer::Peer;
use crate::{Collective, CollectiveError, broadcast_bytes};

/// How long the watches of one run wait for each other.
const PATIENCE: Duration = Duration::from_secs(30);
/// How long one address is tried.
const TRY: Duration = Duration::from_secs(3);
/// How many strangers may be at the door at once.
const STRANGERS: usize = 256;

/// Where rank 0 is met.
#[derive(Serialize, Deserialize)]
struct Invitation {
    addresses: Vec<IpAddr>,
    port: u16,
    nonce: [u64; 2],
}

/// Connects every rank with rank 0; gives the peers this one watches.
pub(super) fn meet(
    collective: &mut dyn Collective,
    host: &str,
) -> Result<Vec<Peer>, CollectiveError> {
    let seat = collective.seat();
    let listener = seat.is_leader().then(open).transpose().map_err(|cause| not_met(seat, &cause));
    let (listener, failure) = match listener {
        Ok(listener) => (listener, None),
        Err(failure) => (None, Some(failure)),
    };
    let mine = listener.as_ref().map(|(_, invitation)| invitation);
    let mine = serde_json::to_vec(&mine).unwrap_or_default();
    let told = broadcast_bytes(collective, &mine, Rank(0))?;
    if let Some(failure) = failure {
        return Err(failure);
    }
    let invitation: Option<Invitation> = serde_json::from_slice(&told).unwrap_or_default();
    let invitation =
        invitation.ok_or_else(|| not_met(seat, &"rank 0 could not listen on any port"))?;
    let peers = match listener {
        Some((listener, _)) => receive(seat, &listener, &invitation, host)?,
        None => vec![visit(seat, &invitation, host)?],
    };
    collective.barrier()?;
    Ok(peers)
}

fn open() -> std::io::Result<(TcpListener, Invitation)> {
    let listener = TcpListener::bind((Ipv4Addr::UNSPECIFIED, 0))?;
    listener.set_nonblocking(true)?;
    let port = listener.local_addr()?.port();
    let local = [IpAddr::V4(Ipv4Addr::LOCALHOST)];
    let others = if_addrs::get_if_addrs().unwrap_or_default();
    let others = others.iter().map(if_addrs::Interface::ip).filter(|ip| ip.is_ipv4());
    let addresses = local.into_iter().chain(others.filter(|ip| !ip.is_loopback())).collect();
    // The standard library seeds each of these by the system's random numbers.
    let random = || RandomState::new().build_hasher().finish();
    Ok((listener, Invitation { addresses, port, nonce: [random(), random()] }))
}

/// Rank 0: waits for all others. Whoever does not know the nonce is sent away.
fn receive(
    seat: Seat,
    listener: &TcpListener,
    invitation: &Invitation,
    host: &str,
) -> Result<Vec<Peer>, CollectiveError> {
    let end = Instant::now() + PATIENCE;
    let mut strangers: Vec<Line> = Vec::new();
    let mut peers: Vec<Peer> = Vec::new();
    while peers.len() + 1 < seat.world().get() {
        if Instant::now() > end {
            return Err(not_met(seat, &absent(seat, &peers)));
        }
        while let Ok((stream, _)) = listener.accept() {
            strangers.extend(Line::new(stream).ok().filter(|_| strangers.len() < STRANGERS));
        }
        for mut line in std::mem::take(&mut strangers) {
            match line.receive().into_iter().next() {
                None if line.is_open() => strangers.push(line),
                Some(Frame::Hello { nonce, rank: number, host: theirs })
                    if nonce == invitation.nonce =>
                {
                    let known = peers.iter().any(|peer| peer.rank.0 == number);
                    if let (false, Some(rank)) = (known, rank(number, seat.world().get())) {
                        line.send(&Frame::Welcome { nonce, host: host.to_owned() });
                        peers.push(Peer::new(rank, theirs, line));
                    }
                }
                _ => {}
            }
        }
        std::thread::sleep(Duration::from_millis(2));
    }
    Ok(peers)
}

/// Any other rank: tries rank 0's addresses until one answers with the nonce.
fn visit(seat: Seat, invitation: &Invitation, host: &str) -> Result<Peer, CollectiveError> {
    let Invitation { addresses, port, nonce } = invitation;
    let end = Instant::now() + PATIENCE;
    while Instant::now() < end {
        for address in addresses {
            let address = SocketAddr::new(*address, *port);
            let stream = TcpStream::connect_timeout(&address, TRY);
            let Some(mut line) = stream.and_then(Line::new).ok() else { continue };
            let (rank, host) = (seat.rank().0, host.to_owned());
            line.send(&Frame::Hello { nonce: *nonce, rank, host });
            match line.wait(Instant::now() + TRY) {
                Some(Frame::Welcome { nonce: theirs, host }) if theirs == *nonce => {
                    return Ok(Peer::new(Rank(0), host, line));
                }
                _ => {}
            }
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    let list: Vec<String> = addresses.iter().map(ToString::to_string).collect();
    Err(not_met(seat, &format!("no answer at port {port} of {}", list.join(", "))))
}

fn absent(seat: Seat, peers: &[Peer]) -> String {
    let is_there = |rank: &usize| peers.iter().any(|peer| peer.rank.0 == *rank);
    let absent = (1..seat.world().get()).filter(|rank| !is_there(rank));
    format!("rank {} never came", absent.map(|r| r.to_string()).collect::<Vec<_>>().join(", "))
}

fn not_met(seat: Seat, cause: &dyn std::fmt::Display) -> CollectiveError {
    CollectiveError::NotMet {
        seat,
        address: "the watch of rank 0".to_owned(),
        cause: cause.to_string(),
        remedy: "let the hosts reach each other by TCP (firewalls, network policies)",
    }
}
