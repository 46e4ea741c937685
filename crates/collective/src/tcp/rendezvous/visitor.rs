//! Any other rank at the meeting place: it asks rank 0, again and again until it is there, for its
//! next neighbour.

use std::io;
use std::thread;
use std::time::{Duration, Instant};

use lockstep_wire::{DoorPurpose, NoEntry, Pass, RunIdentity, knock};
use lockstep_world::Seat;

use super::pmi;
use super::store::Store;
use super::waiting::Waiting;
use super::{Home, MeetingMessage, PAUSE, TRY, VERSION};
use crate::tcp::{Keeper, Meeting, MeetingPlace};

/// How long until the rank 0 of another run is asked again: it has other things to do.
const PAUSE_FOR_OTHERS: Duration = Duration::from_secs(1);

/// Why there is no neighbour.
pub(super) enum No {
    /// There never will be, as rank 0 says.
    Refused(String),
    /// Rank 0 knows another token, or one of the two knows none.
    Token(&'static str),
    /// Another run is met here.
    Other(RunIdentity),
    /// Rank 0 is not yet there.
    NotYet(String),
    /// There is no way to ask.
    Failed(String),
}

/// Asks rank 0 until it answers, for as long as this rank may wait.
pub(super) fn visit(
    seat: Seat,
    meeting: &Meeting,
    home: Home,
    waiting: &Waiting,
) -> Result<Home, String> {
    waiting.note(format!("for rank 0 at {meeting}: looking up the name"));
    let mut pause;
    loop {
        let run = &meeting.run;
        let why = match ask(seat, meeting, &home, waiting) {
            Ok(next) => return Ok(next),
            Err(No::Refused(why)) => return Err(format!("rank 0 replied: {why}")),
            Err(No::Token(why)) => return Err(why.to_owned()),
            Err(No::Failed(why)) => return Err(why),
            Err(No::Other(other)) => {
                pause = PAUSE_FOR_OTHERS;
                format!("rank 0 of another run ({other}) listens on it; this run is {run}")
            }
            Err(No::NotYet(why)) => {
                pause = PAUSE;
                why
            }
        };
        waiting.note(format!("for rank 0 at {meeting}: {why}"));
        if Instant::now() + pause > waiting.end() {
            return Err(format!("rank 0 was not reachable in time; last error: {why}"));
        }
        thread::sleep(pause);
    }
}

fn ask(seat: Seat, meeting: &Meeting, home: &Home, waiting: &Waiting) -> Result<Home, No> {
    let token = meeting.token.as_ref();
    let visit = |pass| Visit { seat, pass, home, waiting };
    match meeting.keeper {
        Keeper::Leader => Visit::of_run(seat, meeting, home, waiting).greet(&meeting.place),
        Keeper::Agent => {
            let entry = store(&meeting.place).and_then(|mut store| store.read());
            let entry = entry.map_err(|cause| No::NotYet(agents(&cause)))?;
            let entry = entry.ok_or_else(|| {
                No::NotYet("torchrun's agent answers, but rank 0 has not connected yet".to_owned())
            })?;
            visit(entry.pass(token)).at_one_of(&entry.places(Some(&meeting.place.host)))
        }
        Keeper::Pmi(number) => {
            let entry = pmi::exchange(number, None, waiting).map_err(No::Failed)?;
            visit(entry.pass(token)).anywhere(&entry.places(None))
        }
    }
}

/// How a rank greets rank 0.
pub(super) struct Visit<'a> {
    seat: Seat,
    pass: Pass,
    home: &'a Home,
    waiting: &'a Waiting<'a>,
}

impl<'a> Visit<'a> {
    /// As a rank of the run that meets there.
    pub(super) fn of_run(
        seat: Seat,
        meeting: &Meeting,
        home: &'a Home,
        waiting: &'a Waiting<'a>,
    ) -> Self {
        let (token, run) = (meeting.token.as_ref(), meeting.run.clone());
        Self { seat, pass: Pass::of_run(DoorPurpose::Rendezvous, token, run), home, waiting }
    }

    /// Greets rank 0 wherever it is reached.
    fn at_one_of(&self, places: &[MeetingPlace]) -> Result<Home, No> {
        let mut why = None;
        for place in places {
            match self.greet(place) {
                Err(no @ (No::NotYet(_) | No::Other(_))) => why = why.or(Some(no)),
                other => return other,
            }
        }
        Err(why.unwrap_or_else(|| No::NotYet("it has no address".to_owned())))
    }

    /// Greets rank 0, which is there already, for as long as this rank may wait.
    fn anywhere(&self, places: &[MeetingPlace]) -> Result<Home, No> {
        loop {
            match self.at_one_of(places) {
                Err(No::NotYet(_) | No::Other(_)) if !self.waiting.is_over() => {
                    thread::sleep(PAUSE);
                }
                other => return other,
            }
        }
    }

    /// Says who this is to the program that listens there, and hears where the next neighbour is.
    pub(super) fn greet(&self, place: &MeetingPlace) -> Result<Home, No> {
        let Self { seat, pass, home, waiting } = self;
        let stream = place.dial(TRY).map_err(|cause| No::NotYet(reason(&cause)))?;
        let (rank, size) = (seat.rank().0, seat.world().get());
        let (version, home) = (VERSION.to_owned(), (*home).clone());
        let hello = MeetingMessage::Hello { version, rank, size, home };
        let mut line = knock(stream, pass, &hello, Instant::now() + TRY)?;
        let mut word = line.wait(Instant::now() + TRY);
        if let Some(MeetingMessage::Seated) = word {
            waiting.note(format!("for other ranks: rank 0 is reachable at {place}"));
            word = line.wait(waiting.end());
            if word.is_none() {
                return Err(No::NotYet(
                    "rank 0 was reachable, but other ranks never connected".to_owned(),
                ));
            }
        }
        match word {
            Some(MeetingMessage::Next { mut home }) => {
                // Rank 0 cannot know at which of its addresses it was met.
                if rank + 1 == size {
                    home.addresses.splice(0..0, line.address());
                }
                Ok(home)
            }
            Some(MeetingMessage::Refused(why)) => Err(No::Refused(why)),
            _ => Err(NoEntry::NotOurs.into()),
        }
    }
}

impl From<NoEntry> for No {
    fn from(cause: NoEntry) -> Self {
        match cause {
            NoEntry::Other(run) => Self::Other(run),
            NoEntry::TokenWanted => Self::Token(
                "rank 0 has a token (LOCKSTEP_TOKEN), and this rank was started without one",
            ),
            NoEntry::TokenUnknown => Self::Token(
                "this rank has a token (LOCKSTEP_TOKEN), and rank 0 was started without one",
            ),
            NoEntry::TokenDiffers => {
                Self::Token("rank 0 has another token (LOCKSTEP_TOKEN) than this rank")
            }
            NoEntry::NotOurs => {
                Self::NotYet("the program that answers is not a rank 0 of lockstep".to_owned())
            }
            NoEntry::System(cause) => Self::NotYet(reason(&cause)),
        }
    }
}

/// The store of torchrun's agent.
pub(super) fn store(place: &MeetingPlace) -> io::Result<Store> {
    place.dial(TRY).and_then(Store::new)
}

/// Why an agent's store could not be used.
pub(super) fn agents(cause: &io::Error) -> String {
    let why = reason(cause);
    match cause.kind() {
        io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof => format!(
            "torchrun's agent has no store as PyTorch 2.1 and later have ({why}); start \
             with TORCH_DISABLE_SHARE_RDZV_TCP_STORE=1 torchrun --rdzv-backend c10d"
        ),
        _ => format!("torchrun's agent does not answer: {why}"),
    }
}

/// Why no connection was made, for people.
fn reason(cause: &io::Error) -> String {
    use io::ErrorKind::{ConnectionRefused, NotFound, TimedOut, WouldBlock};
    match cause.kind() {
        NotFound => format!("the name does not resolve ({cause})"),
        ConnectionRefused => format!("{cause}: nothing listens on it yet"),
        TimedOut => format!("{cause}: the host is down, or a firewall is between"),
        WouldBlock => "it does not answer".to_owned(),
        _ => cause.to_string(),
    }
}
