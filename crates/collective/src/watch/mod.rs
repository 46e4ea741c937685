//! Who tells which rank was lost, and at what: whatever the ranks use to talk.
//!
//! In a collective call a rank waits for its peers, and for ever if one of them is gone: few
//! libraries notice, and none says what the peer was doing. So each rank has a connection to
//! rank 0 and a thread that says every moment of the run on it, and which call it is in. A connection
//! that closes without a goodbye, or is silent for too long, is a lost rank, and so is one that lives
//! and lets others wait for too long; rank 0 sends its name to all others.

mod frame;
mod lost;
mod meeting;
mod peer;
mod progress;
mod slow;
mod stall;
#[cfg(test)]
mod tests;

use std::sync::mpsc::{Receiver, Sender, SyncSender, TryRecvError, channel, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

use lockstep_world::{Fingerprint, Rank, WorldSize};

use frame::Frame;
pub use frame::How;
pub use lost::Lost;
use peer::Peer;
use progress::Progress;
use slow::Pace;
pub use slow::Slow;
use stall::{Judge, Sight, Verdict};
pub use stall::{Stall, Stuck, Timeout, Timeouts};

use crate::{Collective, CollectiveError, FlightRecorder};

/// How often a watch looks.
const PAUSE: Duration = Duration::from_millis(20);
/// How often it speaks when nothing changes.
const BEAT: Duration = Duration::from_millis(500);
/// How long it tries to send its last words.
const LAST_WORDS: Duration = Duration::from_secs(1);
/// How much later than a rank that failed its peers end: its own exit code is to be the first.
const GRACE: Duration = Duration::from_millis(300);
/// The same where the rank has yet to be ended, by its own watch.
const GRACE_OF_A_STALL: Duration = Duration::from_millis(600);
/// How long after a sleep of its own a rank takes the loss of others for a consequence.
const AWAKE: Duration = Duration::from_secs(2);

/// What a watch has to know.
#[derive(Clone, Debug)]
pub struct WatchSettings {
    /// The name of this machine.
    pub host: String,
    /// Where this rank notes what it is doing, and its calls.
    pub recorder: FlightRecorder,
    /// How long a peer may be silent.
    pub patience: Duration,
    /// How long a peer that lives may let others wait.
    pub timeouts: Timeouts,
}

/// What a watch has seen.
#[derive(Clone, Debug, PartialEq)]
pub enum WatchEvent {
    /// A rank lets others wait; seen by rank 0.
    Stalled(Lost),
    /// A stall is over; seen by rank 0.
    Resumed {
        /// The rank that the others waited for.
        rank: Rank,
        /// The call that they waited in.
        call: u64,
        /// For how many seconds.
        seconds: f64,
    },
    /// A rank makes the others wait in every update; seen by rank 0.
    Slow(Slow),
    /// A rank is lost, and the watch ends.
    Lost(Lost),
}

/// The watch of one rank over its peers.
#[derive(Debug)]
pub struct Watch(WatchHandle);

/// The way to a watch from any thread. A clone speaks to the same watch.
#[derive(Clone, Debug)]
pub struct WatchHandle(Option<Sender<WatchCommand>>);

/// What a watch is to say last; it answers when that was sent.
#[derive(Debug)]
struct WatchCommand {
    last: Option<Frame>,
    sent: SyncSender<()>,
}

impl Watch {
    /// Starts watching; all ranks do so together. In a world of one there is nothing to watch.
    ///
    /// What it sees is passed to `notify` on the watch's own thread.
    ///
    /// # Errors
    /// [`CollectiveError::NotMet`] when rank 0 cannot be reached.
    pub fn start(
        collective: &mut dyn Collective,
        settings: WatchSettings,
        notify: impl FnMut(WatchEvent) + Send + 'static,
    ) -> Result<Self, CollectiveError> {
        let seat = collective.seat();
        if seat.world().get() == 1 {
            return Ok(Self(WatchHandle(None)));
        }
        let (peers, nonce) = meeting::meet(collective, &settings.host)?;
        // The number itself opens the door of the watch, so it is not written to a file.
        let name = Fingerprint::new().then(nonce[0]).then(nonce[1]).folded().value();
        settings.recorder.name_run(format!("{name:016x}"));
        let (orders, ordered) = channel();
        let own = Sight::new(seat.rank(), settings.host.clone());
        let judge = Judge::new(settings.timeouts);
        let pace = Pace::new(settings.timeouts.warning());
        let rounds = Rounds {
            settings,
            peers,
            ordered,
            said: None,
            own,
            judge,
            pace,
            slept: None,
            starved: Duration::ZERO,
            world: seat.world(),
        };
        thread::spawn(move || rounds.go(notify));
        Ok(Self(WatchHandle(Some(orders))))
    }

    /// A good end: the peers expect no more of this rank.
    pub fn leave(&self) {
        self.0.order(Some(Frame::Goodbye));
    }

    /// A way to this watch for other threads.
    #[must_use]
    pub fn handle(&self) -> WatchHandle {
        self.0.clone()
    }
}

impl WatchHandle {
    /// Tells all peers why this rank ends, and with which exit code; returns when it was sent, or
    /// after a second.
    pub fn fail(&self, words: &str, code: u8) {
        self.order(Some(Frame::failed(words, code)));
    }

    fn order(&self, last: Option<Frame>) {
        let (sent, done) = sync_channel(1);
        if let Some(orders) = &self.0
            && orders.send(WatchCommand { last, sent }).is_ok()
        {
            let _ = done.recv_timeout(2 * LAST_WORDS);
        }
    }
}

/// The thread of a watch.
struct Rounds {
    world: WorldSize,
    settings: WatchSettings,
    peers: Vec<Peer>,
    ordered: Receiver<WatchCommand>,
    said: Option<(Instant, u64)>,
    /// This rank as it sees itself.
    own: Sight,
    judge: Judge,
    pace: Pace,
    /// When this process was run again after a long time, and after how long.
    slept: Option<(Instant, Duration)>,
    /// How long this process was not run although it wanted to.
    starved: Duration,
}

impl Rounds {
    /// Looks and speaks until the end, or until a rank is lost.
    fn go(mut self, mut notify: impl FnMut(WatchEvent)) {
        loop {
            match self.ordered.try_recv() {
                Ok(order) => return self.end(&order),
                Err(TryRecvError::Disconnected) => return,
                Err(TryRecvError::Empty) => {}
            }
            self.beat();
            if let Some(lost) = self.listen().or_else(|| self.judge(&mut notify)) {
                self.spread(&lost);
                return notify(WatchEvent::Lost(lost));
            }
            self.pause();
        }
    }

    /// A process that was stopped must not take its own sleep for the silence of others.
    fn pause(&mut self) {
        let began = Instant::now();
        thread::sleep(PAUSE);
        self.starved += began.elapsed().saturating_sub(PAUSE);
        if began.elapsed() > self.settings.patience / 2 {
            self.slept = Some((Instant::now(), began.elapsed()));
            self.peers.iter_mut().for_each(Peer::forgive);
            self.own.forgive(Instant::now());
        }
    }

    fn beat(&mut self) {
        let (now, progress) = (Instant::now(), Progress::of(&self.settings.recorder, self.starved));
        self.own.note(progress, now);
        let word = progress.word;
        let is_new = self.said.is_none_or(|(at, said)| said != word || at.elapsed() > BEAT);
        if is_new {
            self.said = Some((now, word));
            self.peers.iter_mut().for_each(|peer| peer.line.send(&Frame::Beat(progress)));
        }
    }

    fn listen(&mut self) -> Option<Lost> {
        let (world, patience) = (self.world.get(), self.settings.patience);
        let lost = self.peers.iter_mut().find_map(|peer| peer.listen(world, patience));
        self.peers.retain(|peer| !peer.has_left());
        lost.map(|lost| self.own_loss(&lost).unwrap_or(lost))
    }

    /// Peers that are gone when this process is run again have given it up, and are not the cause.
    fn own_loss(&self, lost: &Lost) -> Option<Lost> {
        let (again, time) = self.slept.filter(|_| lost.how == How::Closed)?;
        let how = How::Silent(time.as_secs_f64());
        (again.elapsed() < AWAKE).then(|| self.own.lost(how))
    }

    /// Rank 0: whether a rank lets others wait. A rank that has left waits for no other.
    fn judge(&mut self, notify: &mut impl FnMut(WatchEvent)) -> Option<Lost> {
        if self.own.rank != Rank(0) || self.peers.len() + 1 < self.world.get() {
            return None;
        }
        let sights: Vec<&Sight> =
            self.peers.iter().map(|peer| &peer.sight).chain([&self.own]).collect();
        let lost = |sight: &Sight, stall| sight.lost(How::Stalled(stall));
        let now = Instant::now();
        if let Some(slow) = self.pace.look(&sights, now).filter(|_| !self.judge.has_warned()) {
            notify(WatchEvent::Slow(slow));
        }
        match self.judge.look(&sights, now) {
            Verdict::None => {}
            Verdict::Warn(sight, stall) => notify(WatchEvent::Stalled(lost(sight, stall))),
            Verdict::Over(stall::Warned { rank, call, since }) => {
                let seconds = since.elapsed().as_secs_f64();
                notify(WatchEvent::Resumed { rank, call, seconds });
            }
            Verdict::Expired(sight, stall) => return Some(lost(sight, stall)),
        }
        None
    }

    /// Tells the others of a loss, and lets a rank that failed end first.
    fn spread(&mut self, lost: &Lost) {
        let began = Instant::now();
        let Lost { rank, host, moment, how } = lost.clone();
        let frame = Frame::Lost { rank: rank.0, host, word: moment.word(), how };
        self.say_last(&frame);
        let grace = match &lost.how {
            _ if lost.rank == self.own.rank => Duration::ZERO,
            How::Stalled(_) => GRACE_OF_A_STALL,
            _ => GRACE,
        };
        thread::sleep(grace.saturating_sub(began.elapsed()));
    }

    fn end(&mut self, order: &WatchCommand) {
        if let Some(last) = &order.last {
            self.say_last(last);
        }
        let _ = order.sent.send(());
    }

    fn say_last(&mut self, frame: &Frame) {
        let end = Instant::now() + LAST_WORDS;
        for peer in &mut self.peers {
            peer.line.send(frame);
            peer.line.flush_until(end);
        }
    }
}

/// What reaches the port of the watch.
#[cfg(fuzzing)]
pub fn read_strangers(bytes: &[u8]) {
    lockstep_wire::fuzzing::messages::<Frame>(bytes);
}
