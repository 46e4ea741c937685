//! What all figures have: title, description, axes, legend.

use std::fmt::Write;

use super::axis::Axis;
use crate::html::{escaped, shortened};
use crate::style;

/// The size of a figure without its legend.
pub(super) const WIDTH: f64 = 520.0;
const HEIGHT: f64 = 300.0;
/// Where the values lie.
pub(super) const LEFT: f64 = 58.0;
pub(super) const RIGHT: f64 = WIDTH - 16.0;
pub(super) const TOP: f64 = 36.0;
pub(super) const BOTTOM: f64 = HEIGHT - 46.0;
/// The height of a line of the legend.
const LINE: f64 = 20.0;

/// The words of a figure.
pub(super) struct Words<'a> {
    /// Different from that of any other figure of the page.
    pub(super) id: &'a str,
    pub(super) title: &'a str,
    /// What it shows, for readers who do not see it.
    pub(super) description: &'a str,
    /// What lies along the horizontal axis.
    pub(super) across: &'a str,
}

/// A line of the legend: the classes of its mark, and its text.
pub(super) struct Entry {
    pub(super) mark: String,
    pub(super) text: String,
}

/// A figure around `content`.
pub(super) fn frame(
    words: &Words<'_>,
    axes: [&Axis; 2],
    content: &str,
    legend: &[Entry],
) -> String {
    let Words { id, title, description, across } = words;
    let height = HEIGHT + LINE * legend.len() as f64;
    let (title, description) = (escaped(title), escaped(description));
    let mut out = format!(
        "<svg class=\"figure\" role=\"img\" viewBox=\"0 0 {WIDTH} {height}\" \
         aria-labelledby=\"{id}-t {id}-d\" xmlns=\"http://www.w3.org/2000/svg\">\n\
         <title id=\"{id}-t\">{title}</title>\n<desc id=\"{id}-d\">{description}</desc>\n\
         <text class=\"title\" x=\"{LEFT}\" y=\"20\">{title}</text>\n"
    );
    out.push_str(&ticks(axes));
    let _ = write!(
        out,
        "<line class=\"axis\" x1=\"{LEFT}\" x2=\"{RIGHT}\" y1=\"{BOTTOM}\" y2=\"{BOTTOM}\"/>\n\
         <text class=\"tick\" x=\"{}\" y=\"{}\" text-anchor=\"middle\">{}</text>\n{content}",
        (LEFT + RIGHT) / 2.0,
        BOTTOM + 38.0,
        escaped(across)
    );
    for (line, Entry { mark, text }) in (0_u32..).zip(legend) {
        let y = HEIGHT + LINE * f64::from(line) + 8.0;
        let _ = writeln!(
            out,
            "<g transform=\"translate({LEFT} {y})\">{mark}\
             <text class=\"tick\" x=\"36\" y=\"4.5\">{}</text></g>",
            escaped(&shortened(text, 54))
        );
    }
    out.push_str("</svg>\n");
    out
}

/// The grid and the numbers of both axes.
fn ticks(axes: [&Axis; 2]) -> String {
    let mut out = String::new();
    for (value, text) in axes[1].ticks() {
        let y = axes[1].place(value);
        let _ = writeln!(
            out,
            "<line class=\"grid\" x1=\"{LEFT}\" x2=\"{RIGHT}\" y1=\"{y:.1}\" y2=\"{y:.1}\"/>\
             <text class=\"tick\" x=\"{}\" y=\"{:.1}\" text-anchor=\"end\">{text}</text>",
            LEFT - 7.0,
            y + 4.5
        );
    }
    for (value, text) in axes[0].ticks() {
        let x = axes[0].place(value);
        let _ = writeln!(
            out,
            "<line class=\"axis\" x1=\"{x:.1}\" x2=\"{x:.1}\" y1=\"{BOTTOM}\" y2=\"{}\"/>\
             <text class=\"tick\" x=\"{x:.1}\" y=\"{}\" text-anchor=\"middle\">{text}</text>",
            BOTTOM + 5.0,
            BOTTOM + 19.0
        );
    }
    out
}

/// A figure as a separate file, with its style.
pub(crate) fn standalone(figure: &str) -> String {
    let style = format!("<style>{}{}</style>\n", style::colours("svg"), style::FIGURE);
    let Some(place) = figure.find("<title") else { return figure.to_owned() };
    let (head, rest) = figure.split_at(place);
    let paper = format!("<rect class=\"paper\" width=\"{WIDTH}\" height=\"100%\"/>\n");
    // The title is the first child.
    let after = rest.find("<text").unwrap_or(0);
    let (words, drawing) = rest.split_at(after);
    format!("{head}{words}{style}{paper}{drawing}")
}
