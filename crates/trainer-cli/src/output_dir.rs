//! The output directory before a run: what happens to an earlier run in it.

use std::fs;
use std::path::{Path, PathBuf};

use lockstep_flags::{Fault, Faults, Problem};
use lockstep_join::FLIGHT;
use lockstep_settings::{
    Existing, OutputPlan, is_record, is_record_of, is_unfinished_record, seed_of_folder,
};
use lockstep_trainer::{Calibration, has_checkpoints, is_checkpoint_name, latest_checkpoint};

use crate::failure::Failure;
use crate::lock::{self, Lock, Refused};
use crate::refusal::Refusal;
use crate::replaced::REPLACED;
use crate::report;
use crate::whole_file;

/// The first file that a run writes.
pub(crate) const RECORD: &str = "run.toml";

/// What the seeds of a series came to.
pub(crate) const SEEDS_FILE: &str = "seeds.json";

/// Why a run may not write to `directory`, as far as that can be checked without writing.
pub(crate) fn faults(directory: &Path, existing: &Existing) -> Vec<Fault> {
    let here = |refusal: Refusal| refusal.of_output(directory);
    let mut faults = Vec::new();
    if let Some(path) = obstacle(directory) {
        faults.push(here(Refusal::Blocked { path }));
    } else if let Some(holder) = Lock::holder(directory) {
        faults.push(here(Refusal::Locked { holder }));
    } else {
        faults.extend(refusal(directory, existing).map(here));
    }
    match existing {
        Existing::GoOnFrom(checkpoint) if !checkpoint.is_dir() => faults.push(absent(checkpoint)),
        _ => {}
    }
    faults
}

/// The checkpoint that a run resumes from, if there is a complete one.
///
/// # Errors
/// Checkpoints of which none is complete.
pub(crate) fn checkpoint(
    directory: &Path,
    existing: &Existing,
) -> Result<Option<PathBuf>, Failure> {
    Ok(match existing {
        Existing::GoOnFrom(checkpoint) => Some(checkpoint.clone()),
        Existing::GoOn => latest_checkpoint(directory)?,
        Existing::Refuse | Existing::Replace => None,
    })
}

/// Locks the plan's directory for one run. Only the lock is written, which is removed with its holder,
/// so that a run whose data is faulty leaves nothing behind.
///
/// # Errors
/// A directory that another run writes to, or that holds something and may not be written to; a
/// checkpoint that is not there.
pub(crate) fn claim(plan: &OutputPlan) -> Result<Lock, Failure> {
    let OutputPlan { directory, existing, .. } = plan;
    let refused = |refusal: Refusal| Failure::from(refusal.of_output(directory));
    let held = |holder| refused(Refusal::Locked { holder });
    // Looked at before the lock makes the directory, and again when no other run can write to it.
    match faults(directory, existing) {
        none if none.is_empty() => {}
        some => return Err(Faults(some).into()),
    }
    let lock = Lock::take(directory).map_err(|error| match error {
        Refused::Held(holder) => held(holder),
        Refused::Failed(cause) => Failure::Write { path: directory.join(lock::NAME), cause },
    })?;
    refusal(directory, existing).map_or(Ok(lock), |refusal| Err(refused(refusal)))
}

/// What a launcher's run of this name that replaces an earlier one does, now that it is started again:
/// it resumes what it has written itself.
pub(crate) fn of_attempt(plan: &OutputPlan, replacing_run: Option<&str>) -> Existing {
    let is_own = |name| is_record_of(&plan.directory.join(RECORD), name);
    match &plan.existing {
        Existing::GoOn if replacing_run.is_some_and(|name| !is_own(name)) => Existing::Replace,
        other => other.clone(),
    }
}

/// Prepares the directory, and returns the checkpoint to resume from, if there is one.
///
/// # Errors
/// A directory that cannot be written; checkpoints of which none is complete.
pub(crate) fn prepare(plan: &OutputPlan) -> Result<Option<PathBuf>, Failure> {
    let directory = &plan.directory;
    if plan.existing == Existing::Replace {
        clear(directory)?;
    }
    let write = |cause| Failure::Write { path: directory.clone(), cause };
    fs::create_dir_all(directory).map_err(write)?;
    checkpoint(directory, &plan.existing)
}

/// Whether what is to be resumed is of one kind with the plan: a series of seeds, or a single training.
///
/// # Errors
/// A single training where the plan is a series, or the other way round.
pub(crate) fn check_kind(plan: &OutputPlan, is_series: bool) -> Result<(), Failure> {
    let OutputPlan { directory, existing, .. } = plan;
    let refused = |refusal: Refusal| Err(refusal.of_output(directory).into());
    match existing {
        Existing::Refuse | Existing::Replace => Ok(()),
        _ if !is_series && holds_seeds(directory) => refused(Refusal::HoldsSeries),
        _ if !is_series || holds_seeds(directory) => Ok(()),
        _ if is_finished(directory) || !has_no_checkpoint(directory) => {
            refused(Refusal::HoldsSingle)
        }
        _ => Ok(()),
    }
}

/// Whether a series of ours trained a seed here.
fn holds_seeds(directory: &Path) -> bool {
    let is_seed = |path: &Path| {
        let name = path.file_name().and_then(|name| name.to_str());
        name.and_then(seed_of_folder).is_some() && is_ours(path)
    };
    fs::read_dir(directory)
        .is_ok_and(|entries| entries.flatten().any(|entry| is_seed(&entry.path())))
}

/// Why the run may not write to its directory, where that holds something.
fn refusal(directory: &Path, existing: &Existing) -> Option<Refusal> {
    if !holds_something(directory) {
        return None;
    }
    let is_not_ours = !is_ours(directory);
    match existing {
        Existing::Refuse | Existing::Replace if is_not_ours => Some(Refusal::NotOurs),
        Existing::GoOn | Existing::GoOnFrom(_) if is_not_ours && has_no_checkpoint(directory) => {
            Some(Refusal::NotOurs)
        }
        Existing::Refuse if is_finished(directory) => {
            Some(Refusal::HoldsModel { directory: directory.to_owned() })
        }
        Existing::Refuse if has_no_checkpoint(directory) => Some(Refusal::HoldsStart),
        Existing::Refuse => Some(Refusal::Occupied),
        Existing::GoOn if is_finished(directory) && has_no_checkpoint(directory) => {
            Some(Refusal::Finished { directory: directory.to_owned() })
        }
        Existing::GoOnFrom(checkpoint)
            if is_finished(directory) && !is_inside(checkpoint, directory) =>
        {
            Some(Refusal::Occupied)
        }
        Existing::Replace | Existing::GoOn | Existing::GoOnFrom(_) => None,
    }
}

/// Whether a run of ours began here.
pub(crate) fn is_ours(directory: &Path) -> bool {
    is_record(&directory.join(RECORD))
}

/// Whether the directory has a trained model, which only an explicit flag may replace.
fn is_finished(directory: &Path) -> bool {
    ["model.safetensors", "all_results.json"].iter().any(|name| directory.join(name).exists())
}

fn is_inside(checkpoint: &Path, directory: &Path) -> bool {
    let parent = checkpoint.canonicalize().ok();
    let parent = parent.as_deref().and_then(Path::parent);
    parent.is_some() && parent == directory.canonicalize().ok().as_deref()
}

/// Incomplete checkpoints count: [`prepare`] reports that none of them is complete. So do the seeds of a
/// series, which can be resumed.
fn has_no_checkpoint(directory: &Path) -> bool {
    matches!(has_checkpoints(directory), Ok(false)) && !holds_seeds(directory)
}

/// What a run leaves that was killed as it wrote its first file does not count.
fn holds_something(directory: &Path) -> bool {
    let record = directory.join(RECORD);
    let remains = [directory.join(lock::NAME), directory.join(FLIGHT), whole_file::aside(&record)];
    let is_unfinished = |path: &Path| path == record && is_unfinished_record(path);
    let is_content = |path: &Path| !remains.iter().any(|left| left == path) && !is_unfinished(path);
    fs::read_dir(directory)
        .is_ok_and(|entries| entries.flatten().any(|entry| is_content(&entry.path())))
}

/// The file in the place of the directory or of one above it.
fn obstacle(directory: &Path) -> Option<PathBuf> {
    let nearest = directory.ancestors().find(|path| path.exists())?;
    (!nearest.is_dir()).then(|| nearest.to_owned())
}

/// Puts aside what a run of ours left, and nothing else: the directory may be a user's home. It is
/// removed once the new run has something whole in its place. What an earlier run put aside stays, if
/// nothing whole came after it.
///
/// Its `run.toml` stays until the new one replaces it, so that the directory is ours at any moment.
fn clear(directory: &Path) -> Result<(), Failure> {
    let aside = directory.join(REPLACED);
    for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
        let (path, name) = (entry.path(), entry.file_name());
        let is_foreign = |name: &str| seed_of_folder(name).is_some() && !is_ours(&path);
        let is_left = |name: &str| !is_replaced(name) || is_foreign(name);
        if !is_ours(directory) || name.to_str().is_none_or(is_left) {
            continue;
        }
        let failed = |cause| Failure::Write { path: path.clone(), cause };
        fs::create_dir_all(&aside).map_err(failed)?;
        let place = aside.join(&name);
        match (place.exists(), path.is_dir()) {
            (false, _) => fs::rename(&path, &place),
            (true, true) => fs::remove_dir_all(&path),
            (true, false) => fs::remove_file(&path),
        }
        .map_err(failed)?;
    }
    Ok(())
}

/// Whether a run that replaces another one removes what has this name in its directory.
fn is_replaced(name: &str) -> bool {
    const NAMES: [&str; 17] = [
        "model.safetensors",
        "modeling_lockstep.py",
        "config.json",
        "tokenizer.json",
        "tokenizer_config.json",
        "vocab.txt",
        "lockstep.json",
        Calibration::NAME,
        "README.md",
        "all_results.json",
        "trainer_state.json",
        "metrics.jsonl",
        SEEDS_FILE,
        report::PAGE,
        report::FIGURES,
        "logs",
        FLIGHT,
    ];
    let is_aside = || NAMES.iter().any(|of| whole_file::aside(Path::new(of)) == Path::new(name));
    NAMES.contains(&name)
        || is_checkpoint_name(name)
        || seed_of_folder(name).is_some()
        || name.starts_with(lockstep_events::PREFIX)
        || is_aside()
}

/// What a run would read after it had removed it, as it replaces the one in `directory`.
pub(crate) fn replaced_source<'a>(
    directory: &Path,
    mut sources: impl Iterator<Item = &'a Path>,
) -> Option<Fault> {
    let here = directory.canonicalize().ok().filter(|_| is_ours(directory))?;
    let is_lost = |source: &&Path| {
        let source = source.canonicalize().unwrap_or_default();
        let below = source.strip_prefix(&here).ok().map(|rest| rest.components().next());
        below.is_some_and(|first| {
            first.is_none_or(|first| first.as_os_str().to_str().is_some_and(is_replaced))
        })
    };
    let path = sources.find(is_lost)?.to_owned();
    Some(Refusal::HoldsSource { path }.of_output(directory))
}

fn absent(checkpoint: &Path) -> Fault {
    let place = format!("--resume {}", checkpoint.display());
    let valid = "auto, never, or a checkpoint directory that exists".into();
    Fault { place, problem: Problem::Invalid { valid } }
}

#[cfg(test)]
mod tests {
    use lockstep_flags::{CommandLine, Set};
    use lockstep_settings::{keys, plan_of, run_config};
    use lockstep_trainer::{CheckpointReport, Observer, TrainEvent};

    use super::*;
    use crate::replaced::Replaced;

    /// What a directory of `paths` holds once it is ready for a run with `flag`.
    fn left(paths: &[&str], flag: &str) -> Result<String, String> {
        let folder = tempfile::tempdir().unwrap();
        for path in paths.iter().map(|path| folder.path().join(path)) {
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "[record]\n").unwrap();
        }
        let directory = folder.path().display().to_string();
        let line = ["--output-dir".to_owned(), directory, flag.to_owned()];
        let line = CommandLine::parse(&line, keys::ALL, Set::NotTaken);
        let plan = plan_of(run_config(line, keys::ALL)).unwrap();
        claim(&plan.run)
            .and_then(|lock| prepare(&plan.run).map(|_| drop(lock)))
            .map_err(|failure| failure.to_string())?;
        let entries = fs::read_dir(folder.path()).unwrap().flatten();
        let mut names: Vec<String> =
            entries.map(|entry| entry.file_name().into_string().unwrap()).collect();
        names.sort();
        Ok(names.join(" "))
    }

    const REFUSE: &str = "--overwrite-output-dir=false";
    const REPLACE: &str = "--overwrite-output-dir=true";
    const GO_ON: &str = "--resume=auto";

    #[test]
    fn only_a_run_of_ours_is_replaced_and_only_when_that_was_asked_for() {
        let check = |paths: &[&str], flag, expected| {
            assert_eq!(left(paths, flag).as_deref(), Ok(expected), "{paths:?}, {flag}");
        };
        for flag in [REFUSE, REPLACE, GO_ON] {
            check(&[], flag, "");
            check(&["run.lock"], flag, "");
            check(&["run.lock", ".run.toml.partial"], flag, ".run.toml.partial");
            check(&["flight/rank-1.json"], flag, "flight");
        }
        let model = ["model.safetensors", "config.json", "tokenizer.json", "tokenizer_config.json"];
        let rest = [
            "modeling_lockstep.py",
            "vocab.txt",
            "README.md",
            "all_results.json",
            "trainer_state.json",
        ];
        let run = ["run.toml", "metrics.jsonl", "logs/rank-0.jsonl", "checkpoint-5/config.json"];
        check(
            &[&model[..], &rest, &run, &["notes.txt"]].concat(),
            REPLACE,
            ".replaced notes.txt run.toml",
        );
        check(&["run.toml", "logs/rank-0.jsonl"], GO_ON, "logs run.toml");
    }

    #[test]
    fn a_record_that_was_not_finished_is_nothing() {
        for text in ["", "# The whole conf", "# The whole configuration of this run, as meant. `tr"]
        {
            let folder = tempfile::tempdir().unwrap();
            fs::write(folder.path().join("run.toml"), text).unwrap();
            assert!(!holds_something(folder.path()), "{text:?}");
            fs::write(folder.path().join("notes.txt"), "").unwrap();
            assert!(holds_something(folder.path()), "{text:?}");
        }
    }

    #[test]
    fn a_replaced_run_is_removed_only_when_there_is_another() {
        let folder = tempfile::tempdir().unwrap();
        let write = |path: &str, text: &str| {
            let path = folder.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        let read = |path: &str| fs::read_to_string(folder.path().join(path)).ok();
        write("run.toml", "[record]\n");
        write("checkpoint-5/config.json", "old");
        write("model.safetensors", "old");
        clear(folder.path()).unwrap();
        assert_eq!(read("model.safetensors"), None);
        // The new run ends before it has a checkpoint, and a third one begins.
        write("metrics.jsonl", "new");
        write("model.safetensors", "half of it");
        clear(folder.path()).unwrap();
        assert_eq!(read(".replaced/model.safetensors").as_deref(), Some("old"));
        assert_eq!(read(".replaced/checkpoint-5/config.json").as_deref(), Some("old"));
        assert_eq!((read("metrics.jsonl"), read("model.safetensors")), (None, None));
        let mut replaced = Replaced::of(folder.path());
        let directory = folder.path().join("checkpoint-1");
        let event = TrainEvent::Checkpoint(CheckpointReport { step: 1, directory, held_up: 0.01 });
        replaced.observe(&event);
        replaced.observe(&event);
        assert!(!folder.path().join(".replaced").exists());
    }

    #[test]
    fn what_a_run_reads_is_not_replaced_by_it() {
        let folder = tempfile::tempdir().unwrap();
        let here = folder.path().join("out");
        fs::create_dir_all(here.join("checkpoint-5")).unwrap();
        for name in ["run.toml", "model.safetensors", "rows.tsv", "README.md"] {
            fs::write(here.join(name), "[record]\n").unwrap();
        }
        let told = |source: &str| {
            let source = folder.path().join(source);
            replaced_source(&here, [source.as_path()].into_iter()).map(|fault| format!("{fault:?}"))
        };
        for lost in ["out", "out/.", "out/checkpoint-5", "out/../out/checkpoint-5", "out/README.md"]
        {
            let told = told(lost).unwrap();
            assert!(told.contains("which this run reads"), "{told}");
        }
        for kept in ["out/rows.tsv", "elsewhere", "."] {
            assert_eq!(told(kept), None, "{kept}");
        }
        fs::remove_file(here.join("run.toml")).unwrap();
        assert_eq!(told("out"), None);
    }

    #[test]
    fn files_of_other_programs_are_not_touched() {
        let check = |paths: &[&str], flag, expected: &str| {
            let told = left(paths, flag).unwrap_err();
            assert!(told.contains(expected), "{paths:?}, {flag}: {told}");
        };
        for flag in [REFUSE, REPLACE, GO_ON] {
            check(&["notes.txt", "README.md"], flag, "is not a run of lockstep");
        }
        for flag in [REFUSE, REPLACE] {
            check(&["checkpoint-5/model.safetensors"], flag, "is not a run of lockstep");
        }
        let elsewhere = tempfile::tempdir().unwrap();
        let from = format!("--resume={}", elsewhere.path().display());
        check(&["notes.txt"], &from, "is not a run of lockstep");
    }

    #[test]
    fn only_a_run_with_a_checkpoint_is_offered_to_be_resumed() {
        let said = left(&["run.toml"], REFUSE).unwrap_err();
        assert!(said.contains("a run without a checkpoint"), "{said}");
        assert!(said.contains("--overwrite-output-dir") && !said.contains("--resume"), "{said}");
        let said = left(&["run.toml", "checkpoint-5/config.json"], REFUSE).unwrap_err();
        assert!(
            said.contains("--overwrite-output-dir") && said.contains("--resume auto"),
            "{said}"
        );
    }

    #[test]
    fn a_finished_model_is_not_trained_over_by_a_run_that_finds_no_checkpoint() {
        let told = |paths: &[&str], flag| left(paths, flag).unwrap_err();
        for result in ["model.safetensors", "all_results.json"] {
            let told = told(&["run.toml", result], GO_ON);
            assert!(told.contains("holds a finished model") && told.contains("--model"), "{told}");
        }
        let elsewhere = tempfile::tempdir().unwrap();
        let from = format!("--resume={}", elsewhere.path().display());
        let told = told(&["run.toml", "model.safetensors", "checkpoint-5/config.json"], &from);
        assert!(told.contains("not empty"), "{told}");
        assert_eq!(left(&["run.toml", "logs/rank-0.jsonl"], &from).as_deref(), Ok("logs run.toml"));
    }
}
