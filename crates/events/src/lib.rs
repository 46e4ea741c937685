//! The bytes of TensorBoard's event files, and their names.
//!
//! A file is a row of records ([`record()`]), each of which holds one [`Event`]. Nothing here opens a file.

mod event;
mod name;
mod record;

pub use event::{Content, Event, Scalar};
pub use name::{PREFIX, file_name, second_of};
pub use record::record;
