//! What strangers and ranks send, as the fuzz targets give it to the parsers; only in builds of
//! `cargo fuzz`.

pub use crate::tcp::read_strangers as rendezvous;
pub use crate::watch::read_strangers as watch;
