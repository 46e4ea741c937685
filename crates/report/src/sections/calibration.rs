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
    let error = calibration_error(bins);
    let range = |number: usize| {
        let width = 1.0 / bins.len() as f64;
        format!("{:.1} to {:.1}", number as f64 * width, (number + 1) as f64 * width)
    };
    let accuracy = |bin: &ReliabilityBin| bin.correct as f64 / bin.examples.max(1) as f64;
    let of_bin = |(number, bin): (usize, &ReliabilityBin)| {
        let share = accuracy(bin);
        let text = format!(
            "confidence {}: {} right of {}",
            range(number),
            count(bin.correct),
            count(bin.examples)
        );
        (share, text)
    };
    let figure = bars(&Bars {
        id: format!("{id}-reliability"),
        title: "Reliability: accuracy by confidence",
        description: &format!(
            "The expected calibration error is {}. The table below has the numbers.",
            percent(error)
        ),
        across: "probability of the predicted class",
        range: [0.0, 1.0],
        highest: 1.0,
        bars: bins.iter().enumerate().map(of_bin).collect(),
        has_diagonal: true,
    });
    let row = |(number, bin): (usize, &ReliabilityBin)| {
        vec![
            range(number),
            count(bin.examples),
            percent(if bin.examples == 0 { f64::NAN } else { bin.confidence }),
            percent(if bin.examples == 0 { f64::NAN } else { accuracy(bin) }),
        ]
    };
    let rows: Vec<_> = bins.iter().enumerate().map(row).collect();
    let head = ["confidence", "examples", "mean confidence", "accuracy"];
    let table = table("Accuracy by confidence", &head, &rows);
    format!(
        "<div class=\"figures\"><figure>{figure}<figcaption>Expected calibration error (ECE): {}. Where a \
         bar ends below the dashed line, the model is too sure.</figcaption></figure>\n\
         <div>{table}</div></div>\n",
        percent(error)
    )
}
