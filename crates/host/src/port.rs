//! A port for processes that are yet to start.

use std::io;
use std::net::{Ipv4Addr, TcpListener};
use std::sync::atomic::{AtomicU32, Ordering};

/// Below the ports that Linux gives to connections by itself (32768 and up): a process binds the port
/// some moments later, and nothing else must have it by then.
const FIRST: u16 = 10_000;
const COUNT: u16 = 10_000;
/// Ports to which a process has a first claim.
const APART: u32 = 20;

/// A free port of this machine for a process that is yet to start. Processes that ask at the same
/// time begin their search at different places; each call of a process gives another port.
///
/// # Errors
/// The system's, where no port is free.
pub fn free_port() -> io::Result<u16> {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let first = std::process::id().wrapping_mul(APART);
    let mut last = io::Error::from(io::ErrorKind::AddrInUse);
    for _ in 0..COUNT {
        let place = first.wrapping_add(NEXT.fetch_add(1, Ordering::Relaxed)) % u32::from(COUNT);
        let port = FIRST + u16::try_from(place).unwrap_or_default();
        match TcpListener::bind((Ipv4Addr::UNSPECIFIED, port)) {
            Ok(_) => return Ok(port),
            Err(error) => last = error,
        }
    }
    Err(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_is_free_and_given_once() {
        let ports = [free_port().unwrap(), free_port().unwrap()];
        assert_ne!(ports[0], ports[1]);
        for port in ports {
            assert!((FIRST..FIRST + COUNT).contains(&port), "{port}");
            TcpListener::bind((Ipv4Addr::LOCALHOST, port)).unwrap();
        }
    }
}
