//! The output directory before a run: what happens to an earlier run in it.

use std::fs;
use std::path::{Path, PathBuf};

use lockstep_trainer::{latest_checkpoint, remove_run};

use crate::config::{Existing, Fault, OutputPlan, Problem};
use crate::failure::Failure;

/// Whether the plan's directory will do. Nothing is written yet, so that a run that finds its data
/// faulty leaves no trace.
///
/// # Errors
/// A directory that holds something and may not be replaced; a checkpoint that is not there.
pub(crate) fn check(plan: &OutputPlan) -> Result<(), Failure> {
    if let Some(path) = obstacle(&plan.directory) {
        return Err(
            Fault { place: place(&plan.directory), problem: Problem::Blocked { path } }.into()
        );
    }
    match &plan.existing {
        Existing::Refuse if is_refused(plan) => Err(occupied(&plan.directory)),
        Existing::GoOnFrom(checkpoint) if !checkpoint.is_dir() => Err(absent(checkpoint)),
        _ => Ok(()),
    }
}

/// Makes the directory ready, and tells the checkpoint to go on from, if there is one.
///
/// # Errors
/// A directory that cannot be written; checkpoints of which none is whole.
pub(crate) fn prepare(plan: &OutputPlan) -> Result<Option<PathBuf>, Failure> {
    let directory = &plan.directory;
    if plan.existing == Existing::Replace {
        clear(directory)?;
    }
    let write = |cause| Failure::Write { path: directory.clone(), cause };
    fs::create_dir_all(directory).map_err(write)?;
    Ok(match &plan.existing {
        Existing::GoOnFrom(checkpoint) => Some(checkpoint.clone()),
        Existing::GoOn => latest_checkpoint(directory)?,
        Existing::Refuse | Existing::Replace => None,
    })
}

/// Whether the directory holds something and may not be replaced.
pub(crate) fn is_refused(plan: &OutputPlan) -> bool {
    plan.existing == Existing::Refuse && holds_something(&plan.directory)
}

fn holds_something(directory: &Path) -> bool {
    fs::read_dir(directory).is_ok_and(|mut entries| entries.next().is_some())
}

/// The file that stands where the directory or one above it should be.
fn obstacle(directory: &Path) -> Option<PathBuf> {
    let nearest = directory.ancestors().find(|path| path.exists())?;
    (!nearest.is_dir()).then(|| nearest.to_owned())
}

/// Removes what a run of ours left, and nothing else: the directory may be somebody's home.
fn clear(directory: &Path) -> Result<(), Failure> {
    const FILES: [&str; 5] =
        ["all_results.json", "trainer_state.json", "metrics.jsonl", "run.toml", "README.md"];
    if !directory.is_dir() {
        return Ok(());
    }
    remove_run(directory)?;
    let was_ours = directory.join("run.toml").exists();
    for path in FILES.iter().filter(|_| was_ours).map(|name| directory.join(name)) {
        match fs::remove_file(&path) {
            Err(cause) if path.exists() => return Err(Failure::Write { path, cause }),
            _ => {}
        }
    }
    Ok(())
}

fn occupied(directory: &Path) -> Failure {
    Failure::from(Fault { place: place(directory), problem: Problem::Occupied })
}

fn place(directory: &Path) -> String {
    format!("--output-dir {}", directory.display())
}

fn absent(checkpoint: &Path) -> Failure {
    let place = format!("--resume {}", checkpoint.display());
    let valid = "auto, never, or a checkpoint directory that exists";
    Failure::from(Fault { place, problem: Problem::Invalid { valid } })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn holds(names: &[&str], overwrites: bool) -> Result<Vec<String>, String> {
        let folder = tempfile::tempdir().unwrap();
        for name in names {
            fs::write(folder.path().join(name), "").unwrap();
        }
        let directory = folder.path().display().to_string();
        let mut line = vec!["--output-dir".to_owned(), directory.clone()];
        line.push(format!("--overwrite-output-dir={overwrites}"));
        let plan = crate::config::run_plan(&line).unwrap();
        check(&plan.run)
            .and_then(|()| prepare(&plan.run))
            .map_err(|failure| failure.to_string().replace(&directory, "OUT"))?;
        let entries = fs::read_dir(folder.path()).unwrap().flatten();
        let mut names: Vec<String> =
            entries.map(|entry| entry.file_name().into_string().unwrap()).collect();
        names.sort();
        Ok(names)
    }

    #[test]
    fn only_a_run_of_ours_is_replaced_and_only_when_that_was_asked_for() {
        assert_eq!(holds(&[], false).unwrap(), [""; 0]);
        assert!(holds(&["notes.txt"], false).unwrap_err().contains("--overwrite-output-dir"));
        assert_eq!(holds(&["notes.txt", "README.md"], true).unwrap(), ["README.md", "notes.txt"]);
        let run = ["notes.txt", "run.toml", "metrics.jsonl", "README.md"];
        assert_eq!(holds(&run, true).unwrap(), ["notes.txt"]);
    }
}
