//! The few numbers that a reader looks for first.

use lockstep_trainer::{EvaluationReport, calibration_error};

use super::class_name;
use crate::html::{escaped, shortened};
use crate::numbers::{count, number, percent, seconds};
use crate::run::Run;

struct Tile {
    name: String,
    value: String,
    note: String,
}

/// The tiles of a run.
pub(crate) fn summary(run: &Run) -> String {
    let tiles: String = tiles(run)
        .iter()
        .map(|Tile { name, value, note }| {
            let (name, value, note) = (escaped(name), escaped(value), escaped(note));
            format!("<div><dt>{name}</dt><dd>{value}<small>{note}</small></dd></div>\n")
        })
        .collect();
    format!("<dl class=\"tiles\">\n{tiles}</dl>\n")
}

fn tiles(run: &Run) -> Vec<Tile> {
    let tile =
        |name: &str, value: String, note: String| Tile { name: name.to_owned(), value, note };
    let mut tiles = Vec::new();
    if let Some(found) = run.story.final_evaluation() {
        let [low, high] = found.accuracy_interval;
        let examples = format!("{} examples of {}", count(found.examples), found.split);
        tiles.push(tile(
            "Accuracy",
            percent(found.accuracy),
            format!("95 % interval {:.1} to {:.1} %", low * 100.0, high * 100.0),
        ));
        tiles.push(tile("Macro F1", number(found.f1), examples));
        tiles.push(tile("Loss", number(found.loss), format!("MCC {}", number(found.mcc))));
        tiles.push(tile(
            "Majority class",
            majority(&found.confusion),
            "accuracy without a model".to_owned(),
        ));
        tiles.extend(ranked(found, &run.classes));
        if !found.reliability.is_empty() {
            let error = percent(calibration_error(&found.reliability));
            tiles.push(tile("Calibration error", error, "ECE, 10 bins".to_owned()));
        }
    }
    let times = &run.story.times;
    if times.updates > 0 {
        let epochs = format!("{:.2} epochs", times.epoch);
        tiles.push(tile("Updates", count(times.last_step), epochs));
        let rate = |amount: u64| number(amount as f64 / times.update_seconds.max(1e-9));
        let note = format!("{} tokens a second", rate(times.tokens));
        tiles.push(tile("Time in updates", seconds(times.update_seconds), note));
        if times.skipped > 0 {
            let note = "loss or gradient not finite".to_owned();
            tiles.push(tile("Skipped updates", count(times.skipped), note));
        }
    }
    tiles
}

/// What the order of the probabilities shows, and how they were made.
fn ranked(found: &EvaluationReport, classes: &[String]) -> Vec<Tile> {
    let are_two = found.confusion.len() == 2;
    let second = shortened(&class_name(classes, 1), 40);
    let tile = |name: &str, value: f64, note: String| Tile {
        name: name.to_owned(),
        value: number(value),
        note,
    };
    let note = match (are_two, found.average_precision) {
        (true, Some(precision)) => format!("of {second}; average precision {}", number(precision)),
        _ => "mean over each class against the rest".to_owned(),
    };
    let threshold = || format!("probability from which on {second} is the answer");
    let best = found.best_threshold.map(|best| {
        let note = format!("of {second}, at a threshold of {}", best.threshold);
        tile("Best F1", best.f1, note)
    });
    let tiles = [
        found.auroc.map(|value| tile("AUROC", value, note)),
        best,
        found.threshold.map(|value| tile("Threshold", value, threshold())),
        found
            .temperature
            .map(|value| tile("Temperature", value, "which logits were divided by".to_owned())),
    ];
    tiles.into_iter().flatten().collect()
}

/// The share of the most frequent class.
fn majority(confusion: &[Vec<u64>]) -> String {
    let rows = || confusion.iter().map(|row| row.iter().sum::<u64>());
    percent(rows().max().unwrap_or(0) as f64 / rows().sum::<u64>() as f64)
}
