//! Rank 0 at the meeting place: it lets all ranks come, and sends each to its next neighbour.

use std::io;
use std::net::{IpAddr, Ipv4Addr};
use std::thread;
use std::time::{Duration, Instant};

use lockstep_world::Seat;

use super::entry::Entry;
use super::pmi;
use super::visitor::{self, No};
use super::waiting::Waiting;
use super::{Home, MeetingMessage, Nonce, PAUSE, VERSION};
use crate::tcp::{Keeper, Meeting, MeetingPlace, RunIdentity};
use crate::wire::{self, Door, Line};

/// How long a port may be taken by a program that is not ours; a run that ends lets go of it.
const TAKEN: Duration = Duration::from_secs(20);

/// A rank that has come and waits.
struct Guest {
    line: Line<MeetingMessage>,
    home: Home,
}

/// Those who have come.
struct Party<'a> {
    run: &'a RunIdentity,
    guests: Vec<Option<Guest>>,
    /// The last one that belongs to another run.
    stranger: Option<String>,
}

/// Waits until all are there; gives what they are told: here, where rank 1 is.
pub(super) fn receive(
    seat: Seat,
    meeting: &Meeting,
    home: Home,
    waiting: &Waiting,
) -> Result<(Nonce, Home), String> {
    let (mut door, run) = match meeting.keeper {
        Keeper::Leader => (open_in_time(seat, meeting, &home, waiting)?, meeting.run.clone()),
        Keeper::Agent => open_beside(&meeting.place, waiting)?,
        Keeper::Pmi(number) => open_for_pmi(number, &meeting.place, waiting)?,
    };
    let size = seat.world().get();
    let mut party = Party::new(&run, size);
    waiting.note(party.missing(meeting));
    while party.guests.iter().any(Option::is_none) {
        if waiting.is_over() {
            let absent = wire::absent(size, |rank| party.guests[rank - 1].is_some());
            return Err(format!("{absent}{}", party.stranger.unwrap_or_default()));
        }
        let newcomers = door.look();
        let gone = party.guests.iter_mut().filter_map(|place| forget_the_gone(place).then_some(()));
        let has_changed = gone.count() > 0 || !newcomers.is_empty();
        newcomers.into_iter().for_each(|(word, line)| party.seat(word, line));
        if has_changed {
            waiting.note(party.missing(meeting));
        }
    }
    Ok(party.begin(home))
}

impl<'a> Party<'a> {
    fn new(run: &'a RunIdentity, size: usize) -> Self {
        Self { run, guests: (1..size).map(|_| None).collect(), stranger: None }
    }

    /// For whom all wait.
    fn missing(&self, meeting: &Meeting) -> String {
        let missing = self.guests.iter().enumerate().filter(|(_, guest)| guest.is_none());
        let missing: Vec<_> = missing.map(|(index, _)| (index + 1).to_string()).collect();
        let stranger = self.stranger.as_deref().unwrap_or_default();
        format!("at {meeting} for rank {}{stranger}", missing.join(", "))
    }

    /// Gives a newcomer its place, or says why it has none.
    fn seat(&mut self, word: MeetingMessage, mut line: Line<MeetingMessage>) {
        let MeetingMessage::Hello { version, rank, size, mut home, run } = word else { return };
        if self.run.differs_from(&run) {
            line.send(&MeetingMessage::Elsewhere(self.run.clone()));
            let (from, ours) = (line.address(), self.run);
            let from = from.map(|address| format!(" from {address}")).unwrap_or_default();
            self.stranger = Some(format!(
                "; a rank of another run{from} was rejected: its run is {run}, and this is \
                 {ours}"
            ));
            return;
        }
        let ours = self.guests.len() + 1;
        let place = rank.checked_sub(1).and_then(|place| self.guests.get_mut(place));
        let refusal = match place {
            _ if version != VERSION => {
                format!("this is version {VERSION}, but the rank has {version}")
            }
            _ if size != ours => {
                format!("this run has {ours} ranks, but the rank was started for {size}")
            }
            None => format!("rank {rank} does not exist among {ours}"),
            Some(Some(_)) => format!("rank {rank} is already connected, so two have the same RANK"),
            Some(place) => {
                home.addresses.splice(0..0, line.address());
                line.send(&MeetingMessage::Seated);
                *place = Some(Guest { line, home });
                return;
            }
        };
        line.send(&MeetingMessage::Refused(refusal));
    }

    /// Tells all where their next neighbours are.
    fn begin(mut self, home: Home) -> (Nonce, Home) {
        let end = Instant::now() + super::LINKING;
        let nonce = wire::nonce();
        let homes: Vec<Home> = self.guests.iter().flatten().map(|g| g.home.clone()).collect();
        let nexts = homes.iter().skip(1).chain([&home]);
        for (guest, next) in self.guests.iter_mut().flatten().zip(nexts) {
            guest.line.send(&MeetingMessage::Next { nonce, home: next.clone() });
            guest.line.flush_until(end);
        }
        (nonce, homes.into_iter().next().unwrap_or(home))
    }
}

/// Opens the port that all were told. One that another run's ranks meet at now will be free soon.
fn open_in_time(
    seat: Seat,
    meeting: &Meeting,
    home: &Home,
    waiting: &Waiting,
) -> Result<Door<MeetingMessage>, String> {
    let (place, run) = (&meeting.place, &meeting.run);
    let port = place.port;
    let mut first = None;
    loop {
        let taken = match open(place, port) {
            Ok(door) => return Ok(door),
            Err(cause) if cause.kind() == io::ErrorKind::AddrInUse => cause,
            Err(cause) => return Err(format!("cannot listen on port {port}: {cause}")),
        };
        if first.is_none() {
            waiting.note(format!("to listen on port {port}: {taken}"));
        }
        let since = *first.get_or_insert_with(Instant::now);
        let (who, limit) = match visitor::greet(seat, meeting, home, waiting) {
            Err(No::Other(other)) => {
                (format!("rank 0 of another run ({other}) listens on it; this run is {run}"), None)
            }
            Err(No::Refused(why)) => {
                (format!("another rank 0 listens on it and replies: {why}"), Some(TAKEN))
            }
            _ => ("another program listens on it".to_owned(), Some(TAKEN)),
        };
        waiting.note(format!("to listen on port {port}: {taken}; {who}"));
        if waiting.is_over() || limit.is_some_and(|limit| since.elapsed() > limit) {
            return Err(format!("cannot listen on port {port}: {taken}; {who}"));
        }
        thread::sleep(PAUSE);
    }
}

/// Opens any port, and writes it down in the store of torchrun's agent.
fn open_beside(
    place: &MeetingPlace,
    waiting: &Waiting,
) -> Result<(Door<MeetingMessage>, RunIdentity), String> {
    let (door, entry) = open_any(place)?;
    while let Err(cause) = visitor::store(place).and_then(|mut store| store.write(&entry)) {
        let why = visitor::agents(&cause);
        waiting.note(format!("for {place}, to write its address: {why}"));
        if waiting.is_over() {
            return Err(why);
        }
        thread::sleep(PAUSE);
    }
    Ok((door, entry.run()))
}

/// Opens any port, and hands it to MPICH's starter.
fn open_for_pmi(
    number: i32,
    place: &MeetingPlace,
    waiting: &Waiting,
) -> Result<(Door<MeetingMessage>, RunIdentity), String> {
    let (door, entry) = open_any(place)?;
    pmi::exchange(number, Some(&entry), waiting)?;
    Ok((door, entry.run()))
}

fn open_any(place: &MeetingPlace) -> Result<(Door<MeetingMessage>, Entry), String> {
    let failed = |cause: io::Error| format!("cannot listen on any port: {cause}");
    let door = open(place, 0).map_err(failed)?;
    let port = door.port().map_err(failed)?;
    Ok((door, Entry { port, nonce: wire::nonce(), addresses: wire::addresses() }))
}

/// A name may stand for the wrong address on its own machine, as Debian's 127.0.1.1 does; so only
/// what says that it is local is listened to locally.
fn open(place: &MeetingPlace, port: u16) -> io::Result<Door<MeetingMessage>> {
    match place.host.parse::<IpAddr>() {
        Ok(ip) if ip.is_loopback() => Door::open(ip, port),
        Err(_) if place.host == "localhost" => Door::open(Ipv4Addr::LOCALHOST.into(), port),
        _ => Door::open_anywhere(port),
    }
}

/// A rank that ended while it waited may be started again. Says whether one was.
fn forget_the_gone(place: &mut Option<Guest>) -> bool {
    let is_gone = |guest: &mut Guest| guest.line.next().is_some() || !guest.line.is_open();
    let is_gone = place.as_mut().is_some_and(is_gone);
    if is_gone {
        *place = None;
    }
    is_gone
}
