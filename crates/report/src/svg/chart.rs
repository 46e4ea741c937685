//! Curves by update.

use std::fmt::Write;

use super::axis::Axis;
use super::frame::{BOTTOM, Entry, LEFT, RIGHT, TOP, Words, frame};
use crate::curve::Bucket;
use crate::html::escaped;
use crate::numbers::number;

/// A figure with curves.
pub(crate) struct Chart<'a> {
    /// Different from that of any other figure of the page.
    pub(crate) id: String,
    pub(crate) title: &'a str,
    pub(crate) series: Vec<Series>,
    /// Whether the axis begins at 0.
    pub(crate) from_zero: bool,
}

/// One curve.
#[derive(Clone, Debug, Default)]
pub(crate) struct Series {
    pub(crate) name: String,
    /// The number of its colour and dashes.
    pub(crate) style: usize,
    /// Update and value, in the order of the updates.
    pub(crate) points: Vec<[f64; 2]>,
    /// Update, least and most; empty where it is not shown.
    pub(crate) band: Vec<[f64; 3]>,
    /// Whether each point has a mark, which shows its numbers.
    pub(crate) has_marks: bool,
}

impl Series {
    /// The means of a curve; `with_band` with what each point spans.
    pub(crate) fn of(name: &str, style: usize, buckets: &[Bucket], with_band: bool) -> Self {
        let points = buckets.iter().map(|bucket| [bucket.middle(), bucket.mean()]);
        let is_thinned = buckets.iter().any(|bucket| bucket.least < bucket.most);
        let spans = buckets.iter().filter(|_| with_band && is_thinned);
        Self {
            name: name.to_owned(),
            style,
            points: points.collect(),
            band: spans.map(|one| [one.middle(), one.least, one.most]).collect(),
            has_marks: false,
        }
    }
}

/// The figure; nothing where no curve has a point.
pub(crate) fn chart(chart: &Chart<'_>) -> Option<String> {
    let mut xs = Range::default();
    let mut ys = Range::default();
    if chart.from_zero {
        ys.take(0.0);
    }
    for series in &chart.series {
        series.points.iter().for_each(|[x, y]| (xs.take(*x), ys.take(*y)).1);
        series.band.iter().for_each(|[_, least, most]| (ys.take(*least), ys.take(*most)).1);
    }
    chart.series.iter().find(|series| !series.points.is_empty())?;
    let across = Axis::of(xs.least, xs.most, 5.0, [LEFT, RIGHT]).tight(xs.least, xs.most);
    let up = Axis::of(ys.least, ys.most, 5.0, [BOTTOM, TOP]);
    let content: String = chart.series.iter().map(|series| drawn(series, &across, &up)).collect();
    let description: Vec<String> = chart.series.iter().filter_map(in_words).collect();
    let words = Words {
        id: &chart.id,
        title: chart.title,
        description: &description.join(" "),
        across: "update",
    };
    Some(frame(&words, [&across, &up], &content, &legend(&chart.series)))
}

fn drawn(series: &Series, across: &Axis, up: &Axis) -> String {
    let mut out = String::new();
    let style = classes(series.style);
    if !series.band.is_empty() {
        let above = series.band.iter().map(|[x, _, most]| (x, most));
        let below = series.band.iter().rev().map(|[x, least, _]| (x, least));
        let _ = write!(out, "<path class=\"band {style}\" d=\"");
        for (number, (x, y)) in above.chain(below).enumerate() {
            let verb = if number == 0 { 'M' } else { 'L' };
            let _ = write!(out, "{verb}{:.1} {:.1}", across.place(*x), up.place(*y));
        }
        out.push_str("Z\"/>\n");
    }
    if series.points.len() > 1 {
        let _ = write!(out, "<path class=\"line {style}\" d=\"");
        for (number, [x, y]) in series.points.iter().enumerate() {
            let verb = if number == 0 { 'M' } else { 'L' };
            let _ = write!(out, "{verb}{:.1} {:.1}", across.place(*x), up.place(*y));
        }
        out.push_str("\"/>\n");
    }
    if series.has_marks || series.points.len() == 1 {
        for [x, y] in &series.points {
            let _ = writeln!(
                out,
                "<circle class=\"mark {style}\" cx=\"{:.1}\" cy=\"{:.1}\" r=\"4\"><title>{}: {} \
                 after update {x}</title></circle>",
                across.place(*x),
                up.place(*y),
                escaped(&series.name),
                number(*y)
            );
        }
    }
    out
}

fn legend(series: &[Series]) -> Vec<Entry> {
    let mut entries = Vec::new();
    for series in series.iter().filter(|series| !series.points.is_empty()) {
        let style = classes(series.style);
        let dot = format!("<circle class=\"mark {style}\" cx=\"14\" cy=\"0\" r=\"4\"/>");
        let line = format!("<path class=\"line {style}\" d=\"M0 0H28\"/>");
        let dot = if series.has_marks || series.points.len() == 1 { &dot } else { "" };
        let line = if series.points.len() > 1 { &line } else { "" };
        entries.push(Entry { mark: format!("{line}{dot}"), text: series.name.clone() });
        if !series.band.is_empty() {
            let mark = format!(
                "<rect class=\"band {style}\" x=\"0\" y=\"-6\" width=\"28\" height=\"12\"/>"
            );
            let text = format!("{}: least to most of the updates of a point", series.name);
            entries.push(Entry { mark, text });
        }
    }
    entries
}

fn in_words(series: &Series) -> Option<String> {
    let ([from, first], [to, last]) = (series.points.first()?, series.points.last()?);
    let low = series.points.iter().map(|[_, y]| *y).fold(f64::INFINITY, f64::min);
    let high = series.points.iter().map(|[_, y]| *y).fold(f64::NEG_INFINITY, f64::max);
    Some(format!(
        "{}: {} at update {from}, {} at update {to}, between {} and {}.",
        series.name,
        number(*first),
        number(*last),
        number(low),
        number(high)
    ))
}

/// The classes that colour a series.
fn classes(style: usize) -> String {
    format!("c{} d{}", style % crate::style::COLOURS, style / crate::style::COLOURS)
}

struct Range {
    least: f64,
    most: f64,
}

impl Default for Range {
    fn default() -> Self {
        Self { least: f64::INFINITY, most: f64::NEG_INFINITY }
    }
}

impl Range {
    fn take(&mut self, value: f64) {
        self.least = self.least.min(value);
        self.most = self.most.max(value);
    }
}
