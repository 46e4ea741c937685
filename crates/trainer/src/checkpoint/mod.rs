//! A run on disk: directories that are either whole or absent.
//!
//! A checkpoint is a Hugging Face directory (config.json, model.safetensors, tokenizer) with the
//! run's own state beside it (optimizer.safetensors, trainer_state.json) and a MANIFEST.json that
//! is written last and names every file with its size and the hash of its bytes. It is made under
//! another name, synced, and renamed; so whatever carries the name `checkpoint-<step>` was complete
//! when it got it. What is read of it is compared with the hashes before it is used.

mod background;
mod error;
mod manifest;
mod name;
mod place;
mod read;
mod space;
mod staging;
mod usage_file;
mod write;

pub(crate) use background::{Background, Progress};
pub use error::{CheckpointError, RunRemedy};
pub(crate) use name::checkpoint_name;
pub use name::is_checkpoint_name;
pub(crate) use place::clear_unfinished;
pub use place::{has_checkpoints, latest_checkpoint};
pub(crate) use read::Saved;
pub use read::check_model;
pub use space::{bytes_of_files, free_bytes};
pub(crate) use staging::write_json;
pub(crate) use write::{Companions, Draft, write_final};
