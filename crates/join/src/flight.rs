//! `flight/rank-<N>.json`: the last calls of a rank, written where a run ended or stands still.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use lockstep_collective::FlightRecorder;
use lockstep_host::{host_name, streams};
use lockstep_world::Seat;

/// The folder of the records in an output directory.
pub const FLIGHT: &str = "flight";
/// How long writing may take before a rank ends without it: the file system may be what hangs.
pub(super) const PATIENCE: Duration = Duration::from_secs(2);

/// Where the flight record of a rank goes. A clone writes to the same file.
#[derive(Clone, Debug)]
pub struct FlightLog {
    recorder: FlightRecorder,
    seat: Seat,
    /// The output directory; nothing where a command has none.
    directory: Option<PathBuf>,
    writing: Arc<Mutex<()>>,
}

impl FlightLog {
    /// The record of the rank at `seat`, in this output directory if the command has one.
    #[must_use]
    pub fn new(seat: Seat, directory: Option<PathBuf>) -> Self {
        Self { recorder: FlightRecorder::default(), seat, directory, writing: Arc::default() }
    }

    /// Where the calls are noted.
    #[must_use]
    pub fn recorder(&self) -> &FlightRecorder {
        &self.recorder
    }

    /// The output directory.
    pub(super) fn directory(&self) -> Option<&Path> {
        self.directory.as_deref()
    }

    /// Writes what was noted so far, and says on the standard error when that fails or takes too long:
    /// what the run ends with does not depend on it. Gives the file.
    pub fn write(&self, reason: &str) -> Option<PathBuf> {
        self.write_within(reason, PATIENCE)
    }

    /// The same, within so much time.
    pub(super) fn write_within(&self, reason: &str, patience: Duration) -> Option<PathBuf> {
        let directory = self.directory.clone()?.join(FLIGHT);
        let (log, reason, folder) = (self.clone(), reason.to_owned(), directory.clone());
        let (sender, written) = channel();
        std::thread::spawn(move || sender.send(log.write_to(&folder, &reason)));
        let cause = match written.recv_timeout(patience) {
            Ok(Ok(path)) => return Some(path),
            Ok(Err(cause)) => cause.to_string(),
            Err(_) => format!("the file system did not answer for {} s", patience.as_secs_f64()),
        };
        streams::print_error_line(format_args!(
            "warning: {}: the flight record cannot be written to {}: {cause}",
            self.seat,
            directory.display()
        ));
        None
    }

    /// Writes the file aside, then gives it its name: a reader finds a whole one.
    fn write_to(&self, folder: &Path, reason: &str) -> io::Result<PathBuf> {
        let _one_at_a_time = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        let mut record = self.recorder.record(reason);
        (record.rank, record.world) = (self.seat.rank().0, self.seat.world().get());
        record.host = host_name();
        fs::create_dir_all(folder)?;
        let name = format!("rank-{}.json", record.rank);
        let (aside, path) = (folder.join(format!(".{name}.partial")), folder.join(&name));
        fs::write(&aside, serde_json::to_vec_pretty(&record)?)?;
        fs::rename(&aside, &path)?;
        Ok(path)
    }
}

#[cfg(test)]
mod tests {
    use lockstep_collective::FlightRecord;

    use super::*;

    #[test]
    fn a_record_is_written_whole_and_a_full_place_is_no_failure() {
        let folder = tempfile::tempdir().unwrap();
        let log = FlightLog::new(Seat::SOLO, Some(folder.path().to_owned()));
        for reason in ["first", "second"] {
            let path = log.write(reason).unwrap();
            assert_eq!(path, folder.path().join("flight/rank-0.json"));
            let record: FlightRecord = serde_json::from_slice(&fs::read(path).unwrap()).unwrap();
            assert_eq!((&*record.reason, record.world), (reason, 1));
        }
        assert_eq!(fs::read_dir(folder.path().join(FLIGHT)).unwrap().count(), 1);
        let file = folder.path().join("file");
        fs::write(&file, "").unwrap();
        assert_eq!(FlightLog::new(Seat::SOLO, Some(file)).write("x"), None);
        assert_eq!(FlightLog::new(Seat::SOLO, None).write("x"), None);
    }
}
