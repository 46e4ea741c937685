//! `metrics.jsonl`: one line an update and one an evaluation, each on disk before the next update.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use lockstep_trainer::{Observer, TrainEvent};
use serde_json::Value;

/// The file and, once the run has started, its end.
pub(crate) struct MetricsFile {
    path: PathBuf,
    end: Option<File>,
}

impl MetricsFile {
    /// The metrics file of an output directory; it is opened when the run starts.
    pub(crate) fn new(output_dir: &Path) -> Self {
        Self { path: output_dir.join("metrics.jsonl"), end: None }
    }

    /// Keeps the lines up to `step` and cuts off what a killed run wrote after its checkpoint.
    fn open(&mut self, step: u64) -> io::Result<()> {
        let kept = if step == 0 { String::new() } else { kept_lines(&self.path, step)? };
        let rewritten = self.path.with_extension("jsonl.new");
        fs::write(&rewritten, kept)?;
        fs::rename(&rewritten, &self.path)?;
        self.end = Some(OpenOptions::new().append(true).open(&self.path)?);
        Ok(())
    }

    fn append(&mut self, event: &TrainEvent) -> io::Result<()> {
        let mut line = serde_json::to_string(event)?;
        line.push('\n');
        self.end.as_mut().map_or(Ok(()), |end| end.write_all(line.as_bytes()))
    }
}

/// The whole lines of a file that lie at or before `step`. The test split is evaluated at the end of
/// the run, so its line is written again.
fn kept_lines(path: &Path, step: u64) -> io::Result<String> {
    let text = match fs::read(path) {
        Ok(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
        Err(error) => return Err(error),
    };
    let is_kept = |line: &&str| {
        serde_json::from_str::<Value>(line).is_ok_and(|value| {
            let before = value.get("step").and_then(Value::as_u64).is_some_and(|at| at <= step);
            before && value.get("split").is_none_or(|split| split != "test")
        })
    };
    Ok(text.split_inclusive('\n').filter(|line| line.ends_with('\n')).filter(is_kept).collect())
}

impl Observer for MetricsFile {
    fn observe(&mut self, event: &TrainEvent) -> io::Result<()> {
        let written = match event {
            TrainEvent::Start(report) => self.open(report.first_step),
            TrainEvent::Update(_) | TrainEvent::LossSpike(_) | TrainEvent::Evaluation(_) => {
                self.append(event)
            }
            TrainEvent::Epoch(_) | TrainEvent::Checkpoint(_) | TrainEvent::Finish(_) => Ok(()),
        };
        written.map_err(|error| {
            io::Error::new(error.kind(), format!("{}: {error}", self.path.display()))
        })
    }
}

#[cfg(test)]
mod tests {
    use lockstep_trainer::{StartReport, UpdateReport};

    use super::*;

    fn start(first_step: u64) -> TrainEvent {
        TrainEvent::Start(StartReport {
            version: 1,
            train_examples: 1,
            train_tokens: 1,
            truncated: 0,
            validation_examples: 0,
            parameters: 1,
            total_updates: 4,
            updates_per_epoch: 2,
            first_step,
        })
    }

    fn update(step: u64) -> TrainEvent {
        TrainEvent::Update(UpdateReport {
            step,
            epoch: 0.5,
            loss: 0.25,
            grad_norm: 1.5,
            skipped: false,
            lr: [0.0, 1e-4],
            examples: 16,
            tokens: 385,
            seconds: 0.5,
            sync: None,
            tflops: None,
        })
    }

    fn run(folder: &Path, first: u64, last: u64) {
        let mut file = MetricsFile::new(folder);
        file.observe(&start(first)).unwrap();
        for step in first + 1..=last {
            file.observe(&update(step)).unwrap();
        }
    }

    #[test]
    fn a_line_is_what_the_interface_says() {
        let folder = tempfile::tempdir().unwrap();
        run(folder.path(), 0, 1);
        let text = fs::read_to_string(folder.path().join("metrics.jsonl")).unwrap();
        let expected = r#"{"kind":"update","step":1,"epoch":0.5,"loss":0.25,"grad_norm":1.5,"lr":[0.0,0.0001],"examples":16,"tokens":385,"seconds":0.5}"#;
        assert_eq!(text, format!("{expected}\n"));
    }

    #[test]
    fn a_resumed_run_goes_on_where_its_checkpoint_was() {
        let check = |torn: &str, first, expected: &[u64]| {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("metrics.jsonl");
            run(folder.path(), 0, 3);
            let mut text = fs::read_to_string(&path).unwrap();
            text.push_str(torn);
            fs::write(&path, text).unwrap();
            run(folder.path(), first, 4);
            let text = fs::read_to_string(&path).unwrap();
            let step =
                |line| serde_json::from_str::<Value>(line).unwrap()["step"].as_u64().unwrap();
            assert_eq!(text.lines().map(step).collect::<Vec<_>>(), expected, "{torn}");
        };
        check("", 2, &[1, 2, 3, 4]);
        check("", 0, &[1, 2, 3, 4]);
        check("{\"kind\":\"update\",\"step\":1", 3, &[1, 2, 3, 4]);
        check("\u{0}\n{\"split\":\"test\",\"step\":3}\n", 3, &[1, 2, 3, 4]);
    }
}
