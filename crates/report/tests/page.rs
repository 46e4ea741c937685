//! Whole pages.

#![cfg(test)]

use lockstep_report::{Histogram, MOST_RUNS, Mistake, Run, Setting, Story, figures, page};
use serde_json::{Value, json};

fn update(step: u64) -> Value {
    let loss = 0.7 / (1.0 + step as f64 / 300.0);
    json!({
        "kind": "update", "step": step, "epoch": step as f64 / 3333.0, "loss": loss,
        "grad_norm": 1.0 + (step % 17) as f64, "lr": [2e-5, 1e-4], "examples": 16, "tokens": 385,
        "seconds": 0.41, "sync": {"seconds": 0.1, "exposed": 0.03},
    })
}

fn evaluation(step: u64) -> Value {
    let bin = |number: u64| json!({"examples": 10, "correct": number, "confidence": number as f64 / 10.0});
    json!({
        "kind": "evaluation", "step": step, "split": "validation", "loss": 0.35, "accuracy": 0.852,
        "accuracy_interval": [0.83, 0.87], "f1": 0.85, "mcc": 0.7, "examples": 872, "correct": 743,
        "confusion": [[370, 58], [71, 373]], "seconds": 1.0,
        "reliability": (0..10).map(bin).collect::<Vec<_>>(),
    })
}

fn story(lines: &[Value]) -> Story {
    let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
    let mut story = Story::default();
    story.read(text.as_bytes(), u64::MAX).unwrap();
    story
}

fn run(updates: u64) -> Run {
    let mut lines: Vec<Value> = (1..=updates).map(update).collect();
    lines.push(evaluation(updates));
    let hostile = "<script>alert(1)</script>\" onload='x' & \u{202e}\u{0}".to_owned();
    Run {
        name: hostile.clone(),
        story: story(&lines),
        classes: vec![hostile.clone(), "good".to_owned()],
        lengths: Some(Histogram::of(&[3, 9, 40, 128], 1)),
        mistakes: Some(vec![Mistake {
            text: hostile.clone(),
            label: 0,
            found: 7,
            confidence: 0.99,
        }]),
        settings: vec![Setting { name: "seed".to_owned(), value: hostile }],
    }
}

#[test]
fn a_page_of_ten_thousand_updates_is_small() {
    let runs = [run(10_000)];
    let page = page(&runs, "0.1.0");
    assert!(page.len() < 300_000, "{}", page.len());
    for part in ["Loss", "Accuracy", "Learning rate", "Gradient norm", "Tokens per second"] {
        assert!(page.contains(&format!(">{part}")), "{part}");
    }
    let names: Vec<String> = figures(&runs[0]).into_iter().map(|figure| figure.name).collect();
    let expected =
        ["loss.svg", "accuracy.svg", "learning-rate.svg", "gradient-norm.svg", "throughput.svg"];
    assert_eq!(names, expected);
}

#[test]
fn texts_of_users_are_never_markup() {
    let many: Vec<Run> = (0..30).map(|_| run(3)).collect();
    for runs in [&many[..1], &many[..2], &many[..]] {
        let page = page(runs, "0.1.0");
        assert!(!page.contains("<script") && !page.contains("onload='"), "{page}");
        assert!(!page.contains('\u{0}'));
        assert_eq!(
            page.matches("http").count(),
            page.matches("http://www.w3.org/2000/svg").count() + 1
        );
        assert!(page.contains("&lt;script&gt;alert(1)&lt;/script&gt;"));
        assert!(page.matches("<h2 id=\"run-").count() <= MOST_RUNS);
    }
}

/// Every element that is opened is closed in its order, every number is finite, every id is there once.
#[test]
fn pages_are_well_formed() {
    let some = [run(1), run(2000), Run::default()];
    for runs in [&some[..1], &some[1..2], &some[2..], &some[..], &[]] {
        let page = page(runs, "0.1.0");
        check_elements(&page);
        assert!(!page.contains("NaN") && !page.contains("inf\""), "{page}");
        let mut ids: Vec<&str> =
            page.split(" id=\"").skip(1).filter_map(|rest| rest.split('"').next()).collect();
        let all = ids.len();
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), all, "{ids:?}");
        for run in runs {
            figures(run).iter().for_each(|figure| check_elements(&figure.svg));
        }
    }
}

fn check_elements(text: &str) {
    let mut open: Vec<&str> = Vec::new();
    for tag in text.split('<').skip(1).map(|rest| rest.split('>').next().unwrap()) {
        let name = tag.split([' ', '\n']).next().unwrap();
        match name.strip_prefix('/') {
            Some(name) => assert_eq!(open.pop(), Some(name), "{tag}"),
            None if tag.ends_with('/') || ["meta", "!doctype"].contains(&name) => {}
            None => open.push(name),
        }
    }
    assert_eq!(open, Vec::<&str>::new());
}

#[test]
fn lines_that_are_none_are_refused_and_a_torn_end_is_not() {
    let check = |text: &str, expected: &str| {
        let found = Story::default().read(text.as_bytes(), 5);
        let found = found.err().map_or_else(String::new, |error| error.to_string());
        assert!(found.starts_with(expected) && found.is_empty() == expected.is_empty(), "{found}");
    };
    let mut null = update(1);
    (null["loss"], null["skipped"]) = (Value::Null, true.into());
    check("", "");
    check(&format!("{}\n{{\"kind\":\"upd", update(1)), "");
    check(&format!("{null}\n"), "");
    check("{\"kind\":\"loss_spike\",\"step\":1}\n", "");
    check("\n", "line 1: ");
    check(&format!("{}\n{{}}\n", update(1)), "line 2: missing field `kind`");
    let odd = evaluation(1).to_string().replace("[71,373]", "[71,373,1]");
    check(&format!("{odd}\n"), "line 1: has a confusion matrix that is not square");
}
