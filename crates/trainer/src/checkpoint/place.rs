//! Where a run's checkpoints are, and which of them stay.

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use lockstep_world::Step;

use super::CheckpointError;
use super::manifest::Manifest;
use super::name::step_of;
use super::read::Saved;
use super::space::{bytes_of_files, free_bytes};
use super::staging::{UNFINISHED, files, remove_if_there, remove_whole};

/// The newest whole checkpoint of a run, or nothing where there is none yet.
///
/// # Errors
/// [`CheckpointError::NoneWhole`] when there are checkpoints and all of them are broken.
pub fn latest_checkpoint(output_dir: &Path) -> Result<Option<PathBuf>, CheckpointError> {
    let mut causes: Vec<(PathBuf, String)> = Vec::new();
    for (_, directory) in checkpoints(output_dir)?.into_iter().rev() {
        match Saved::open(&directory).and_then(|saved| saved.verify()) {
            Ok(()) => {
                for (path, cause) in causes {
                    tracing::warn!(
                        "skipped the checkpoint {}, which is not intact: {cause}",
                        path.display()
                    );
                }
                return Ok(Some(directory));
            }
            Err(CheckpointError::Incomplete { directory, cause }) => {
                causes.push((directory, cause));
            }
            Err(error) => return Err(error),
        }
    }
    if causes.is_empty() {
        return Ok(None);
    }
    Err(CheckpointError::NoneWhole { directory: output_dir.to_owned(), causes })
}

/// Whether a run left checkpoints here, whole or broken.
///
/// # Errors
/// [`CheckpointError::Io`] when the file system refuses.
pub fn has_checkpoints(output_dir: &Path) -> Result<bool, CheckpointError> {
    Ok(!checkpoints(output_dir)?.is_empty())
}

/// Removes what a run that was killed while writing left behind. What cannot be removed stays, with a
/// warning: nothing reads it.
pub(crate) fn clear_unfinished(output_dir: &Path) -> Result<(), CheckpointError> {
    for path in contents(output_dir)? {
        let is_unfinished =
            |name: &str| name.starts_with('.') && name.ends_with(UNFINISHED) && path.is_dir();
        if name_of(&path).is_some_and(is_unfinished) {
            warn(remove_if_there(&path));
        }
    }
    Ok(())
}

/// What is only cleared away does not end a run.
fn warn(removed: Result<(), CheckpointError>) {
    if let Err(error) = removed {
        tracing::warn!("{error}; the run continues, and it stays on the disk");
    }
}

/// Removes all whole checkpoints up to the `current` one, but the newest `keep` and the `best`.
///
/// Broken ones do not count as kept, nor do later ones, which a run that went back has left. One that
/// cannot be removed stays, with a warning.
pub(crate) fn prune(output_dir: &Path, keep: NonZeroUsize, current: Step, best: Option<Step>) {
    let mut all = match checkpoints(output_dir) {
        Ok(all) => all,
        Err(error) => return warn(Err(error)),
    };
    all.retain(|(step, _)| *step <= current);
    outlived(all, keep.get(), best).iter().for_each(|directory| warn(remove_whole(directory)));
}

/// Removes what [`prune`] will remove once the `current` checkpoint is written, so that there is
/// room for it; tells whether there is room now. Nothing is removed where that would not be enough.
pub(crate) fn make_room(
    output_dir: &Path,
    keep: NonZeroUsize,
    current: Step,
    best: Option<Step>,
) -> Result<bool, CheckpointError> {
    let mut all = checkpoints(output_dir)?;
    all.retain(|(step, _)| *step < current);
    let needed = all.last().map_or(0, |(_, newest)| bytes_of_files(newest));
    let outlived = outlived(all, keep.get() - 1, best);
    let gained: u64 = outlived.iter().map(|directory| bytes_of_files(directory)).sum();
    if outlived.is_empty() || free_bytes(output_dir).is_none_or(|free| free + gained < needed) {
        return Ok(false);
    }
    for directory in &outlived {
        tracing::warn!(
            "the disk is full: removing {} early to make room for the next checkpoint",
            directory.display()
        );
        remove_whole(directory)?;
    }
    Ok(true)
}

/// The whole ones of these checkpoints but the newest `keep` and the `best`. Bytes are not compared:
/// that would read all of them after each checkpoint.
fn outlived(mut all: Vec<(Step, PathBuf)>, keep: usize, best: Option<Step>) -> Vec<PathBuf> {
    all.retain(|(_, directory)| Manifest::open(directory).is_ok());
    let old = all.len().saturating_sub(keep);
    let outlived = all.into_iter().take(old).filter(|(step, _)| Some(*step) != best);
    outlived.map(|(_, directory)| directory).collect()
}

/// All directories named as checkpoints, by step.
fn checkpoints(output_dir: &Path) -> Result<Vec<(Step, PathBuf)>, CheckpointError> {
    let step = |path: &Path| step_of(name_of(path)?);
    let directories = contents(output_dir)?.into_iter().filter(|path| path.is_dir());
    let mut found: Vec<_> = directories.filter_map(|path| Some((step(&path)?, path))).collect();
    found.sort();
    Ok(found)
}

/// What is in an output directory; nothing where it does not exist yet.
fn contents(output_dir: &Path) -> Result<Vec<PathBuf>, CheckpointError> {
    if output_dir.exists() { files(output_dir) } else { Ok(Vec::new()) }
}

fn name_of(path: &Path) -> Option<&str> {
    path.file_name()?.to_str()
}
