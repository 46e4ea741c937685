//! What reporting costs: the time in which everything that observes a run takes an update, beside an update of
//! `models/minilm-distilbert` with 16 texts.

#![expect(clippy::print_stdout, reason = "a program that prints a report")]

use std::error::Error;
use std::path::Path;
use std::process::Command;

use lockstep_trainer::{EVENT_VERSION, StartReport, SyncReport, TrainEvent, UpdateReport};
use lockstep_trainer_cli::time_of_reports;

const MODEL: &str = "models/minilm-distilbert";
const UPDATES: u64 = 20_000;
const ROUNDS: usize = 5;

fn main() -> Result<(), Box<dyn Error>> {
    let update = update_of_model()?;
    if let Some(seconds) = update {
        println!("an update of {MODEL} with 16 texts: {:.1} ms", seconds * 1e3);
    }
    let events: Vec<TrainEvent> =
        std::iter::once(start(UPDATES)).chain((1..=UPDATES).map(event)).collect();
    for every in [10, 1] {
        let mut best = f64::INFINITY;
        for _ in 0..ROUNDS {
            let folder = tempfile::tempdir()?;
            let time = time_of_reports(folder.path(), every, &events)?;
            best = best.min(time.as_secs_f64() / UPDATES as f64);
        }
        let share = update.map_or_else(String::new, |update| {
            format!(", {:.3} % of such an update", 100.0 * best / update)
        });
        println!("reported with a line after each {every}: {:.1} us{share}", best * 1e6);
    }
    Ok(())
}

/// The median time of an update; nothing where the model is not here.
fn update_of_model() -> Result<Option<f64>, Box<dyn Error>> {
    if !Path::new(MODEL).exists() {
        println!("{MODEL} is not here, so there is no update to compare with");
        return Ok(None);
    }
    let folder = tempfile::tempdir()?;
    let out = folder.path().join("out");
    let status = Command::new(env!("CARGO_BIN_EXE_trainer"))
        .args(["train", "--model", MODEL, "--train-file", "builtin:reviews", "--device", "cpu"])
        .args(["--max-steps", "60", "--save-strategy", "no", "--quiet", "--output-dir"])
        .arg(&out)
        .stdout(std::process::Stdio::null())
        .status()?;
    if !status.success() {
        return Err(format!("the trainer ended with {status}").into());
    }
    let text = std::fs::read_to_string(out.join("metrics.jsonl"))?;
    let values = text.lines().map(serde_json::from_str::<serde_json::Value>);
    let values: Vec<serde_json::Value> = values.collect::<Result<_, _>>()?;
    let updates = values.iter().filter(|value| value["kind"] == "update");
    let mut seconds: Vec<f64> = updates.filter_map(|value| value["seconds"].as_f64()).collect();
    seconds.sort_by(f64::total_cmp);
    Ok(seconds.get(seconds.len() / 2).copied())
}

/// The start of a run.
fn start(total_updates: u64) -> TrainEvent {
    TrainEvent::Start(StartReport {
        version: EVENT_VERSION,
        train_examples: 1,
        train_tokens: 1,
        truncated: 0,
        validation_examples: 0,
        parameters: 1,
        total_updates,
        updates_per_epoch: total_updates,
        first_step: 0,
    })
}

/// An update.
fn event(step: u64) -> TrainEvent {
    TrainEvent::Update(UpdateReport {
        step,
        epoch: step as f64 / 1000.0,
        loss: 1.0 / step as f64,
        grad_norm: 1.234_567,
        skipped: false,
        lr: [1.234_567e-5, 6.172_835e-5],
        examples: 16,
        tokens: 385,
        seconds: 0.123_456,
        sync: Some(SyncReport { seconds: 0.012_345, exposed: 0.001_234 }),
        tflops: None,
    })
}
