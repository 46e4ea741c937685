//! How processes that do not trust what reaches their ports talk before a run: short JSON messages,
//! each behind its length, on connections that never block.

mod door;
mod line;

use std::hash::{BuildHasher, Hasher, RandomState};
use std::net::{IpAddr, Ipv4Addr};

use lockstep_world::Rank;
use serde::Serialize;
use serde::de::DeserializeOwned;

pub(crate) use door::Door;
pub(crate) use line::Line;

/// No message is longer, so that a stranger cannot make us keep more.
pub(crate) const LONGEST: usize = 8 * 1024;

/// A number that only those who belong together know.
pub(crate) type Nonce = [u64; 2];

/// A new one.
pub(crate) fn nonce() -> Nonce {
    // The standard library seeds each of these by the system's random numbers.
    let random = || RandomState::new().build_hasher().finish();
    [random(), random()]
}

/// Where this machine may be met: its own loopback first, then its interfaces, IPv4 before IPv6.
pub(crate) fn addresses() -> Vec<IpAddr> {
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

/// The bytes of a message on the wire; none if it is too long to be read.
pub(crate) fn bytes(message: &impl Serialize) -> Vec<u8> {
    let body = serde_json::to_vec(message).unwrap_or_default();
    match u32::try_from(body.len()) {
        Ok(length) if body.len() <= LONGEST => [&length.to_le_bytes()[..], &body].concat(),
        _ => Vec::new(),
    }
}

/// The first message of `inbox`, which is taken out; nothing while it is incomplete.
///
/// # Errors
/// What is no message of ours.
pub(crate) fn take<M: DeserializeOwned>(inbox: &mut Vec<u8>) -> Result<Option<M>, NotOurs> {
    let Some((head, rest)) = inbox.split_first_chunk::<4>() else { return Ok(None) };
    let length = u32::from_le_bytes(*head) as usize;
    if length > LONGEST {
        return Err(NotOurs);
    }
    let Some(body) = rest.get(..length) else { return Ok(None) };
    let message = serde_json::from_slice(body).map_err(|_| NotOurs)?;
    inbox.drain(..4 + length);
    Ok(Some(message))
}

/// Bytes that no rank sent.
#[derive(Clone, Copy, Debug)]
pub(crate) struct NotOurs;

/// The rank of a message, if it lies in a world of `size`.
pub(crate) fn rank(rank: usize, size: usize) -> Option<Rank> {
    (rank < size).then_some(Rank(rank))
}

/// Those of the ranks below `size` that `is_there` does not know, for people.
pub(crate) fn absent(size: usize, is_there: impl Fn(usize) -> bool) -> String {
    let absent: Vec<_> = (1..size).filter(|rank| !is_there(*rank)).map(|r| r.to_string()).collect();
    format!("rank {} never connected", absent.join(", "))
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    enum Word {
        Number(u64),
        Text(String),
    }

    #[test]
    fn messages_come_one_after_the_other() {
        let mut inbox = [bytes(&Word::Number(7)), bytes(&Word::Text("a".to_owned()))].concat();
        assert_eq!(take(&mut inbox).unwrap(), Some(Word::Number(7)));
        assert_eq!(take(&mut inbox).unwrap(), Some(Word::Text("a".to_owned())));
        assert_eq!(take::<Word>(&mut inbox).unwrap(), None);
        assert!(bytes(&Word::Text("a".repeat(LONGEST))).is_empty());
    }

    #[test]
    fn strangers_are_no_messages() {
        for bytes in [&b"GET / HTTP/1.1\r\n\r\n"[..], &[0xff; 64], &[3, 0, 0, 0, b'{', b'}', b'x']]
        {
            assert!(take::<Word>(&mut bytes.to_vec()).is_err(), "{bytes:?}");
        }
        assert!(matches!(take::<Word>(&mut vec![1, 0]), Ok(None)));
    }

    #[test]
    fn all_addresses_fit_into_a_message() {
        let longest = "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff".parse::<IpAddr>().unwrap();
        assert!(!bytes(&vec![longest; MOST_ADDRESSES + 1]).is_empty());
        assert!(addresses()[0].is_loopback());
    }
}
