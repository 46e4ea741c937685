//! Several runs beside each other.

use std::collections::BTreeMap;

use lockstep_trainer::{EvaluationReport, calibration_error};

use crate::html::{escaped, isolated, shortened, table};
use crate::numbers::{count, number, percent, seconds};
use crate::run::Run;

/// Results and settings of all runs.
pub(crate) fn comparison(runs: &[Run]) -> String {
    let mut out = results(runs);
    let differing = differing(runs);
    if !differing.is_empty() {
        let names: Vec<&str> = runs.iter().map(|run| run.name.as_str()).collect();
        let head = [&["key"], &names[..]].concat();
        out += "<h3>Settings that differ</h3>\n";
        let text = table("Settings that differ", &head, &differing);
        out += &text.replace("<table>", "<table class=\"words\">");
    }
    out
}

fn results(runs: &[Run]) -> String {
    let row = |run: &Run| {
        let times = &run.story.times;
        let found = run.story.final_evaluation();
        let of = |value: &dyn Fn(&EvaluationReport) -> String| {
            found.map_or_else(|| "–".to_owned(), value)
        };
        vec![
            isolated(&run.name),
            of(&|one| escaped(&one.split)),
            of(&|one| {
                let [low, high] = one.accuracy_interval;
                format!("{} ({:.1} to {:.1})", percent(one.accuracy), low * 100.0, high * 100.0)
            }),
            of(&|one| number(one.f1)),
            of(&|one| number(one.loss)),
            of(&|one| match one.reliability.is_empty() {
                true => "–".to_owned(),
                false => percent(calibration_error(&one.reliability)),
            }),
            count(times.last_step),
            seconds(times.update_seconds),
            number(times.tokens as f64 / times.update_seconds.max(1e-9)),
        ]
    };
    let rows: Vec<_> = runs.iter().map(row).collect();
    let head = [
        "run",
        "split",
        "accuracy (95 % interval)",
        "macro F1",
        "loss",
        "ECE",
        "updates",
        "time in updates",
        "tokens/s",
    ];
    table("Results of each run", &head, &rows)
}

/// The settings that are not the same in all runs, a row each.
fn differing(runs: &[Run]) -> Vec<Vec<String>> {
    let maps: Vec<BTreeMap<&str, &str>> = runs.iter().map(settings).collect();
    let mut names: Vec<&str> = maps.iter().flat_map(|map| map.keys().copied()).collect();
    names.sort_unstable();
    names.dedup();
    let values = |name: &str| maps.iter().map(|map| map.get(name).copied()).collect::<Vec<_>>();
    let differs = |name: &&str| values(name).windows(2).any(|two| two[0] != two[1]);
    let row = |name: &str| {
        let cell = |value: Option<&str>| isolated(&shortened(value.unwrap_or("–"), 120));
        let mut row = vec![format!("<code>{}</code>", escaped(name))];
        row.extend(values(name).into_iter().map(cell));
        row
    };
    names.into_iter().filter(differs).map(row).collect()
}

fn settings(run: &Run) -> BTreeMap<&str, &str> {
    run.settings.iter().map(|one| (one.name.as_str(), one.value.as_str())).collect()
}
