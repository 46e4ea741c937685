//! Rank 0 at the meeting place: it lets all ranks come, and sends each to its next neighbour.

use std::io;
use std::net::{IpAddr, Ipv4Addr};
use std::time::Instant;

use lockstep_world::Seat;

use super::{Home, Nonce, VERSION, Word};
use crate::tcp::MeetingPlace;
use crate::wire::{self, Door, Line};

/// A rank that has come and waits.
struct Guest {
    line: Line<Word>,
    home: Home,
}

/// Waits until all are there; gives what they are told: here, where rank 1 is.
pub(super) fn receive(
    seat: Seat,
    place: &MeetingPlace,
    (home, end): (Home, Instant),
) -> Result<(Nonce, Home), String> {
    let size = seat.world().get();
    let mut door =
        open(place).map_err(|cause| format!("cannot listen on port {}: {cause}", place.port))?;
    let mut guests: Vec<Option<Guest>> = (1..size).map(|_| None).collect();
    while guests.iter().any(Option::is_none) {
        if Instant::now() > end {
            return Err(wire::absent(size, |rank| guests[rank - 1].is_some()));
        }
        for (word, line) in door.look() {
            seat_guest(&mut guests, word, line);
        }
        guests.iter_mut().for_each(forget_the_gone);
    }
    let nonce = wire::nonce();
    let homes: Vec<Home> = guests.iter().flatten().map(|guest| guest.home.clone()).collect();
    let nexts = homes.iter().skip(1).chain([&home]);
    for (guest, next) in guests.iter_mut().flatten().zip(nexts) {
        guest.line.send(&Word::Next { nonce, home: next.clone() });
        guest.line.flush_until(end);
    }
    Ok((nonce, homes.into_iter().next().unwrap_or(home)))
}

/// A name may stand for the wrong address on its own machine, as Debian's 127.0.1.1 does; so only
/// what says that it is local is listened to locally.
fn open(place: &MeetingPlace) -> io::Result<Door<Word>> {
    match place.host.parse::<IpAddr>() {
        Ok(ip) if ip.is_loopback() => Door::open(ip, place.port),
        Err(_) if place.host == "localhost" => Door::open(Ipv4Addr::LOCALHOST.into(), place.port),
        _ => Door::open_anywhere(place.port),
    }
}

/// Gives a newcomer its place, or says why it has none.
fn seat_guest(guests: &mut [Option<Guest>], word: Word, mut line: Line<Word>) {
    let Word::Hello { version, rank, size, mut home } = word else { return };
    let ours = guests.len() + 1;
    let place = rank.checked_sub(1).and_then(|place| guests.get_mut(place));
    let refusal = match place {
        _ if version != VERSION => format!("this is version {VERSION}, and you are {version}"),
        _ if size != ours => format!("this run has {ours} ranks, and you were told of {size}"),
        None => format!("rank {rank} of {ours} is nobody who could come"),
        Some(Some(_)) => format!("rank {rank} is there already, so two have the same RANK"),
        Some(place) => {
            home.addresses.splice(0..0, line.address());
            *place = Some(Guest { line, home });
            return;
        }
    };
    line.send(&Word::Refused(refusal));
}

/// Whoever ended while it waited may be started again.
fn forget_the_gone(place: &mut Option<Guest>) {
    let is_gone = |guest: &mut Guest| guest.line.next().is_some() || !guest.line.is_open();
    if place.as_mut().is_some_and(is_gone) {
        *place = None;
    }
}
