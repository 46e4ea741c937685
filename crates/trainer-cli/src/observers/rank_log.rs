//! `logs/rank-N.jsonl`: what happened on one rank and when, to find the cause of a failure after the
//! run.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use lockstep_trainer::{Observer, TrainEvent};
use lockstep_world::Rank;
use serde_json::json;

/// One rank's log, which a restarted run appends to.
pub(crate) struct RankLog {
    rank: Rank,
    end: File,
}

impl RankLog {
    /// The log of `rank` in an output directory.
    ///
    /// # Errors
    /// The system's.
    pub(crate) fn open(output_dir: &Path, rank: Rank) -> io::Result<Self> {
        let folder = output_dir.join("logs");
        fs::create_dir_all(&folder)?;
        let path = folder.join(format!("rank-{}.jsonl", rank.0));
        Ok(Self { rank, end: OpenOptions::new().create(true).append(true).open(path)? })
    }

    /// Appends one line.
    ///
    /// # Errors
    /// The system's.
    pub(crate) fn note(&mut self, level: &str, message: &serde_json::Value) -> io::Result<()> {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let line = json!({
            "ts": since.as_secs_f64(), "level": level, "rank": self.rank.0, "msg": message,
        });
        self.end.write_all(format!("{line}\n").as_bytes())
    }
}

impl Observer for RankLog {
    fn observe(&mut self, event: &TrainEvent) -> io::Result<()> {
        // The updates are in metrics.jsonl.
        if matches!(event, TrainEvent::Update(_)) {
            return Ok(());
        }
        self.note("info", &serde_json::to_value(event)?)
    }
}
