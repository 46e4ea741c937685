//! Where the time went.

use crate::html::{bar, table};
use crate::numbers::{percent, seconds};
use crate::run::Run;

/// What an update takes, and what the run took beside its updates.
pub(crate) fn time(run: &Run) -> String {
    let times = &run.story.times;
    if times.updates == 0 {
        return String::new();
    }
    let updates = times.updates as f64;
    let row = |name: &str, part: f64, whole: f64| {
        let share = part / whole.max(f64::MIN_POSITIVE);
        vec![name.to_owned(), bar(share, &percent(share)), seconds(part)]
    };
    let mut out = String::from("<h3>A mean update</h3>\n");
    let whole = times.update_seconds / updates;
    let mut rows = Vec::new();
    if let Some(sync) = times.sync {
        let (exposed, hidden) =
            (times.exposed / updates, (sync - times.exposed).max(0.0) / updates);
        rows.push(row("computing", whole - exposed - hidden, whole));
        rows.push(row("computing while gradients are summed", hidden, whole));
        rows.push(row("waiting for the sum of the gradients", exposed, whole));
    } else {
        rows.push(row("computing", whole, whole));
    }
    out += &table("A mean update", &["part", "share", "time"], &rows);
    let all = times.update_seconds + times.evaluation_seconds + times.held_up;
    out += "<h3>The run</h3>\n";
    let mut rows = vec![row("updates", times.update_seconds, all)];
    for (name, part) in
        [("evaluations", times.evaluation_seconds), ("waiting for checkpoints", times.held_up)]
    {
        if part > 0.0 {
            rows.push(row(name, part, all));
        }
    }
    out + &table("The run", &["part", "share", "time"], &rows)
}
