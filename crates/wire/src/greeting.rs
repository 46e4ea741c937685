//! The first words on a connection, by which both ends prove that they know the same key: the visitor
//! knocks, the door challenges it with a proof of its own, and the visitor's proof comes with its first
//! message.

use std::io;
use std::net::TcpStream;
use std::time::Instant;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::pass::{End, Statement};
use crate::{Line, Nonce, Pass, RunIdentity, nonce};

/// What the two ends say before anything else.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Greeting {
    /// The visitor's first word.
    Knock(Knock),
    /// The door's answer.
    Challenge(Challenge),
    /// The visitor's answer, and its first message as JSON.
    Answer { proof: Vec<u8>, first: String },
}

/// Who knocks.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Knock {
    nonce: Nonce,
    pub(crate) run: RunIdentity,
    pub(crate) has_token: bool,
}

/// Who opens; it proves nothing to a visitor that cannot have the key.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Challenge {
    nonce: Nonce,
    run: RunIdentity,
    has_token: bool,
    proof: Option<Vec<u8>>,
}

/// Why a visitor did not come in.
#[derive(Debug)]
pub enum NoEntry {
    /// Another run's door, of which it is known only by its own word.
    Other(RunIdentity),
    /// The door asks for a token, and this visitor has none.
    TokenWanted,
    /// This visitor has a token, and the door has none.
    TokenUnknown,
    /// The door has another token.
    TokenDiffers,
    /// What answers is not a door of ours, or does not answer.
    NotOurs,
    /// The system's words.
    System(io::Error),
}

impl From<io::Error> for NoEntry {
    fn from(cause: io::Error) -> Self {
        Self::System(cause)
    }
}

impl Challenge {
    /// The answer to a knock, with a proof if the visitor may have the same key.
    pub(crate) fn to(knock: &Knock, pass: &Pass) -> io::Result<Self> {
        let (nonce, run, has_token) = (nonce()?, pass.run().clone(), pass.has_token());
        let mut challenge = Self { nonce, run, has_token, proof: None };
        if is_alike(knock, &challenge) {
            challenge.proof = Some(pass.sign(&challenge.statement(End::Door, knock, "")));
        }
        Ok(challenge)
    }

    /// Whether the visitor can still come in.
    pub(crate) fn is_open(&self) -> bool {
        self.proof.is_some()
    }

    /// Whether the visitor has answered as one that has the key.
    pub(crate) fn is_met(&self, knock: &Knock, pass: &Pass, proof: &[u8], first: &str) -> bool {
        self.is_open() && pass.verifies(proof, &self.statement(End::Visitor, knock, first))
    }

    fn statement<'a>(&'a self, by: End, knock: &'a Knock, first: &'a str) -> Statement<'a> {
        Statement {
            by,
            knocked: knock.nonce,
            challenged: self.nonce,
            knocking: &knock.run,
            challenging: &self.run,
            first,
        }
    }
}

fn is_alike(knock: &Knock, challenge: &Challenge) -> bool {
    knock.has_token == challenge.has_token && !knock.run.differs_from(&challenge.run)
}

/// Comes in at the door behind `stream`, with `first` as the first message, until `end` at the latest.
///
/// # Errors
/// [`NoEntry`]. The door may still refuse what the message says; it answers to that.
pub fn knock<M>(stream: TcpStream, pass: &Pass, first: &M, end: Instant) -> Result<Line<M>, NoEntry>
where
    M: Serialize + DeserializeOwned,
{
    let mut line = Line::new(stream)?;
    let knock = || -> io::Result<Knock> {
        Ok(Knock { nonce: nonce()?, run: pass.run().clone(), has_token: pass.has_token() })
    };
    let greeting = Greeting::Knock(knock()?);
    line.send(&greeting);
    let Greeting::Knock(knock) = greeting else { return Err(NoEntry::NotOurs) };
    let Some(Greeting::Challenge(challenge)) = line.wait(end) else {
        return Err(NoEntry::NotOurs);
    };
    let proof = match (challenge.has_token, knock.has_token) {
        _ if challenge.run.differs_from(&knock.run) => return Err(NoEntry::Other(challenge.run)),
        (true, false) => return Err(NoEntry::TokenWanted),
        (false, true) => return Err(NoEntry::TokenUnknown),
        _ => challenge.proof.as_ref().ok_or(NoEntry::NotOurs)?,
    };
    if !pass.verifies(proof, &challenge.statement(End::Door, &knock, "")) {
        return Err(if knock.has_token { NoEntry::TokenDiffers } else { NoEntry::NotOurs });
    }
    let first = serde_json::to_string(first).map_err(io::Error::other)?;
    let proof = pass.sign(&challenge.statement(End::Visitor, &knock, &first));
    line.send(&Greeting::Answer { proof, first });
    Ok(line.turn())
}
