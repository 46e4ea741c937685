//! Those who were not let in, counted, so that one line can speak of all of them.

use std::collections::BTreeSet;
use std::fmt;
use std::net::IpAddr;

use crate::RunIdentity;

/// As many addresses are named.
const NAMED: usize = 4;

/// Those who were not let in.
#[derive(Clone, Debug, Default)]
pub struct Refused {
    count: u64,
    addresses: BTreeSet<IpAddr>,
    has_more: bool,
    /// Whether the door asks for a token.
    has_token: bool,
    /// Whether one of them has a token that the door does not ask for.
    has_visitors_token: bool,
    other: Option<(Option<IpAddr>, RunIdentity)>,
}

impl Refused {
    /// None yet, at a door that asks for a token or does not.
    pub(crate) fn at(has_token: bool) -> Self {
        Self { has_token, ..Self::default() }
    }

    /// One more, from there.
    pub(crate) fn add(&mut self, address: Option<IpAddr>) {
        self.count += 1;
        let Some(address) = address else { return };
        if self.addresses.len() < NAMED {
            self.addresses.insert(address);
        } else {
            self.has_more |= !self.addresses.contains(&address);
        }
    }

    /// One more, which has a token.
    pub(crate) fn add_with_token(&mut self, address: Option<IpAddr>) {
        self.add(address);
        self.has_visitors_token = true;
    }

    /// One that belongs to another run.
    pub(crate) fn add_other(&mut self, address: Option<IpAddr>, run: RunIdentity) {
        self.other = Some((address, run));
    }

    /// How many there were, those of other runs not counted.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.count
    }

    /// The last one that belongs to another run: from where, and to which.
    #[must_use]
    pub fn other(&self) -> Option<(Option<IpAddr>, &RunIdentity)> {
        self.other.as_ref().map(|(address, run)| (*address, run))
    }
}

/// Behind `refused `, for people.
impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (noun, knows, has) = match self.count {
            1 => ("connection", "does not know", "has"),
            _ => ("connections", "do not know", "have"),
        };
        let from: Vec<_> = self.addresses.iter().map(ToString::to_string).collect();
        let more = if self.has_more { " and others" } else { "" };
        write!(f, "refused {} {noun} from {}{more} that ", self.count, from.join(", "))?;
        match (self.has_token, self.has_visitors_token) {
            (true, _) => write!(f, "{knows} the run's token"),
            (false, true) => write!(f, "{has} a token, and there is none here"),
            (false, false) => f.write_str("sent no valid greeting"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_line_speaks_of_all_of_them() {
        let mut refused = Refused::at(true);
        refused.add(Some([10, 0, 0, 7].into()));
        let one = "refused 1 connection from 10.0.0.7 that does not know the run's token";
        assert_eq!(refused.to_string(), one);
        (0..199).for_each(|_| refused.add(Some([10, 0, 0, 7].into())));
        let many = "refused 200 connections from 10.0.0.7 that do not know the run's token";
        assert_eq!(refused.to_string(), many);
        (0..200).for_each(|last| refused.add(Some([10, 0, 0, last].into())));
        let from = "10.0.0.0, 10.0.0.1, 10.0.0.2, 10.0.0.7 and others";
        assert!(refused.to_string().contains(from), "{refused}");
        let mut open = Refused::at(false);
        open.add(None);
        assert!(open.to_string().contains("sent no valid greeting"), "{open}");
    }
}
