//! `metrics.jsonl`: one line an update and one an evaluation, each on disk before the next update.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::Path;

use lockstep_trainer::{Observer, TrainEvent};
use serde_json::Value;

use super::json_lines::JsonLines;
use crate::whole_file;

/// The file; what a killed run wrote after its checkpoint is cut off before the first line.
pub(crate) struct MetricsFile {
    lines: JsonLines,
    /// The update that the run resumes from, until the file is cut there.
    resumes_from: Option<u64>,
}

impl MetricsFile {
    /// The metrics file of an output directory; it is opened when the run starts.
    pub(crate) fn new(output_dir: &Path) -> Self {
        Self { lines: JsonLines::at(output_dir.join("metrics.jsonl")), resumes_from: None }
    }

    /// Cuts the file where that was not yet possible; whether it can be appended to.
    fn begin(&mut self) -> bool {
        let Some(step) = self.resumes_from else { return true };
        let begun = keep(self.lines.path(), step);
        if begun.is_ok() {
            self.resumes_from = None;
        }
        self.lines.warn(begun);
        self.resumes_from.is_none()
    }
}

/// Keeps the lines up to `step`. In place where nothing but an end is cut, since the disk may be full.
fn keep(path: &Path, step: u64) -> io::Result<()> {
    if step == 0 {
        return File::create(path).map(drop);
    }
    let Some(text) = read(path)? else { return Ok(()) };
    let kept = kept_lines(&text, step);
    match text.starts_with(kept.as_bytes()) {
        true => OpenOptions::new().write(true).open(path)?.set_len(kept.len() as u64),
        false => whole_file::write(path, kept.as_bytes()),
    }
}

/// The content of a file, if it exists.
fn read(path: &Path) -> io::Result<Option<Vec<u8>>> {
    match fs::read(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        content => content.map(Some),
    }
}

/// The whole lines that lie at or before `step`. The test split is evaluated at the end of the run, so
/// its line is written again.
fn kept_lines(text: &[u8], step: u64) -> String {
    let is_kept = |line: &&str| {
        serde_json::from_str::<Value>(line).is_ok_and(|value| {
            let before = value.get("step").and_then(Value::as_u64).is_some_and(|at| at <= step);
            before && value.get("split").is_none_or(|split| split != "test")
        })
    };
    let text = String::from_utf8_lossy(text);
    text.split_inclusive('\n').filter(|line| line.ends_with('\n')).filter(is_kept).collect()
}

impl Observer for MetricsFile {
    fn observe(&mut self, event: &TrainEvent) {
        match event {
            TrainEvent::Start(report) => {
                self.resumes_from = Some(report.first_step);
                self.begin();
            }
            TrainEvent::Update(_) | TrainEvent::LossSpike(_) | TrainEvent::Evaluation(_)
                if self.begin() =>
            {
                // A report has no value that JSON cannot hold.
                let line = serde_json::to_string(event).unwrap_or_default();
                self.lines.append(&line);
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observers::samples::{start, update};

    fn run(folder: &Path, first: u64, last: u64) {
        let mut file = MetricsFile::new(folder);
        file.observe(&start(first, 4));
        for step in first + 1..=last {
            file.observe(&update(step));
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
