//! A run on disk: directories that are either whole or absent.
//!
//! A checkpoint is a Hugging Face directory (config.json, model.safetensors, tokenizer) with the
//! run's own state beside it (optimizer.safetensors, trainer_state.json) and a MANIFEST.json that
//! is written last and names every file with its size. It is made under another name, synced, and
//! renamed; so whatever carries the name `checkpoint-<step>` was complete when it got it.

mod error;
mod manifest;
mod place;
mod read;
mod staging;
mod usage_file;
mod write;

pub use error::{CheckpointError, RunRemedy};
pub(crate) use place::{checkpoint_name, clear_unfinished, make_room, prune};
pub use place::{has_checkpoints, latest_checkpoint, remove_run};
pub(crate) use read::Saved;
pub(crate) use staging::write_json;
pub(crate) use write::{Product, write_checkpoint, write_final};
