//! The page around its parts.

use crate::html::escaped;
use crate::run::{Run, Seeds};
use crate::sections::{
    calibration, classes, comparison, curves, lengths, mistakes, seeds, settings, summary, time,
};
use crate::style::{self, COLOURS, DASHES};

/// Runs of a page at most: more curves cannot be distinguished.
pub const MOST_RUNS: usize = COLOURS * DASHES;

/// A part of the page.
struct Part {
    id: String,
    title: String,
    content: String,
}

/// One page about `runs`, which are compared where they are several; `version` is the program's.
#[must_use]
pub fn page(runs: &[Run], version: &str) -> String {
    let title = match runs {
        [run] => run.name.clone(),
        _ => format!("{} runs compared", runs.len().min(MOST_RUNS)),
    };
    page_of(&title, Vec::new(), runs, version)
}

/// One page about a series of trainings that differ in their seed; of more than [`MOST_RUNS`] the first
/// ones have curves.
#[must_use]
pub fn series_page(runs: &[Run], of_seeds: &Seeds, version: &str) -> String {
    let title = format!("{} seeds", of_seeds.seeds.len());
    let part = part("seeds", "All seeds", seeds(of_seeds));
    page_of(&title, vec![part], runs, version)
}

/// A page with `parts` before all others.
fn page_of(title: &str, mut parts: Vec<Part>, runs: &[Run], version: &str) -> String {
    let runs = &runs[..runs.len().min(MOST_RUNS)];
    if runs.len() > 1 {
        parts.push(part("results", "Results", comparison(runs)));
    }
    parts.push(part("curves", "Curves", curves::curves(runs)));
    for (number, run) in runs.iter().enumerate() {
        let all = parts_of(run, number);
        if runs.len() == 1 {
            parts.extend(all);
        } else {
            let content: String = all.iter().map(within).collect();
            parts.push(part(&format!("run-{number}"), &run.name, summary(run) + &content));
        }
    }
    parts.retain(|part| !part.content.is_empty());
    let head = if let [run] = runs { summary(run) } else { String::new() };
    document(&escaped(title), &head, &parts, version)
}

/// The whole document around its parts.
fn document(title: &str, head: &str, parts: &[Part], version: &str) -> String {
    let links: String = parts
        .iter()
        .map(|part| format!("<li><a href=\"#{}\">{}</a></li>", part.id, escaped(&part.title)))
        .collect();
    let content: String = parts.iter().map(section).collect();
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src \
         'unsafe-inline'\">\n\
         <meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\n\
         <title>{title}</title>\n<style>\n{}{}{}</style>\n</head>\n<body>\n\
         <a class=\"skip\" href=\"#content\">Skip to the content</a>\n\
         <header><h1>{title}</h1></header>\n<nav aria-label=\"Parts\"><ul>{links}</ul></nav>\n\
         <main id=\"content\">\n{head}{content}</main>\n\
         <footer>Written by lockstep {}.</footer>\n</body>\n</html>\n",
        style::colours(":root"),
        style::FIGURE,
        style::PAGE,
        escaped(version)
    )
}

fn part(id: &str, title: &str, content: String) -> Part {
    Part { id: id.to_owned(), title: title.to_owned(), content }
}

fn parts_of(run: &Run, number: usize) -> Vec<Part> {
    let id = |name: &str| format!("{name}-{number}");
    let named = |name: &str, title: &str, content| part(&id(name), title, content);
    let mut parts = vec![
        named("time", "Time", time(run)),
        named("classes", "Classes", classes(run)),
        named("calibration", "Calibration", calibration(run, &id("run"))),
        named("mistakes", "Most confident mistakes", mistakes(run)),
        named("lengths", "Lengths", lengths(run, &id("run"))),
        named("settings", "Settings", settings(run)),
    ];
    parts.retain(|part| !part.content.is_empty());
    parts
}

fn section(part: &Part) -> String {
    let (id, title) = (&part.id, escaped(&part.title));
    format!(
        "<section aria-labelledby=\"{id}\">\n<h2 id=\"{id}\">{title}</h2>\n{}</section>\n",
        part.content
    )
}

/// A part of one run of several.
fn within(part: &Part) -> String {
    let title = escaped(&part.title);
    format!("<details><summary>{title}</summary>\n{}</details>\n", part.content)
}
