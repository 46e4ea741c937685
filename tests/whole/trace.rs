//! `--trace`: what a trace of a run holds.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use lockstep_testkit::reference;
use serde_json::Value;

use crate::program::{Starter, Workplace, succeed, tiny_run};

/// A span of a trace, in microseconds.
#[derive(Clone, Debug)]
struct Span {
    name: String,
    row: (u64, u64),
    update: u64,
    start: f64,
    end: f64,
}

fn spans(trace: &Value) -> Vec<Span> {
    let events = trace["traceEvents"].as_array().unwrap();
    let span = |event: &Value| Span {
        name: event["name"].as_str().unwrap().to_owned(),
        row: (event["pid"].as_u64().unwrap(), event["tid"].as_u64().unwrap()),
        update: event["args"]["update"].as_u64().unwrap(),
        start: event["ts"].as_f64().unwrap(),
        end: event["ts"].as_f64().unwrap() + event["dur"].as_f64().unwrap(),
    };
    events.iter().filter(|event| event["ph"] == "X").map(span).collect()
}

/// Within a row a span lies in another one or beside it; times are whole nanoseconds.
fn check_nesting(spans: &[Span]) {
    const ROUNDING: f64 = 2e-3;
    let mut rows: BTreeMap<(u64, u64), Vec<&Span>> = BTreeMap::new();
    spans.iter().for_each(|span| rows.entry(span.row).or_default().push(span));
    for (row, spans) in rows {
        let mut open: Vec<&Span> = Vec::new();
        for span in spans {
            assert!(span.start >= 0.0 && span.end >= span.start, "{span:?}");
            while open.last().is_some_and(|outer| outer.end <= span.start + ROUNDING) {
                open.pop();
            }
            if let Some(outer) = open.last() {
                assert!(span.start + ROUNDING >= outer.start, "{row:?}: {span:?} after {outer:?}");
                assert!(span.end <= outer.end + ROUNDING, "{row:?}: {span:?} across {outer:?}");
            }
            open.push(span);
        }
    }
}

fn names(spans: &[Span], row: (u64, u64)) -> BTreeSet<String> {
    spans.iter().filter(|span| span.row == row).map(|span| span.name.clone()).collect()
}

/// A rank leaves a call that all ranks make after every rank has entered it.
fn check_clocks(spans: &[Span], error: f64) {
    for update in 1..=10 {
        let totals: Vec<&Span> =
            spans.iter().filter(|span| span.name == "totals" && span.update == update).collect();
        assert_eq!(totals.len(), 2, "update {update}");
        let entered = totals.iter().map(|span| span.start).fold(0.0, f64::max);
        let left = totals.iter().map(|span| span.end).fold(f64::INFINITY, f64::min);
        assert!(entered <= left + 2.0 * error + 1.0, "update {update}: {totals:?}, error {error}");
    }
}

/// What the loop of each rank does in a run with updates, evaluations and checkpoints.
const OF_LOOP: [&str; 11] = [
    "update",
    "data",
    "forward",
    "backward",
    "wait for the sums",
    "totals",
    "clip",
    "optimizer",
    "share weights",
    "evaluation",
    "checkpoint",
];

/// A rank has all names, and as many spans as the bounds say: ten updates in two passes each, three
/// evaluations.
fn check_rank(spans: &[Span], rank: u64) {
    let found = names(spans, (rank, 0));
    for name in OF_LOOP {
        assert!(found.contains(name), "rank {rank}: no {name} in {found:?}");
    }
    let sums = names(spans, (rank, 1));
    assert!(sums.contains("sum block 0") && sums.contains("sum the rest"), "{sums:?}");
    let of = |name: &str| {
        let is_it = |span: &&Span| span.row.0 == rank && span.name == name;
        spans.iter().filter(is_it).count()
    };
    assert_eq!([of("update"), of("forward"), of("evaluation")], [10, 20, 3], "rank {rank}");
}

#[test]
fn the_spans_of_all_ranks_nest_and_are_on_one_clock() {
    let rows = reference("golden/rows.tsv").canonicalize().unwrap().display().to_string();
    let updates = ["--device", "cpu", "--max-steps", "14", "--gradient-accumulation-steps", "2"];
    let evaluations = ["--validation-file", &rows, "--eval-strategy", "steps", "--eval-steps", "3"];
    let saves = ["--save-strategy", "steps", "--save-steps", "5", "--trace", "trace.json"];
    for starter in [Starter::Launcher, Starter::Mpirun] {
        let place = Workplace::new();
        let words = tiny_run("tiny", &[&updates[..], &evaluations, &saves].concat());
        let Some(command) = place.ranks(starter, 2, &words) else { continue };
        succeed(command);
        let trace = place.json("trace.json");
        let spans = spans(&trace);
        check_nesting(&spans);
        let error = trace["otherData"]["clock error in us"].as_f64().unwrap();
        check_clocks(&spans, error);
        (0..2).for_each(|rank| check_rank(&spans, rank));
        assert!(names(&spans, (0, 2)).contains("write checkpoint"));
        assert_eq!(trace["otherData"]["spans not kept"], 0);
        let bytes = fs::metadata(place.path("trace.json")).unwrap().len();
        assert!(bytes < 200_000, "{bytes} bytes");
    }
}

#[test]
fn a_trace_changes_no_bit_and_a_stopped_run_has_one_of_its_own_updates() {
    let place = Workplace::new();
    let short = ["--max-steps", "6", "--save-strategy", "steps", "--save-steps", "4"];
    let traced = ["--trace", "trace.json", "--output-dir", "traced"];
    place.succeed(&tiny_run("tiny", &short));
    place.succeed(&tiny_run("tiny", &[&short[..], &traced].concat()));
    let weights = |name: &str| fs::read(place.path(name).join("model.safetensors")).unwrap();
    assert!(weights("out") == weights("traced"));
    // A resumed process traces its own first updates.
    fs::remove_dir_all(place.path("traced/checkpoint-6")).unwrap();
    place.succeed(&tiny_run("tiny", &[&short[..], &traced, &["--resume", "auto"]].concat()));
    let trace = place.json("trace.json");
    let updates = spans(&trace).into_iter().filter(|span| span.name == "update");
    assert_eq!(updates.map(|span| span.update).collect::<Vec<_>>(), [5, 6]);
    assert_eq!(trace["otherData"]["clock error in us"], 0.0);
}
