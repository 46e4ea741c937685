//! What strangers send, as the fuzz targets give it to the parsers; only in builds of `cargo fuzz`.

use std::fmt::Debug;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::tcp::RunIdentity;
use crate::wire;

pub use crate::tcp::read_strangers as rendezvous;
pub use crate::watch::read_strangers as watch;

/// Reads messages as a connection does, until one is not ours, and writes each of them again.
pub(crate) fn messages<M: DeserializeOwned + Serialize + Debug>(bytes: &[u8]) {
    let mut inbox = bytes.to_vec();
    while let Ok(Some(message)) = wire::take::<M>(&mut inbox) {
        let mut again = wire::bytes(&message);
        let _ = wire::take::<M>(&mut again).map(|read| format!("{read:?}"));
    }
}

/// The name of a run, as a terminal shows it.
pub(crate) fn run_identity(bytes: &[u8]) {
    if let Ok(run) = serde_json::from_slice::<RunIdentity>(bytes) {
        let _ = run.to_string();
    }
}
