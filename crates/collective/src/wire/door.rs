//! Where newcomers knock: any process may, so each is unknown until its first message.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener};
use std::thread;
use std::time::{Duration, Instant};

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::Line;

/// How many strangers may stand there at once, and for how long.
const STRANGERS: usize = 256;
const STAY: Duration = Duration::from_secs(5);
/// How often new connections are looked for.
const PAUSE: Duration = Duration::from_millis(2);

/// A port that is open, and those who have not said who they are.
#[derive(Debug)]
pub(crate) struct Door<M> {
    listener: TcpListener,
    strangers: Vec<(Instant, Line<M>)>,
}

impl<M: Serialize + DeserializeOwned> Door<M> {
    /// Opens it on all interfaces; port 0 is any that is free.
    ///
    /// # Errors
    /// The system's.
    pub(crate) fn open_anywhere(port: u16) -> io::Result<Self> {
        // The first takes IPv4 too, but not every machine has IPv6.
        Self::open(Ipv6Addr::UNSPECIFIED.into(), port)
            .or_else(|_| Self::open(Ipv4Addr::UNSPECIFIED.into(), port))
    }

    /// Opens it at one address.
    ///
    /// # Errors
    /// The system's.
    pub(crate) fn open(address: IpAddr, port: u16) -> io::Result<Self> {
        let listener = TcpListener::bind(SocketAddr::new(address, port))?;
        listener.set_nonblocking(true)?;
        Ok(Self { listener, strangers: Vec::new() })
    }

    /// Its number.
    ///
    /// # Errors
    /// The system's.
    pub(crate) fn port(&self) -> io::Result<u16> {
        self.listener.local_addr().map(|address| address.port())
    }

    /// Those who have said something since the last look, and what; waits a moment if there are none.
    pub(crate) fn look(&mut self) -> Vec<(M, Line<M>)> {
        while let Ok((stream, _)) = self.listener.accept() {
            let has_room = self.strangers.len() < STRANGERS;
            let line = Line::new(stream).ok().filter(|_| has_room);
            self.strangers.extend(line.map(|line| (Instant::now(), line)));
        }
        let mut newcomers = Vec::new();
        for (came, mut line) in std::mem::take(&mut self.strangers) {
            match line.next() {
                Some(message) => newcomers.push((message, line)),
                None if line.is_open() && came.elapsed() < STAY => {
                    self.strangers.push((came, line))
                }
                None => {}
            }
        }
        if newcomers.is_empty() {
            thread::sleep(PAUSE);
        }
        newcomers
    }
}
