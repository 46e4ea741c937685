//! Rank 0 at the meeting place: it lets all ranks come, and sends each to its next neighbour.

use std::io;
use std::net::{IpAddr, Ipv4Addr};
use std::thread;
use std::time::{Duration, Instant};

use lockstep_wire::{self as wire, Door, DoorPurpose, Line, Pass, Refused};
use lockstep_world::Seat;

use super::entry::Entry;
use super::pmi;
use super::visitor::{self, No, Visit};
use super::waiting::Waiting;
use super::{Home, MeetingMessage, PAUSE, VERSION};
use crate::absent::absent;
use crate::tcp::{Keeper, Meeting, MeetingPlace};

/// How long a port may be taken by a program that is not ours; a run that ends lets go of it.
const TAKEN: Duration = Duration::from_secs(20);

/// A rank that has come and waits.
struct Guest {
    line: Line<MeetingMessage>,
    home: Home,
}

/// Those who have come.
struct Party {
    guests: Vec<Option<Guest>>,
}

/// Waits until all are there; gives what they are told: here, where rank 1 is.
pub(super) fn receive(
    seat: Seat,
    meeting: &Meeting,
    home: Home,
    waiting: &Waiting,
) -> Result<Home, String> {
    let mut door = match meeting.keeper {
        Keeper::Leader => open_in_time(seat, meeting, &home, waiting)?,
        Keeper::Agent => open_beside(meeting, waiting)?,
        Keeper::Pmi(number) => open_for_pmi(number, meeting, waiting)?,
    };
    let size = seat.world().get();
    let mut party = Party { guests: (1..size).map(|_| None).collect() };
    let missing = |party: &Party, door: &Door<_>| {
        format!("at {meeting} for rank {}{}", party.missing(), rejected(meeting, door.refused()))
    };
    waiting.note(missing(&party, &door));
    while party.guests.iter().any(Option::is_none) {
        if waiting.is_over() {
            let absent = absent(size, |rank| party.guests[rank - 1].is_some());
            return Err(format!("{absent}{}", rejected(meeting, door.refused())));
        }
        let rejections = door.refused().count();
        let newcomers = door.look();
        let gone = party.guests.iter_mut().filter_map(|place| forget_the_gone(place).then_some(()));
        let has_changed =
            gone.count() > 0 || !newcomers.is_empty() || door.refused().count() != rejections;
        newcomers.into_iter().for_each(|(word, line)| party.seat(word, line));
        if has_changed {
            waiting.note(missing(&party, &door));
        }
    }
    if door.refused().count() > 0 {
        waiting.tell(&format!("{seat} {}", door.refused()));
    }
    Ok(party.begin(home))
}

/// Those that were not let in, behind for whom rank 0 waits.
fn rejected(meeting: &Meeting, refused: &Refused) -> String {
    let strangers = if refused.count() > 0 { format!("; {refused}") } else { String::new() };
    let Some((from, run)) = refused.other() else { return strangers };
    let from = from.map(|address| format!(" from {address}")).unwrap_or_default();
    format!(
        "; a rank of another run{from} was rejected: its run is {run}, and this is \
         {}{strangers}",
        meeting.run
    )
}

impl Party {
    /// For whom all wait.
    fn missing(&self) -> String {
        let missing = self.guests.iter().enumerate().filter(|(_, guest)| guest.is_none());
        let missing: Vec<_> = missing.map(|(index, _)| (index + 1).to_string()).collect();
        missing.join(", ")
    }

    /// Gives a newcomer its place, or says why it has none.
    fn seat(&mut self, word: MeetingMessage, mut line: Line<MeetingMessage>) {
        let MeetingMessage::Hello { version, rank, size, mut home } = word else { return };
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
    fn begin(mut self, home: Home) -> Home {
        let end = Instant::now() + super::LINKING;
        let homes: Vec<Home> = self.guests.iter().flatten().map(|g| g.home.clone()).collect();
        let nexts = homes.iter().skip(1).chain([&home]);
        for (guest, next) in self.guests.iter_mut().flatten().zip(nexts) {
            guest.line.send(&MeetingMessage::Next { home: next.clone() });
            guest.line.flush_until(end);
        }
        homes.into_iter().next().unwrap_or(home)
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
        let pass = Pass::of_run(DoorPurpose::Rendezvous, meeting.token.as_ref(), run.clone());
        let taken = match open(place, port, pass) {
            Ok(door) => return Ok(door),
            Err(cause) if cause.kind() == io::ErrorKind::AddrInUse => cause,
            Err(cause) => return Err(format!("cannot listen on port {port}: {cause}")),
        };
        if first.is_none() {
            waiting.note(format!("to listen on port {port}: {taken}"));
        }
        let since = *first.get_or_insert_with(Instant::now);
        let (who, limit) = match Visit::of_run(seat, meeting, home, waiting).greet(place) {
            Err(No::Other(other)) => {
                (format!("rank 0 of another run ({other}) listens on it; this run is {run}"), None)
            }
            Err(No::Refused(why)) => {
                (format!("another rank 0 listens on it and replies: {why}"), Some(TAKEN))
            }
            Err(No::Token(why)) => (why.to_owned(), Some(TAKEN)),
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
fn open_beside(meeting: &Meeting, waiting: &Waiting) -> Result<Door<MeetingMessage>, String> {
    let (door, entry) = open_any(meeting)?;
    let place = &meeting.place;
    while let Err(cause) = visitor::store(place).and_then(|mut store| store.write(&entry)) {
        let why = visitor::agents(&cause);
        waiting.note(format!("for {place}, to write its address: {why}"));
        if waiting.is_over() {
            return Err(why);
        }
        thread::sleep(PAUSE);
    }
    Ok(door)
}

/// Opens any port, and hands it to MPICH's starter.
fn open_for_pmi(
    number: i32,
    meeting: &Meeting,
    waiting: &Waiting,
) -> Result<Door<MeetingMessage>, String> {
    let (door, entry) = open_any(meeting)?;
    pmi::exchange(number, Some(&entry), waiting)?;
    Ok(door)
}

fn open_any(meeting: &Meeting) -> Result<(Door<MeetingMessage>, Entry), String> {
    let open = || {
        let entry = Entry { port: 0, nonce: wire::nonce()?, addresses: wire::addresses() };
        let door = open(&meeting.place, 0, entry.pass(meeting.token.as_ref()))?;
        let port = door.port()?;
        Ok((door, Entry { port, ..entry }))
    };
    open().map_err(|cause: io::Error| format!("cannot listen on any port: {cause}"))
}

/// A name may stand for the wrong address on its own machine, as Debian's 127.0.1.1 does; so only
/// what says that it is local is listened to locally.
fn open(place: &MeetingPlace, port: u16, pass: Pass) -> io::Result<Door<MeetingMessage>> {
    match place.host.parse::<IpAddr>() {
        Ok(ip) if ip.is_loopback() => Door::open(ip, port, pass),
        Err(_) if place.host == "localhost" => Door::open(Ipv4Addr::LOCALHOST.into(), port, pass),
        _ => Door::open_anywhere(port, pass),
    }
}

/// A rank that ended while it waited may be started again. Says whether one was.
fn forget_the_gone(place: &mut Option<Guest>) -> bool {
    let is_gone = |guest: &mut Guest| guest.line.message().is_some() || !guest.line.is_open();
    let is_gone = place.as_mut().is_some_and(is_gone);
    if is_gone {
        *place = None;
    }
    is_gone
}
