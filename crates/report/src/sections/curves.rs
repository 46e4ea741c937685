//! How loss, rates and speed went.

use std::collections::BTreeMap;

use crate::curve::Curve;
use crate::run::Run;
use crate::story::{Point, Story};
use crate::style::COLOURS;
use crate::svg::{Chart, Series, chart, standalone};

/// A figure as a file.
#[derive(Clone, Debug)]
pub struct Figure {
    /// The name of the file: `loss.svg`.
    pub name: String,
    /// Its content.
    pub svg: String,
}

/// The figures of a run, a file each.
#[must_use]
pub fn figures(run: &Run) -> Vec<Figure> {
    let runs = std::slice::from_ref(run);
    let all = charts(runs).into_iter();
    let figure = |one: Chart<'_>| {
        let svg = standalone(&chart(&one)?);
        Some(Figure { name: format!("{}.svg", one.id), svg })
    };
    all.filter_map(figure).collect()
}

/// The figures of a page.
pub(crate) fn curves(runs: &[Run]) -> String {
    let figure = |one: Chart<'_>| Some(format!("<figure>{}</figure>\n", chart(&one)?));
    let figures: String = charts(runs).into_iter().filter_map(figure).collect();
    if figures.is_empty() {
        return String::new();
    }
    format!("<div class=\"figures\">\n{figures}</div>\n")
}

fn charts(runs: &[Run]) -> Vec<Chart<'_>> {
    let loss = match runs {
        [run] => {
            let mut series = vec![Series::of("training", 0, run.story.loss.buckets(), true)];
            series.extend(evaluated(&run.story, 1, |point| point.loss));
            series
        }
        _ => of_each(runs, |story| &story.loss),
    };
    let rates = match runs {
        [Run { story, .. }] => vec![
            Series::of("encoder", 0, story.rate.buckets(), false),
            Series::of("head", COLOURS + 1, story.head_rate.buckets(), false),
        ],
        _ => of_each(runs, |story| &story.rate),
    };
    let one = |id: &str, title, series| Chart { id: id.to_owned(), title, series, from_zero: true };
    let rate_title = if runs.len() == 1 { "Learning rate" } else { "Learning rate of the encoder" };
    vec![
        one("loss", "Loss", loss),
        Chart { from_zero: false, ..one("accuracy", "Accuracy", accuracies(runs)) },
        one("learning-rate", rate_title, rates),
        one(
            "gradient-norm",
            "Gradient norm before clipping",
            of_each(runs, |story| &story.grad_norm),
        ),
        one("throughput", "Tokens per second", of_each(runs, |story| &story.tokens_per_second)),
    ]
}

/// The curve of each run, with what its points span where there is one run.
fn of_each(runs: &[Run], curve: impl Fn(&Story) -> &Curve) -> Vec<Series> {
    let is_alone = runs.len() == 1;
    let series = |(style, run): (usize, &Run)| {
        let name = if is_alone { "mean" } else { &run.name };
        Series::of(name, style, curve(&run.story).buckets(), is_alone)
    };
    runs.iter().enumerate().map(series).collect()
}

/// What evaluations found, a curve a split of more than one evaluation, or of the run's last one.
fn evaluated(story: &Story, style: usize, value: impl Fn(&Point) -> f64) -> Vec<Series> {
    let series = |(number, (split, points)): (usize, (&String, &BTreeMap<u64, Point>))| Series {
        name: split.clone(),
        style: style + number,
        points: points
            .iter()
            .map(|(step, point)| [*step as f64, value(point)])
            .filter(|[_, value]| value.is_finite())
            .collect(),
        band: Vec::new(),
        has_marks: points.len() <= 60,
    };
    // The validation split first, so that it has the same colour in all figures.
    let splits = story.evaluations.iter().rev();
    splits.filter(|(_, points)| !points.contains_key(&0)).enumerate().map(series).collect()
}

fn accuracies(runs: &[Run]) -> Vec<Series> {
    let name = |run: &Run, series: Series| Series {
        name: format!("{}: {}", run.name, series.name),
        ..series
    };
    match runs {
        [run] => evaluated(&run.story, 1, |point| point.accuracy),
        _ => runs
            .iter()
            .enumerate()
            .flat_map(|(style, run)| {
                let all = evaluated(&run.story, style, |point| point.accuracy);
                all.into_iter().take(1).map(|series| name(run, series)).collect::<Vec<_>>()
            })
            .collect(),
    }
}
