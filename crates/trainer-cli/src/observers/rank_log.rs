//! `logs/rank-N.jsonl`: what happened on one rank and when, to find the cause of a failure after the
//! run.

use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use lockstep_trainer::{Observer, TrainEvent};
use lockstep_world::Rank;
use serde_json::json;

use super::json_lines::JsonLines;

/// One rank's log, which a restarted run appends to.
pub(crate) struct RankLog {
    rank: Rank,
    lines: JsonLines,
}

impl RankLog {
    /// The log of `rank` in an output directory, which a rank other than the leader may be unable to
    /// write to.
    pub(crate) fn new(output_dir: &Path, rank: Rank) -> Self {
        let path = output_dir.join("logs").join(format!("rank-{}.jsonl", rank.0));
        Self { rank, lines: JsonLines::at(path) }
    }

    /// Appends one line.
    pub(crate) fn note(&mut self, level: &str, message: &serde_json::Value) {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let line = json!({
            "ts": since.as_secs_f64(), "level": level, "rank": self.rank.0, "msg": message,
        });
        self.lines.append(&line.to_string());
    }
}

impl Observer for RankLog {
    fn observe(&mut self, event: &TrainEvent) {
        // The updates are in metrics.jsonl.
        if !matches!(event, TrainEvent::Update(_)) {
            self.note("info", &json!(event));
        }
    }
}
