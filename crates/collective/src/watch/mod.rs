//! Who tells which rank was lost, and at what: whatever the ranks use to talk.
//!
//! In a collective call a rank waits for its peers, and for ever if one of them is gone: few
//! libraries notice, and none says what the peer was doing. So each rank has a connection to
//! rank 0 and a thread that says every moment of the run on it. A connection that closes without a
//! goodbye, or is silent for too long, is a lost rank; rank 0 tells all others.

mod frame;
mod meeting;
mod peer;
#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::mpsc::{Receiver, Sender, SyncSender, TryRecvError, channel, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

use lockstep_world::{Rank, Seat};

use frame::Frame;
pub use frame::How;
use peer::Peer;

use crate::{Collective, CollectiveError, Moment, PhaseBoard};

/// How often a watch looks.
const PAUSE: Duration = Duration::from_millis(20);
/// How often it speaks when nothing changes.
const BEAT: Duration = Duration::from_millis(500);
/// How long it tries to send its last words.
const LAST_WORDS: Duration = Duration::from_secs(1);
/// How much later than a rank that failed its peers end: its own exit code is to be the first.
const GRACE: Duration = Duration::from_millis(300);

/// What a watch has to know.
#[derive(Clone, Debug)]
pub struct WatchSettings {
    /// The name of this machine.
    pub host: String,
    /// Where this rank notes what it is doing.
    pub board: PhaseBoard,
    /// How long a peer may be silent.
    pub patience: Duration,
}

/// A rank that was lost.
#[derive(Clone, Debug, PartialEq)]
pub struct Lost {
    /// The lost rank.
    pub rank: Rank,
    /// Its host, as it named itself.
    pub host: String,
    /// What it was doing when it was heard of last.
    pub moment: Moment,
    /// How it was lost.
    pub how: How,
}

impl fmt::Display for Lost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { rank, host, moment, how } = self;
        write!(f, "rank {} (host {host}) ", rank.0)?;
        match how {
            How::Closed => write!(f, "was lost while {moment}: its process is gone"),
            How::Silent(seconds) => write!(
                f,
                "was lost while {moment}: it sent nothing for {seconds:.0} s, so it was \
                 stopped, or its machine or network failed"
            ),
            How::Failed { words, .. } => write!(f, "failed while {moment}: {words}"),
        }
    }
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
    /// When a peer is lost, `on_lost` is called once, on the watch's own thread, and the watch ends.
    ///
    /// # Errors
    /// [`CollectiveError::NotMet`] when rank 0 cannot be reached.
    pub fn start(
        collective: &mut dyn Collective,
        settings: WatchSettings,
        on_lost: impl FnOnce(&Lost) + Send + 'static,
    ) -> Result<Self, CollectiveError> {
        let seat = collective.seat();
        if seat.world().get() == 1 {
            return Ok(Self(WatchHandle(None)));
        }
        let peers = meeting::meet(collective, &settings.host)?;
        let (orders, ordered) = channel();
        let rounds = Rounds { seat, settings, peers, ordered, said: None };
        thread::spawn(move || {
            if let Some(lost) = rounds.go() {
                on_lost(&lost);
            }
        });
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
    seat: Seat,
    settings: WatchSettings,
    peers: Vec<Peer>,
    ordered: Receiver<WatchCommand>,
    said: Option<(Instant, u64)>,
}

impl Rounds {
    /// Looks and speaks until the end, or until a rank is lost.
    fn go(mut self) -> Option<Lost> {
        loop {
            match self.ordered.try_recv() {
                Ok(order) => {
                    self.end(&order);
                    return None;
                }
                Err(TryRecvError::Disconnected) => return None,
                Err(TryRecvError::Empty) => {}
            }
            self.beat();
            if let Some(lost) = self.listen() {
                self.spread(&lost);
                return Some(lost);
            }
            self.pause();
        }
    }

    /// A process that was stopped must not take its own sleep for the silence of others.
    fn pause(&mut self) {
        let began = Instant::now();
        thread::sleep(PAUSE);
        if began.elapsed() > self.settings.patience / 2 {
            self.peers.iter_mut().for_each(Peer::forgive);
        }
    }

    fn beat(&mut self) {
        let word = self.settings.board.word();
        let is_new = self.said.is_none_or(|(at, said)| said != word || at.elapsed() > BEAT);
        if is_new {
            self.said = Some((Instant::now(), word));
            self.peers.iter_mut().for_each(|peer| peer.line.send(&Frame::Beat(word)));
        }
    }

    fn listen(&mut self) -> Option<Lost> {
        let (world, patience) = (self.seat.world().get(), self.settings.patience);
        let lost = self.peers.iter_mut().find_map(|peer| peer.listen(world, patience));
        self.peers.retain(|peer| !peer.has_left());
        lost
    }

    /// Tells the others of a loss, and lets a rank that failed end first.
    fn spread(&mut self, lost: &Lost) {
        let began = Instant::now();
        let Lost { rank, host, moment, how } = lost.clone();
        let frame = Frame::Lost { rank: rank.0, host, word: moment.word(), how };
        self.say_last(&frame);
        thread::sleep(GRACE.saturating_sub(began.elapsed()));
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
