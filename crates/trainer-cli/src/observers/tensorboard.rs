//! TensorBoard's event file, with the tags of Hugging Face's `TensorBoardCallback`.
//!
//! Each start and each resume writes a new file, later by name than those that are there. It opens with the
//! start of the next update: TensorBoard then drops what earlier files say of this update and later
//! ones, and a file that a killed run left with half a record is read up to there.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::num::NonZeroU64;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use lockstep_events::{Content, Event, Scalar, file_name, record, second_of};
use lockstep_trainer::{EvaluationReport, FinishReport, Observer, TrainEvent, UpdateReport};

use super::appended::Appended;
use super::work::Work;

/// Writes event files into an output directory.
pub(crate) struct TensorBoard {
    directory: PathBuf,
    host: String,
    every: NonZeroU64,
    /// The file, once the run has begun.
    file: Option<Appended>,
    total: u64,
    /// The updates since the last point.
    window: Work,
    /// All updates since the start or the resume.
    all: Work,
}

impl TensorBoard {
    /// Event files with a point after each `every` updates, of the rank on `host`.
    pub(crate) fn new(directory: &Path, host: &str, every: NonZeroU64) -> Self {
        Self {
            directory: directory.to_owned(),
            host: host.to_owned(),
            every,
            file: None,
            total: 0,
            window: Work::default(),
            all: Work::default(),
        }
    }

    /// Begins a file in which the updates after `first_step` follow.
    fn begin(&mut self, first_step: u64) {
        let second = since_1970().as_secs().max(newest(&self.directory).map_or(0, |last| last + 1));
        let name = file_name(second, &self.host, std::process::id());
        self.file = Some(Appended::at(self.directory.join(name), open));
        let opening = [message(0, Content::FileVersion), message(first_step + 1, Content::Start)];
        self.append(&opening.concat());
    }

    fn append(&mut self, bytes: &[u8]) {
        if let Some(file) = &mut self.file {
            file.append(bytes);
        }
    }

    fn write(&mut self, step: u64, scalars: Vec<Scalar>) {
        self.append(&message(step, Content::Scalars(scalars)));
    }

    fn update(&mut self, report: &UpdateReport) {
        self.window.add(report);
        self.all.add(report);
        if report.step.is_multiple_of(self.every.get()) || report.step == self.total {
            let window = std::mem::take(&mut self.window);
            self.write(report.step, of_updates(&window, report));
        }
    }

    fn finish(&mut self, report: &FinishReport) {
        let Work { seconds, examples, updates, .. } = self.all;
        if updates == 0 {
            return;
        }
        let scalars = [
            ("train/train_loss", self.all.mean_loss()),
            ("train/train_runtime", seconds),
            ("train/train_samples_per_second", self.all.per_second(examples)),
            ("train/train_steps_per_second", updates as f64 / seconds.max(1e-9)),
        ];
        self.write(report.step, scalars.map(|(tag, value)| point(tag, value)).to_vec());
    }
}

/// The points of a window of updates that ends with `last`.
fn of_updates(window: &Work, last: &UpdateReport) -> Vec<Scalar> {
    let points = [
        ("train/loss", window.mean_loss()),
        ("train/grad_norm", last.grad_norm),
        ("train/learning_rate", last.lr[0]),
        ("train/learning_rate_head", last.lr[1]),
        ("train/epoch", last.epoch),
        ("train/samples_per_second", window.per_second(window.examples)),
        ("train/tokens_per_second", window.per_second(window.tokens)),
    ];
    points.map(|(tag, value)| point(tag, value)).to_vec()
}

/// The points of an evaluation.
fn of_evaluation(report: &EvaluationReport) -> Vec<Scalar> {
    let group = if report.split == "validation" { "eval" } else { &report.split };
    let seconds = report.seconds.max(1e-9);
    let points = [
        ("loss", report.loss),
        ("accuracy", report.accuracy),
        ("f1", report.f1),
        ("mcc", report.mcc),
        ("runtime", report.seconds),
        ("samples_per_second", report.examples as f64 / seconds),
    ];
    points.map(|(name, value)| point(&format!("{group}/{name}"), value)).to_vec()
}

#[expect(clippy::cast_possible_truncation, reason = "TensorBoard's scalars are f32")]
fn point(tag: &str, value: f64) -> Scalar {
    Scalar { tag: tag.to_owned(), value: value as f32 }
}

fn message(step: u64, content: Content) -> Vec<u8> {
    record(&Event { wall_time: since_1970().as_secs_f64(), step, content }.encode())
}

fn since_1970() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}

/// The second of the newest event file.
fn newest(directory: &Path) -> Option<u64> {
    let names = fs::read_dir(directory).ok()?.flatten().map(|entry| entry.file_name());
    names.filter_map(|name| second_of(name.to_str()?)).filter(|second| *second < u64::MAX).max()
}

fn open(path: &Path) -> io::Result<File> {
    OpenOptions::new().create(true).append(true).open(path)
}

impl Observer for TensorBoard {
    fn observe(&mut self, event: &TrainEvent) {
        match event {
            TrainEvent::Start(report) => {
                self.total = report.total_updates;
                self.begin(report.first_step);
            }
            TrainEvent::Update(report) => self.update(report),
            TrainEvent::Evaluation(report) => self.write(report.step, of_evaluation(report)),
            TrainEvent::Finish(report) => self.finish(report),
            TrainEvent::LossSpike(_) | TrainEvent::Epoch(_) | TrainEvent::Checkpoint(_) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use lockstep_trainer::Ending;

    use super::*;
    use crate::observers::samples::{start, update};

    fn run(folder: &Path, first: u64, last: u64) {
        let mut board = TensorBoard::new(folder, "node", NonZeroU64::new(2).unwrap());
        board.observe(&start(first, 5));
        (first + 1..=last).for_each(|step| board.observe(&update(step)));
        let (ending, seconds, directory) = (Ending::Complete, 1.0, folder.to_owned());
        board.observe(&TrainEvent::Finish(FinishReport { step: last, ending, seconds, directory }));
    }

    /// The content of each record.
    fn contents(mut bytes: &[u8]) -> Vec<Vec<u8>> {
        let mut all = Vec::new();
        while let Some((length, rest)) = bytes.split_first_chunk() {
            let length = usize::try_from(u64::from_le_bytes(*length)).unwrap();
            all.push(rest[4..4 + length].to_vec());
            bytes = &rest[length + 8..];
        }
        all
    }

    #[test]
    fn a_resume_writes_a_later_file_that_starts_at_the_next_update() {
        let folder = tempfile::tempdir().unwrap();
        run(folder.path(), 0, 5);
        run(folder.path(), 2, 5);
        let mut names: Vec<_> =
            fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().path()).collect();
        names.sort();
        let has =
            |content: &[u8], tag: &str| content.windows(tag.len()).any(|at| at == tag.as_bytes());
        let files: Vec<_> = names.iter().map(|name| contents(&fs::read(name).unwrap())).collect();
        // Two that open the file, those of updates 2, 4 and 5, and the end; then those of 4 and 5.
        assert_eq!(files.iter().map(Vec::len).collect::<Vec<_>>(), [6, 5]);
        for (file, first) in files.iter().zip([1, 3]) {
            assert!(has(&file[0], "brain.Event:2"));
            assert_eq!(file[1][9..], [0x10, first, 0x3a, 2, 8, 1]);
            assert!(file[2..file.len() - 1].iter().all(|one| has(one, "train/learning_rate")));
            assert!(has(&file[file.len() - 1], "train/train_runtime"));
        }
    }

    #[test]
    fn a_file_that_cannot_be_written_is_not_an_error() {
        run(Path::new("/nowhere/at/all"), 0, 5);
    }
}
