//! Bars beside each other.

use std::fmt::Write;

use super::axis::Axis;
use super::frame::{BOTTOM, Entry, LEFT, RIGHT, TOP, Words, frame};
use crate::html::escaped;

/// A figure with bars of equal width.
pub(crate) struct Bars<'a> {
    /// Different from that of any other figure of the page.
    pub(crate) id: String,
    pub(crate) title: &'a str,
    /// What it shows, for readers who do not see it.
    pub(crate) description: &'a str,
    /// What lies along the horizontal axis.
    pub(crate) across: &'a str,
    /// Where the first bar begins and the last one ends.
    pub(crate) range: [f64; 2],
    /// What the bars' heights are compared with at least.
    pub(crate) highest: f64,
    /// Heights, and what a bar says of itself.
    pub(crate) bars: Vec<(f64, String)>,
    /// Whether the diagonal is drawn, which says where the bars would end if the model were calibrated.
    pub(crate) has_diagonal: bool,
}

/// The figure.
pub(crate) fn bars(figure: &Bars<'_>) -> String {
    let highest = figure.bars.iter().map(|(height, _)| *height).fold(figure.highest, f64::max);
    let [from, to] = figure.range;
    let across = Axis::of(from, to, 5.0, [LEFT, RIGHT]).tight(from, to);
    let up = Axis::of(0.0, highest, 5.0, [BOTTOM, TOP]);
    let width = (RIGHT - LEFT) / figure.bars.len().max(1) as f64;
    let gap = if width > 8.0 { 2.0 } else { 0.5 };
    let mut content = String::new();
    for (number, (height, text)) in (0_u32..).zip(&figure.bars) {
        let (x, y) = (LEFT + f64::from(number) * width, up.place(*height));
        let _ = writeln!(
            content,
            "<rect class=\"column c0\" x=\"{:.1}\" y=\"{y:.1}\" width=\"{:.1}\" height=\"{:.1}\">\
             <title>{}</title></rect>",
            x + gap / 2.0,
            (width - gap).max(0.5),
            BOTTOM - y,
            escaped(text)
        );
    }
    let mut legend = Vec::new();
    if figure.has_diagonal {
        let (x1, x2) = (across.place(from), across.place(to));
        let (y1, y2) = (up.place(from), up.place(to));
        let _ = writeln!(content, "<path class=\"line c1 d1\" d=\"M{x1} {y1}L{x2} {y2}\"/>");
        let mark = "<rect class=\"column c0\" x=\"0\" y=\"-6\" width=\"28\" height=\"12\"/>";
        legend.push(Entry { mark: mark.to_owned(), text: "accuracy".to_owned() });
        let mark = "<path class=\"line c1 d1\" d=\"M0 0H28\"/>".to_owned();
        legend.push(Entry { mark, text: "confidence equals accuracy".to_owned() });
    }
    let Bars { id, title, description, .. } = figure;
    let words = Words { id, title, description, across: figure.across };
    frame(&words, [&across, &up], &content, &legend)
}
