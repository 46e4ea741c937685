//! How well each class is found, and what it is taken for.

use std::fmt::Write;

use lockstep_trainer::EvaluationReport;

use super::class_name;
use crate::html::{bar, escaped, isolated, shortened, table};
use crate::numbers::{count, percent};
use crate::run::Run;
use crate::style::STRONGEST;

/// Up to this many classes the whole matrix is shown.
const MATRIX: usize = 16;
/// Classes that have a row of their own at most.
const ROWS: usize = 200;
/// Pairs of classes that are shown where the matrix is not.
const PAIRS: usize = 30;

/// The confusion matrix, and precision and recall.
pub(crate) fn classes(run: &Run) -> String {
    let Some(report) = run.story.final_evaluation() else { return String::new() };
    let count = report.confusion.len();
    let after = match report.step {
        0 => String::new(),
        step => format!(", after update {step}"),
    };
    let mut out = format!("<p class=\"faint\">On {}{after}.</p>\n", isolated(&report.split));
    out += "<h3>Precision and recall</h3>\n";
    out += &measures(report, &run.classes);
    if count <= MATRIX {
        out += "<h3>Confusion matrix</h3>\n<p class=\"faint\">True class by row, predicted class by column; \
                the colour is the share of the row.</p>\n";
        out += &matrix(report, &run.classes);
    } else {
        out += "<h3>Most frequent confusions</h3>\n";
    }
    if count > 2 {
        out += &pairs(report, &run.classes);
    }
    out
}

/// What is counted for one class.
struct Class {
    number: usize,
    hits: u64,
    truths: u64,
    founds: u64,
}

impl Class {
    fn f1(&self) -> f64 {
        2.0 * self.hits as f64 / (self.truths + self.founds) as f64
    }
}

fn measures(report: &EvaluationReport, names: &[String]) -> String {
    let mut founds = vec![0_u64; report.confusion.len()];
    for row in &report.confusion {
        founds.iter_mut().zip(row).for_each(|(sum, count)| *sum += count);
    }
    let class = |(number, row): (usize, &Vec<u64>)| Class {
        number,
        hits: row.get(number).copied().unwrap_or(0),
        truths: row.iter().sum(),
        founds: founds[number],
    };
    let mut classes: Vec<Class> = report.confusion.iter().enumerate().map(class).collect();
    let is_sorted = classes.len() > MATRIX;
    if is_sorted {
        classes.sort_by(|one, other| one.f1().total_cmp(&other.f1()));
    }
    let row = |class: &Class| {
        let share = |part: u64, whole: u64| {
            let share = part as f64 / whole as f64;
            bar(share, &percent(share))
        };
        vec![
            isolated(&shortened(&class_name(names, class.number), 80)),
            share(class.hits, class.founds),
            share(class.hits, class.truths),
            bar(class.f1(), &percent(class.f1())),
            count(class.truths),
        ]
    };
    let rows: Vec<_> = classes.iter().take(ROWS).map(row).collect();
    let head = ["class", "precision", "recall", "F1", "examples"];
    let note = match (is_sorted, classes.len() > ROWS) {
        (true, true) => format!(
            "<p class=\"faint\">The {ROWS} classes with the lowest F1, of {}.</p>\n",
            classes.len()
        ),
        (true, false) => "<p class=\"faint\">The lowest F1 comes first.</p>\n".to_owned(),
        (false, _) => String::new(),
    };
    note + &table("Precision and recall of each class", &head, &rows)
}

fn matrix(report: &EvaluationReport, names: &[String]) -> String {
    let name = |class| isolated(&shortened(&class_name(names, class), 40));
    let mut out = String::from(
        "<div class=\"scroll\" role=\"region\" tabindex=\"0\" aria-label=\"Confusion matrix\">\
         <table class=\"matrix\"><thead><tr><th scope=\"col\">true class</th>",
    );
    for class in 0..report.confusion.len() {
        let _ = write!(out, "<th scope=\"col\">{}</th>", name(class));
    }
    out.push_str("</tr></thead><tbody>\n");
    for (class, row) in report.confusion.iter().enumerate() {
        let _ = write!(out, "<tr><th scope=\"row\">{}</th>", name(class));
        let all = row.iter().sum::<u64>().max(1) as f64;
        for (found, examples) in row.iter().enumerate() {
            let (colour, hit) = if found == class { (0, " class=\"hit\"") } else { (1, "") };
            let strength = *examples as f64 / all * STRONGEST * 100.0;
            let _ = write!(
                out,
                "<td{hit} style=\"background:color-mix(in srgb,var(--c{colour}) {strength:.1}%,\
                 var(--paper))\">{}</td>",
                count(*examples)
            );
        }
        out.push_str("</tr>\n");
    }
    out.push_str("</tbody></table></div>\n");
    out
}

/// The pairs of classes that are confused most often.
fn pairs(report: &EvaluationReport, names: &[String]) -> String {
    let mut pairs: Vec<(u64, usize, usize)> = Vec::new();
    for (class, row) in report.confusion.iter().enumerate() {
        let wrong = row.iter().enumerate().filter(|(found, count)| *found != class && **count > 0);
        pairs.extend(wrong.map(|(found, count)| (*count, class, found)));
    }
    if pairs.is_empty() {
        return "<p>There are none.</p>\n".to_owned();
    }
    pairs.sort_by(|one, other| other.0.cmp(&one.0).then(one.cmp(other)));
    let name = |class| isolated(&shortened(&class_name(names, class), 80));
    let row = |(examples, class, found): &(u64, usize, usize)| {
        vec![name(*class), name(*found), count(*examples)]
    };
    let rows: Vec<_> = pairs.iter().take(PAIRS).map(row).collect();
    let table = table("Most frequent confusions", &["true class", "predicted", "examples"], &rows);
    let note = format!("{} of {} pairs of classes that were confused", rows.len(), pairs.len());
    format!("<details><summary>{}</summary>\n{table}</details>\n", escaped(&note)).replacen(
        "<details>",
        if report.confusion.len() > MATRIX { "<details open>" } else { "<details>" },
        1,
    )
}
