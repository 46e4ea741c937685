//! One connection, which never makes its owner wait.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use super::frame::{Frame, LONGEST};

/// How much may wait to be sent before further messages are dropped.
const BACKLOG: usize = 8 * LONGEST;

/// A connection and what is under way on it.
#[derive(Debug)]
pub(super) struct Line {
    stream: TcpStream,
    inbox: Vec<u8>,
    outbox: Vec<u8>,
    is_open: bool,
}

impl Line {
    /// A line over a connection.
    pub(super) fn new(stream: TcpStream) -> io::Result<Self> {
        stream.set_nonblocking(true)?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, inbox: Vec::new(), outbox: Vec::new(), is_open: true })
    }

    /// Whether anything can still come.
    pub(super) fn is_open(&self) -> bool {
        self.is_open
    }

    /// Sends as much as goes at once; a message behind a long backlog is dropped.
    pub(super) fn send(&mut self, frame: &Frame) {
        if self.outbox.len() < BACKLOG {
            self.outbox.extend(frame.bytes());
        }
        self.flush();
    }

    /// Sends what waits, until `end` at the latest.
    pub(super) fn flush_until(&mut self, end: Instant) {
        while self.is_open && !self.outbox.is_empty() && Instant::now() < end {
            self.flush();
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    /// The messages that have come. What is no message closes the line.
    pub(super) fn receive(&mut self) -> Vec<Frame> {
        self.flush();
        self.read();
        let mut frames = Vec::new();
        loop {
            match Frame::take(&mut self.inbox) {
                Ok(Some(frame)) => frames.push(frame),
                Ok(None) => return frames,
                Err(_) => {
                    self.is_open = false;
                    return frames;
                }
            }
        }
    }

    /// The next message, waiting for it until `end`.
    pub(super) fn wait(&mut self, end: Instant) -> Option<Frame> {
        while self.is_open && Instant::now() < end {
            if let Some(frame) = self.receive().into_iter().next() {
                return Some(frame);
            }
            std::thread::sleep(Duration::from_millis(2));
        }
        None
    }

    fn flush(&mut self) {
        while self.is_open && !self.outbox.is_empty() {
            match self.stream.write(&self.outbox) {
                Ok(sent) => drop(self.outbox.drain(..sent)),
                Err(cause) if cause.kind() == io::ErrorKind::WouldBlock => return,
                Err(cause) if cause.kind() == io::ErrorKind::Interrupted => {}
                // What the peer said before it went is still to be read.
                Err(_) => return self.outbox.clear(),
            }
        }
    }

    fn read(&mut self) {
        let mut buffer = [0; LONGEST];
        while self.is_open && self.inbox.len() <= LONGEST {
            match self.stream.read(&mut buffer) {
                Ok(0) => self.is_open = false,
                Ok(count) => self.inbox.extend_from_slice(&buffer[..count]),
                Err(cause) if cause.kind() == io::ErrorKind::WouldBlock => return,
                Err(cause) if cause.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => self.is_open = false,
            }
        }
    }
}
