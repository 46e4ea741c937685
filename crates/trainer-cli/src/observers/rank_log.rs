//! `logs/rank-N.jsonl`: what one rank said and when, to find the cause of a failure after the run. It
//! has the lines of `--log-format json`, warnings and errors included, whatever the console shows.

use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use lockstep_world::Rank;

use super::json_lines::JsonLines;

/// Lines that are kept until the log is opened.
const MOST_KEPT: usize = 1000;

/// One rank's log, which a restarted run appends to. A clone is the same log.
#[derive(Clone, Default)]
pub(crate) struct RankLog {
    kept: Arc<Mutex<Vec<String>>>,
    file: Arc<Mutex<Option<JsonLines>>>,
}

impl RankLog {
    /// Opens the log of `rank` in an output directory, which a rank other than the leader may be unable
    /// to write to; the lines until now follow.
    pub(crate) fn open(&self, output_dir: &Path, rank: Rank) {
        let path = output_dir.join("logs").join(format!("rank-{}.jsonl", rank.0));
        *locked(&self.file) = Some(JsonLines::at(path));
        self.write();
    }

    /// Appends one line; a warning from the writing itself follows with the next one.
    pub(crate) fn append(&self, line: &str) {
        let mut kept = locked(&self.kept);
        if kept.len() < MOST_KEPT {
            kept.push(line.to_owned());
        }
        drop(kept);
        self.write();
    }

    /// Writes what is kept, unless this or another thread is writing: that one writes it.
    fn write(&self) {
        let Ok(mut file) = self.file.try_lock() else { return };
        let Some(file) = &mut *file else { return };
        loop {
            let lines = std::mem::take(&mut *locked(&self.kept));
            if lines.is_empty() {
                return;
            }
            file.append(&lines.join("\n"));
        }
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_from_before_the_log_was_opened_are_in_it() {
        let folder = tempfile::tempdir().unwrap();
        let log = RankLog::default();
        log.append("1");
        log.append("2");
        log.open(folder.path(), Rank(3));
        log.clone().append("3");
        let text = std::fs::read_to_string(folder.path().join("logs/rank-3.jsonl")).unwrap();
        assert_eq!(text, "1\n2\n3\n");
    }
}
