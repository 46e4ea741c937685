//! Where rank 0 is met, as it writes it down for the others where a starter keeps such words.

use std::net::IpAddr;

use lockstep_wire::{DoorPurpose, Nonce, Pass, Token};

use crate::tcp::MeetingPlace;

/// As many addresses as surely fit.
const MOST_ADDRESSES: usize = 16;
/// No entry is longer; MPICH's starter takes 1024 bytes.
pub(super) const LONGEST: usize = 1000;

/// Where rank 0 is met.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) port: u16,
    /// A number that only this run's ranks can read.
    pub(super) nonce: Nonce,
    /// Of its machine.
    pub(super) addresses: Vec<IpAddr>,
}

impl Entry {
    /// In one word.
    pub(super) fn written(&self) -> String {
        let [a, b] = self.nonce;
        let addresses = self.addresses.iter().take(MOST_ADDRESSES).map(ToString::to_string);
        format!("{}/{a:016x}/{b:016x}/{}", self.port, addresses.collect::<Vec<_>>().join(","))
    }

    /// What was written; nothing for anything else.
    pub(super) fn read(word: &str) -> Option<Self> {
        let mut parts = word.split('/');
        let port = parts.next()?.parse().ok()?;
        let mut number = || u64::from_str_radix(parts.next()?, 16).ok();
        let nonce = [number()?, number()?];
        let addresses = parts.next()?.split(',').filter(|address| !address.is_empty());
        let addresses = addresses.map(str::parse).collect::<Result<_, _>>().ok()?;
        Some(Self { port, nonce, addresses })
    }

    /// What its ranks know.
    pub(super) fn pass(&self, token: Option<&Token>) -> Pass {
        Pass::of_meeting(DoorPurpose::Rendezvous, token, self.nonce)
    }

    /// The ways to it, the likeliest first.
    pub(super) fn places(&self, host: Option<&str>) -> Vec<MeetingPlace> {
        let hosts = host.map(str::to_owned).into_iter();
        let hosts = hosts.chain(self.addresses.iter().map(ToString::to_string));
        hosts.map(|host| MeetingPlace { host, port: self.port }).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let longest = "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff".parse::<IpAddr>().unwrap();
        let mut entry = Entry { port: 65535, nonce: [u64::MAX, 0], addresses: vec![longest; 99] };
        assert!(entry.written().len() <= LONGEST);
        entry.addresses.truncate(MOST_ADDRESSES);
        assert_eq!(Entry::read(&entry.written()), Some(entry.clone()));
        entry.addresses.clear();
        assert_eq!(Entry::read(&entry.written()), Some(entry));
        for wrong in ["", "1/2/3", "x/2/3/", "1/x/3/", "1/2/3/x", "70000/2/3/", "1 2 3"] {
            assert_eq!(Entry::read(wrong), None, "{wrong}");
        }
    }
}
