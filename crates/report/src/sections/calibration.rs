//! Whether the model is as often right as it says.

use lockstep_trainer::{ReliabilityBin, calibration_error};

use crate::html::table;
use crate::numbers::{count, percent};
use crate::run::Run;
use crate::svg::{Bars, bars};

/// The reliability diagram of a run; `id` differs on each page.
pub(crate) fn calibration(run: &Run, id: &str) -> String {
    let Some(report) = run.story.final_evaluation() else { return String::new() };
    let bins = &report.reliability;
    if bins.is_empty() {
        return String::new();
    }
    let error = percent(calibration_error(bins));
    let figure = bars(&Bars {
        id: format!("{id}-reliability"),
        title: "Reliability: accuracy by confidence",
        description: &format!(
            "The expected calibration error is {error}. The table below has the numbers."
        ),
        across: "probability of the predicted class",
        range: [0.0, 1.0],
        highest: 1.0,
        bars: (0..bins.len()).map(|number| bar(bins, number)).collect(),
        has_diagonal: true,
    });
    let rows: Vec<_> = (0..bins.len()).map(|number| row(bins, number)).collect();
    let head = ["confidence", "examples", "mean confidence", "accuracy"];
    let table = table("Accuracy by confidence", &head, &rows);
    format!(
        "<div class=\"figures\"><figure>{figure}<figcaption>Expected calibration error (ECE): {error}. \
         Where a bar ends below the dashed line, the model is too sure.</figcaption></figure>\n\
         <div>{table}</div></div>\n"
    )
}

/// The confidences of a bin.
fn range(bins: &[ReliabilityBin], number: usize) -> String {
    let width = 1.0 / bins.len() as f64;
    format!("{:.1} to {:.1}", number as f64 * width, (number + 1) as f64 * width)
}

fn accuracy(bin: &ReliabilityBin) -> f64 {
    bin.correct as f64 / bin.examples.max(1) as f64
}

/// The height of a bin's bar, and what it says.
fn bar(bins: &[ReliabilityBin], number: usize) -> (f64, String) {
    let bin = &bins[number];
    let (right, all) = (count(bin.correct), count(bin.examples));
    (accuracy(bin), format!("confidence {}: {right} right of {all}", range(bins, number)))
}

fn row(bins: &[ReliabilityBin], number: usize) -> Vec<String> {
    let bin = &bins[number];
    let [confidence, accuracy] = match bin.examples {
        0 => [f64::NAN; 2],
        _ => [bin.confidence, accuracy(bin)],
    };
    vec![range(bins, number), count(bin.examples), percent(confidence), percent(accuracy)]
}
