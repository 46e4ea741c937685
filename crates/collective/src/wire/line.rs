//! One connection, which never makes its owner wait.

use std::collections::VecDeque;
use std::io::{self, Read, Write};
use std::net::{IpAddr, TcpStream};
use std::time::{Duration, Instant};

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{LONGEST, bytes, take};

/// How much may wait to be sent before further messages are dropped.
const BACKLOG: usize = 8 * LONGEST;

/// A connection and what is under way on it: messages `M`.
#[derive(Debug)]
pub(crate) struct Line<M> {
    stream: TcpStream,
    inbox: Vec<u8>,
    outbox: Vec<u8>,
    come: VecDeque<M>,
    is_open: bool,
}

impl<M: Serialize + DeserializeOwned> Line<M> {
    /// A line over a connection.
    ///
    /// # Errors
    /// The system's.
    pub(crate) fn new(stream: TcpStream) -> io::Result<Self> {
        stream.set_nonblocking(true)?;
        stream.set_nodelay(true)?;
        let (inbox, outbox, come) = (Vec::new(), Vec::new(), VecDeque::new());
        Ok(Self { stream, inbox, outbox, come, is_open: true })
    }

    /// The connection alone.
    pub(crate) fn into_stream(self) -> TcpStream {
        self.stream
    }

    /// Where the other end is, as seen from here.
    pub(crate) fn address(&self) -> Option<IpAddr> {
        self.stream.peer_addr().ok().map(|address| address.ip().to_canonical())
    }

    /// Whether anything can still come.
    pub(crate) fn is_open(&self) -> bool {
        self.is_open
    }

    /// Sends as much as goes at once; a message behind a long backlog is dropped.
    pub(crate) fn send(&mut self, message: &M) {
        if self.outbox.len() < BACKLOG {
            self.outbox.extend(bytes(message));
        }
        self.flush();
    }

    /// Sends what waits, until `end` at the latest.
    pub(crate) fn flush_until(&mut self, end: Instant) {
        while self.is_open && !self.outbox.is_empty() && Instant::now() < end {
            self.flush();
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    /// The messages that have come. What is no message closes the line.
    pub(crate) fn receive(&mut self) -> Vec<M> {
        self.hear();
        self.come.drain(..).collect()
    }

    /// The first of the messages that have come.
    pub(crate) fn next(&mut self) -> Option<M> {
        self.hear();
        self.come.pop_front()
    }

    /// The next message, waiting for it until `end`.
    pub(crate) fn wait(&mut self, end: Instant) -> Option<M> {
        loop {
            let next = self.next();
            if next.is_some() || !self.is_open || Instant::now() > end {
                return next;
            }
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    fn hear(&mut self) {
        self.flush();
        self.read();
        loop {
            match take(&mut self.inbox) {
                Ok(Some(message)) => self.come.push_back(message),
                Ok(None) => return,
                Err(_) => return self.is_open = false,
            }
        }
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
