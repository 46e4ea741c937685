//! Where processes of one run meet, and the way there.

use std::net::{SocketAddr, TcpStream, ToSocketAddrs};
use std::time::Duration;
use std::{fmt, io};

/// Where one of them listens for the others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MeetingPlace {
    /// A host's name, or an address of it.
    pub host: String,
    /// A port that is free there.
    pub port: u16,
}

impl fmt::Display for MeetingPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { host, port } = self;
        if host.contains(':') { write!(f, "[{host}]:{port}") } else { write!(f, "{host}:{port}") }
    }
}

impl MeetingPlace {
    /// Connects to the first of its addresses that answers; each is tried for so long. The name is
    /// looked up each time: in a cluster it may appear after this process.
    ///
    /// # Errors
    /// The system's for the last address; of [`io::ErrorKind::NotFound`] where the name has none.
    pub fn dial(&self, limit: Duration) -> io::Result<TcpStream> {
        let addresses = (self.host.as_str(), self.port).to_socket_addrs();
        let addresses =
            addresses.map_err(|cause| io::Error::new(io::ErrorKind::NotFound, cause))?;
        let mut failure = io::Error::new(io::ErrorKind::NotFound, "it has no address");
        for address in addresses {
            match TcpStream::connect_timeout(&address, limit) {
                Ok(stream) => return Ok(stream),
                Err(cause) => failure = cause_at(address, cause),
            }
        }
        Err(failure)
    }
}

/// A failure that says at which address.
fn cause_at(address: SocketAddr, cause: io::Error) -> io::Error {
    match cause.kind() {
        io::ErrorKind::TimedOut => {
            io::Error::new(cause.kind(), format!("nothing answers at {address}"))
        }
        _ => cause,
    }
}
