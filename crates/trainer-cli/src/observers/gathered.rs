//! What `report.html` shows of a run, gathered while the run lasts.

use std::fs::File;
use std::io::{BufReader, ErrorKind};
use std::path::{Path, PathBuf};

use lockstep_report::Story;
use lockstep_trainer::{Observer, TrainEvent};

/// Gathers events; a resumed run begins with what its `metrics.jsonl` says of the updates before.
pub(crate) struct Gathered {
    metrics: PathBuf,
    story: Story,
}

impl Gathered {
    /// What happens in the run of an output directory.
    pub(crate) fn of(output_dir: &Path) -> Self {
        Self { metrics: output_dir.join("metrics.jsonl"), story: Story::default() }
    }

    /// All of it.
    pub(crate) fn story(&self) -> &Story {
        &self.story
    }

    /// Reads what happened up to the update `step`.
    fn catch_up(&mut self, step: u64) {
        let file = match File::open(&self.metrics) {
            Ok(file) => file,
            // Another run of these settings may have reported elsewhere.
            Err(cause) if cause.kind() == ErrorKind::NotFound => return,
            Err(cause) => return self.warn(&cause.to_string()),
        };
        if let Err(error) = self.story.read(BufReader::new(file), step) {
            self.warn(&error.to_string());
        }
    }

    fn warn(&self, cause: &str) {
        tracing::warn!(
            "{} cannot be read ({cause}): report.html will lack what happened before this resume",
            self.metrics.display()
        );
    }
}

impl Observer for Gathered {
    fn observe(&mut self, event: &TrainEvent) {
        if let TrainEvent::Start(report) = event
            && report.first_step > 0
        {
            self.catch_up(report.first_step);
        }
        self.story.observe(event);
    }
}
