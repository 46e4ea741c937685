//! Checkpoints that are written while the updates continue.

use std::fs;
use std::num::{NonZeroU64, NonZeroUsize};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use lockstep_model::HeadKind;
use lockstep_optim::Rates;
use lockstep_trainer::{
    Cadence, Ending, Observer, StopRequest, TrainEvent, TrainSettings, latest_checkpoint,
};

use crate::setup::{Updates, settings, trainer};

const START: (&str, HeadKind) = ("tiny", HeadKind::Mlp);

/// 40 updates, a checkpoint after each second one.
fn often(output: &Path) -> TrainSettings {
    let mut settings = settings(output, Rates { encoder: 1e-3, head: 5e-3 });
    settings.saving.cadence = Cadence::EverySteps(NonZeroU64::new(2).unwrap());
    settings.saving.keep = NonZeroUsize::new(2);
    settings
}

/// Keeps the steps of updates and checkpoints; looks at each checkpoint when it is reported.
#[derive(Default)]
struct Seen {
    updates: Vec<u64>,
    checkpoints: Vec<u64>,
}

impl Observer for Seen {
    fn observe(&mut self, event: &TrainEvent) {
        match event {
            TrainEvent::Update(report) => self.updates.push(report.step),
            TrainEvent::Checkpoint(report) => {
                assert!(report.directory.join("MANIFEST.json").exists(), "reported too early");
                self.checkpoints.push(report.step);
            }
            _ => {}
        }
    }
}

#[test]
fn every_checkpoint_is_reported_once_when_it_is_whole() {
    let output = tempfile::tempdir().unwrap();
    let mut seen = Seen::default();
    let mut run = trainer(START, Some(0.2), often(output.path()));
    assert_eq!(run.run(&mut seen, &StopRequest::default()).unwrap(), Ending::Complete);
    assert_eq!(seen.checkpoints, (1..=20).map(|half| 2 * half).collect::<Vec<_>>());
    let mut left: Vec<_> = fs::read_dir(output.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.contains("checkpoint"))
        .collect();
    left.sort();
    assert_eq!(left, ["checkpoint-38", "checkpoint-40"]);
}

/// The weights in a checkpoint are those of its step although training went on while it was written.
#[test]
fn a_checkpoint_has_the_weights_of_its_own_step() {
    let (often_there, once_there) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let mut all = often(often_there.path());
    all.saving.keep = None;
    trainer(START, Some(0.2), all).run(&mut Updates::default(), &StopRequest::default()).unwrap();
    for step in [2, 16, 38] {
        let mut one = often(once_there.path());
        // The only checkpoint before the last, so that nothing waits for it and nothing follows.
        one.saving.cadence = Cadence::EverySteps(NonZeroU64::new(step).unwrap());
        one.saving.keep = None;
        trainer(START, Some(0.2), one)
            .run(&mut Updates::default(), &StopRequest::default())
            .unwrap();
        for name in ["model.safetensors", "optimizer.safetensors"] {
            let file = format!("checkpoint-{step}/{name}");
            let read = |folder: &Path| fs::read(folder.join(&file)).unwrap();
            assert!(read(often_there.path()) == read(once_there.path()), "{file}");
        }
    }
}

/// Takes the right to write from the output directory once it has a checkpoint.
struct Closes<'a> {
    output: &'a Path,
    updates: Vec<u64>,
}

impl Observer for Closes<'_> {
    fn observe(&mut self, event: &TrainEvent) {
        match event {
            TrainEvent::Update(report) => self.updates.push(report.step),
            TrainEvent::Checkpoint(_) => {
                // What was a directory is a file from now on, into which root cannot write either.
                fs::rename(self.output, self.output.with_extension("aside")).unwrap();
                fs::write(self.output, "").unwrap();
            }
            _ => {}
        }
    }
}

#[test]
fn a_checkpoint_that_cannot_be_written_ends_the_run_at_the_next_update() {
    let folder = tempfile::tempdir().unwrap();
    let output = folder.path().join("out");
    let mut settings = often(&output);
    settings.saving.cadence = Cadence::EverySteps(NonZeroU64::new(12).unwrap());
    let mut observer = Closes { output: &output, updates: Vec::new() };
    let error = trainer(START, Some(0.2), settings)
        .run(&mut observer, &StopRequest::default())
        .unwrap_err()
        .to_string();
    assert!(error.contains("cannot create") && error.contains("checkpoint-24"), "{error}");
    let last = observer.updates.last().copied().unwrap();
    // The save after update 36 would wait for it.
    assert!((24..36).contains(&last), "the run ended at update {last}");
    let aside = output.with_extension("aside");
    let found = latest_checkpoint(&aside).unwrap();
    assert_eq!(found, Some(aside.join("checkpoint-12")));
}

#[test]
fn the_directory_of_a_checkpoint_is_open_to_others() {
    let output = tempfile::tempdir().unwrap();
    let mut run = trainer(START, Some(0.2), often(output.path()));
    run.run(&mut Updates::default(), &StopRequest::default()).unwrap();
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    let plain = output.path().join("plain");
    fs::create_dir(&plain).unwrap();
    assert_eq!(mode(&output.path().join("checkpoint-40")), mode(&plain));
}

#[test]
fn what_a_killed_removal_left_is_cleared() {
    let output = tempfile::tempdir().unwrap();
    let left = output.path().join(".checkpoint-2.77-5-0.partial");
    fs::create_dir(&left).unwrap();
    fs::write(left.join("model.safetensors"), "half").unwrap();
    let mut run = trainer(START, Some(0.2), often(output.path()));
    run.run(&mut Updates::default(), &StopRequest::default()).unwrap();
    assert!(!left.exists());
}
