//! One connection, which never makes its owner wait.

use std::io::{self, Read, Write};
use std::marker::PhantomData;
use std::net::{IpAddr, TcpStream};
use std::time::{Duration, Instant};

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::message::{HEAD, LONGEST, bytes, take};

/// How much may wait to be sent before further messages are dropped.
const BACKLOG: usize = 8 * LONGEST;

/// A connection and what is under way on it: messages `M`.
#[derive(Debug)]
pub struct Line<M> {
    stream: TcpStream,
    inbox: Vec<u8>,
    outbox: Vec<u8>,
    is_open: bool,
    messages: PhantomData<fn(M) -> M>,
}

impl<M: Serialize + DeserializeOwned> Line<M> {
    /// A line over a connection.
    ///
    /// # Errors
    /// The system's.
    pub fn new(stream: TcpStream) -> io::Result<Self> {
        stream.set_nonblocking(true)?;
        stream.set_nodelay(true)?;
        let (inbox, outbox) = (Vec::new(), Vec::new());
        Ok(Self { stream, inbox, outbox, is_open: true, messages: PhantomData })
    }

    /// The same connection, on which other messages come from now on.
    pub(crate) fn turn<N>(self) -> Line<N> {
        let Self { stream, inbox, outbox, is_open, .. } = self;
        Line { stream, inbox, outbox, is_open, messages: PhantomData }
    }

    /// What a poll looks at.
    pub(crate) fn stream(&self) -> &TcpStream {
        &self.stream
    }

    /// The connection alone.
    pub fn into_stream(self) -> TcpStream {
        self.stream
    }

    /// Where the other end is, as seen from here.
    pub fn address(&self) -> Option<IpAddr> {
        self.stream.peer_addr().ok().map(|address| address.ip().to_canonical())
    }

    /// Whether anything can still come.
    pub fn is_open(&self) -> bool {
        self.is_open
    }

    /// Sends as much as goes at once; a message behind a long backlog is dropped.
    pub fn send(&mut self, message: &M) {
        if self.outbox.len() < BACKLOG {
            self.outbox.extend(bytes(message));
        }
        self.flush();
    }

    /// Sends what waits, until `end` at the latest.
    pub fn flush_until(&mut self, end: Instant) {
        while self.is_open && !self.outbox.is_empty() && Instant::now() < end {
            self.flush();
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    /// The messages that have come. What is not a message closes the line.
    pub fn receive(&mut self) -> Vec<M> {
        std::iter::from_fn(|| self.message()).collect()
    }

    /// The first of the messages that have come.
    pub fn message(&mut self) -> Option<M> {
        self.flush();
        self.take().or_else(|| {
            self.read();
            self.take()
        })
    }

    /// The next message, waiting for it until `end`.
    pub fn wait(&mut self, end: Instant) -> Option<M> {
        loop {
            let message = self.message();
            if message.is_some() || !self.is_open || Instant::now() > end {
                return message;
            }
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    /// A message that is complete.
    fn take(&mut self) -> Option<M> {
        take(&mut self.inbox).unwrap_or_else(|_| {
            self.inbox.clear();
            self.is_open = false;
            None
        })
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
        while self.is_open && self.inbox.len() < HEAD + LONGEST {
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
