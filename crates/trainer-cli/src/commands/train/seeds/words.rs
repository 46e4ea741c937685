//! What a series says.

use std::fmt::Write;
use std::path::Path;

use lockstep_trainer::Spread;
use lockstep_world::counted;

use serde_json::json;

use super::earlier::Earlier;
use super::outcome::Outcome;
use crate::observers::Fact;

/// The line above the training of a seed.
pub(super) fn of_seed(
    seed: u64,
    number: usize,
    count: usize,
    directory: &Path,
    earlier: Earlier,
) -> Fact {
    let fate = match earlier {
        Earlier::Finished => ": finished earlier",
        Earlier::Begun => ": resumes",
        Earlier::Nothing | Earlier::Remains => "",
    };
    let text =
        format!("\nseed       {seed}, {number} of {count}, in {}{fate}", directory.display());
    let is_finished = earlier == Earlier::Finished;
    let fields = json!({
        "seed": seed, "number": number, "count": count, "directory": directory,
        "is_finished": is_finished,
    });
    Fact::new("seed", text, fields)
}

/// That the series ended between two seeds.
pub(super) fn of_stop(next: u64) -> Fact {
    let text = format!(
        "stopped before seed {next}; the same command with --resume auto continues with it"
    );
    Fact::new("stopped", text, json!({ "next_seed": next })).closing()
}

/// That a seed's training failed, and with it the series.
pub(super) fn of_failed(seed: u64, seeds: &[u64]) -> String {
    let before = seeds.iter().take_while(|other| **other != seed).count();
    let kept = match before {
        0 => String::new(),
        _ => format!("; {} before it stay", counted(before, "finished seed")),
    };
    format!(
        "the training with seed {seed} failed, and the series ends with it, since a mean without it would \
         be too good{kept}\n  hint: remove the cause, then run the same command with --resume auto"
    )
}

/// The table of the metrics, and whose model is the result.
pub(super) fn of_outcome(outcome: &Outcome, directory: &Path) -> Fact {
    let seeds: Vec<String> = outcome.seeds.iter().map(|one| one.seed.to_string()).collect();
    let mut text = format!("\nseeds      {}\n", seeds.join(", "));
    let spreads = outcome.spreads();
    let wide = spreads.keys().map(String::len).max().unwrap_or_default().max("metric".len());
    let _ =
        writeln!(text, "{:<wide$} {:>9} {:>9}  95 % interval of the mean", "metric", "mean", "std");
    for (name, Spread { mean, std, interval: [low, high], .. }) in spreads {
        let _ = writeln!(text, "{name:<wide$} {mean:>9.4} {std:>9.4}  {low:.4} to {high:.4}");
    }
    let result = of_result(outcome);
    let _ = write!(text, "result     {result}, in {}", directory.display());
    let numbers: Vec<u64> = outcome.seeds.iter().map(|one| one.seed).collect();
    let fields = json!({ "seeds": numbers, "metrics": outcome.spreads(), "result": result });
    Fact::new("seeds", text, fields).closing()
}

/// Whose model is the result, and why.
pub(super) fn of_result(outcome: &Outcome) -> String {
    let result = outcome.result();
    match outcome.is_chosen {
        true => format!("the model of seed {}, the best by {}", result.seed, outcome.key()),
        false => format!(
            "the model of seed {}, the first one, since there are no validation data to choose by",
            result.seed
        ),
    }
}
