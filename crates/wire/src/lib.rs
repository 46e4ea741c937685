//! How processes that do not trust what reaches their ports talk: short JSON messages, each behind its
//! length, on connections that never block, after a greeting that proves what both ends know.
//!
//! The meeting of ranks, their ring, their watch and the launchers of several machines use it.

mod door;
#[cfg(fuzzing)]
pub mod fuzzing;
mod greeting;
mod identity;
mod line;
mod message;
mod pass;
mod place;
mod refused;
#[cfg(test)]
mod tests;

use std::io;
use std::net::{IpAddr, Ipv4Addr};

use ring::rand::{SecureRandom, SystemRandom};

pub use door::Door;
pub use greeting::{NoEntry, knock};
pub use identity::RunIdentity;
pub use line::Line;
pub use message::LONGEST;
pub use pass::{DoorPurpose, Pass, Token};
pub use place::MeetingPlace;
pub use refused::Refused;

/// A number that only those who belong together know, or one that is used once.
pub type Nonce = [u64; 2];

/// A new one.
///
/// # Errors
/// The system's, where it has no random numbers.
pub fn nonce() -> io::Result<Nonce> {
    let mut bytes = [0; 16];
    let none = |_| io::Error::other("the system has no random numbers");
    SystemRandom::new().fill(&mut bytes).map_err(none)?;
    let number = u128::from_ne_bytes(bytes);
    #[expect(clippy::cast_possible_truncation, reason = "its two halves")]
    let halves = [(number >> 64) as u64, number as u64];
    Ok(halves)
}

/// The text of a new token, which none can guess.
///
/// # Errors
/// The system's, where it has no random numbers.
pub fn random_token() -> io::Result<String> {
    let ([a, b], [c, d]) = (nonce()?, nonce()?);
    Ok(format!("{a:016x}{b:016x}{c:016x}{d:016x}"))
}

/// Where this machine may be met: its own loopback first, then its interfaces, IPv4 before IPv6.
#[must_use]
pub fn addresses() -> Vec<IpAddr> {
    let is_for_others = |ip: &IpAddr| match ip {
        IpAddr::V4(ip) => !ip.is_loopback(),
        IpAddr::V6(ip) => !ip.is_loopback() && !ip.is_unicast_link_local(),
    };
    let interfaces = if_addrs::get_if_addrs().unwrap_or_default();
    let others = interfaces.iter().map(if_addrs::Interface::ip).filter(is_for_others);
    let mut others: Vec<_> = others.take(MOST_ADDRESSES).collect();
    others.sort_by_key(IpAddr::is_ipv6);
    std::iter::once(IpAddr::V4(Ipv4Addr::LOCALHOST)).chain(others).collect()
}

/// As many as surely fit into a message; machines that run containers have one for each.
const MOST_ADDRESSES: usize = 64;
