//! What lets a program in: a key that both ends know, of which neither sends more than a proof.

use std::fmt;

use ring::hmac;
use serde::Serialize;

use crate::{Nonce, RunIdentity};

/// A secret that the processes of one run share, and no other program has.
#[derive(Clone, PartialEq, Eq)]
pub struct Token(String);

impl Token {
    /// That of these characters.
    #[must_use]
    pub fn new(text: &str) -> Self {
        Self(text.to_owned())
    }
}

/// It is never shown.
impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(..)")
    }
}

/// What a door is for. A proof for one is none for another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum DoorPurpose {
    /// Rank 0 waits there for all ranks.
    Rendezvous,
    /// A rank waits there for its previous neighbour.
    Ring,
    /// Rank 0's watch waits there for those of the other ranks.
    Watch,
    /// The first launcher waits there for those of other machines.
    Launchers,
}

/// What a program has to know to come in at a door.
#[derive(Clone, Debug)]
pub struct Pass {
    key: hmac::Key,
    run: RunIdentity,
    has_token: bool,
}

/// What both ends have said when a proof is made, and who makes it.
#[derive(Debug, Serialize)]
pub(crate) struct Statement<'a> {
    pub(crate) by: End,
    pub(crate) knocked: Nonce,
    pub(crate) challenged: Nonce,
    pub(crate) knocking: &'a RunIdentity,
    pub(crate) challenging: &'a RunIdentity,
    /// The visitor's first message.
    pub(crate) first: &'a str,
}

/// An end of a connection.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) enum End {
    Visitor,
    Door,
}

impl Pass {
    /// That of a run's own processes. Without a token every program that names the run has it.
    #[must_use]
    pub fn of_run(purpose: DoorPurpose, token: Option<&Token>, run: RunIdentity) -> Self {
        Self { key: key(purpose, token, None), run, has_token: token.is_some() }
    }

    /// That of processes to which a number was given on a way of their own.
    #[must_use]
    pub fn of_meeting(purpose: DoorPurpose, token: Option<&Token>, nonce: Nonce) -> Self {
        let (key, has_token) = (key(purpose, token, Some(nonce)), token.is_some());
        Self { key, run: RunIdentity::default(), has_token }
    }

    /// Which run it is for.
    #[must_use]
    pub fn run(&self) -> &RunIdentity {
        &self.run
    }

    /// Whether it takes a token.
    #[must_use]
    pub fn has_token(&self) -> bool {
        self.has_token
    }

    pub(crate) fn sign(&self, statement: &Statement<'_>) -> Vec<u8> {
        hmac::sign(&self.key, &words(statement)).as_ref().to_vec()
    }

    /// Takes the same time for any proof.
    pub(crate) fn verifies(&self, proof: &[u8], statement: &Statement<'_>) -> bool {
        hmac::verify(&self.key, &words(statement), proof).is_ok()
    }
}

fn words(statement: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(statement).unwrap_or_default()
}

/// A key for one purpose only.
fn key(purpose: DoorPurpose, token: Option<&Token>, nonce: Option<Nonce>) -> hmac::Key {
    let token = token.map_or(&b""[..], |Token(text)| text.as_bytes());
    let token = hmac::Key::new(hmac::HMAC_SHA256, token);
    let derived = hmac::sign(&token, &words(&("lockstep", purpose, nonce)));
    hmac::Key::new(hmac::HMAC_SHA256, derived.as_ref())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proof_holds_for_its_token_its_purpose_and_its_words_only() {
        let run = RunIdentity::named("RUN", "a");
        let other = RunIdentity::named("RUN", "b");
        let statement = |by, nonce, knocking, first| Statement {
            by,
            knocked: nonce,
            challenged: [3, 4],
            knocking,
            challenging: &run,
            first,
        };
        let said = || statement(End::Visitor, [1, 2], &run, "hello");
        let token = Token::new("a long and secret word");
        let pass = |purpose, token| Pass::of_run(purpose, token, run.clone());
        let ours = pass(DoorPurpose::Rendezvous, Some(&token));
        let proof = ours.sign(&said());
        assert!(ours.verifies(&proof, &said()));
        for wrong in [
            statement(End::Door, [1, 2], &run, "hello"),
            statement(End::Visitor, [1, 3], &run, "hello"),
            statement(End::Visitor, [1, 2], &other, "hello"),
            statement(End::Visitor, [1, 2], &run, "hello!"),
        ] {
            assert!(!ours.verifies(&proof, &wrong), "{wrong:?}");
        }
        for theirs in [
            pass(DoorPurpose::Launchers, Some(&token)),
            pass(DoorPurpose::Rendezvous, Some(&Token::new("another word"))),
            pass(DoorPurpose::Rendezvous, None),
            Pass::of_meeting(DoorPurpose::Rendezvous, Some(&token), [0, 0]),
        ] {
            assert!(!theirs.verifies(&proof, &said()), "{theirs:?}");
        }
        assert!(!ours.verifies(&[], &said()) && !ours.verifies(&proof[..31], &said()));
    }

    #[test]
    fn a_token_is_never_shown() {
        let token = Token::new("a long and secret word");
        let pass = Pass::of_run(DoorPurpose::Rendezvous, Some(&token), RunIdentity::default());
        assert!(!format!("{token:?} {pass:?}").contains("secret"));
    }
}
