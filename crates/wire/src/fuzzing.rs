//! What strangers send, as the fuzz targets give it to the parsers; only in builds of `cargo fuzz`.

use std::fmt::Debug;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::greeting::{Challenge, Greeting, Knock};
use crate::message::{bytes, take};
use crate::{DoorPurpose, Pass, RunIdentity, Token};

/// Reads messages as a connection does, until one is not ours, and writes each of them again.
pub fn messages<M: DeserializeOwned + Serialize + Debug>(input: &[u8]) {
    let mut inbox = input.to_vec();
    while let Ok(Some(message)) = take::<M>(&mut inbox) {
        let mut again = bytes(&message);
        let _ = take::<M>(&mut again).map(|read| format!("{read:?}"));
    }
}

/// Answers the first words on a connection as a door with a token does.
pub fn greetings(input: &[u8]) {
    let token = Token::new("of another run");
    let pass = Pass::of_run(DoorPurpose::Rendezvous, Some(&token), RunIdentity::default());
    let mut inbox = input.to_vec();
    let mut knocked: Option<(Knock, Challenge)> = None;
    while let Ok(Some(greeting)) = take::<Greeting>(&mut inbox) {
        match (greeting, knocked.take()) {
            (Greeting::Knock(knock), _) => {
                let _ = knock.run.to_string();
                knocked = Challenge::to(&knock, &pass).ok().map(|challenge| (knock, challenge));
            }
            (Greeting::Answer { proof, first }, Some((knock, challenge))) => {
                assert!(!challenge.is_met(&knock, &pass, &proof, &first), "the token is not known");
            }
            _ => {}
        }
    }
}
