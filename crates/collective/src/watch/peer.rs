//! A rank that is watched.

use std::time::{Duration, Instant};

use lockstep_wire::Line;
use lockstep_world::Rank;

use super::frame::{Frame, How};
use super::lost::Lost;
use super::stall::Sight;
use crate::Moment;

/// A rank that is watched.
#[derive(Debug)]
pub(super) struct Peer {
    pub(super) rank: Rank,
    pub(super) line: Line<Frame>,
    pub(super) sight: Sight,
    heard: Instant,
    said_goodbye: bool,
}

impl Peer {
    pub(super) fn new(rank: Rank, host: String, line: Line<Frame>) -> Self {
        let (heard, sight) = (Instant::now(), Sight::new(rank, host));
        Self { rank, line, sight, heard, said_goodbye: false }
    }

    /// Begins to count its silence anew.
    pub(super) fn forgive(&mut self) {
        self.heard = Instant::now();
        self.sight.forgive(self.heard);
    }

    /// Whether nothing more is expected of it.
    pub(super) fn has_left(&self) -> bool {
        self.said_goodbye
    }

    /// What it says: a loss of its own, or of another rank.
    pub(super) fn listen(&mut self, world: usize, patience: Duration) -> Option<Lost> {
        for frame in self.line.receive() {
            self.heard = Instant::now();
            match frame {
                Frame::Beat(progress) => self.sight.note(progress, self.heard),
                Frame::Goodbye => self.said_goodbye = true,
                Frame::Failed { words, code } => {
                    return Some(self.lost(How::Failed { words, code }));
                }
                Frame::Lost { rank: number, host, word, how } if self.rank == Rank(0) => {
                    let rank = (number < world).then_some(Rank(number))?;
                    return Some(Lost { rank, host, moment: Moment::read(word)?, how });
                }
                Frame::Lost { .. } | Frame::Hello { .. } | Frame::Welcome { .. } => {}
            }
        }
        let silence = self.heard.elapsed();
        match () {
            () if self.said_goodbye => None,
            () if !self.line.is_open() => Some(self.lost(How::Closed)),
            () if silence > patience => Some(self.lost(How::Silent(silence.as_secs_f64()))),
            () => None,
        }
    }

    fn lost(&self, how: How) -> Lost {
        self.sight.lost(how)
    }
}
