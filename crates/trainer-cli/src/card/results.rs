//! How good the model is, as its card says it.

use std::fmt::Write;

use lockstep_trainer::{EvaluationReport, Spread};
use serde_json::{Map, Value};

use super::CardSource;
use super::escape::{code, words};

/// Measures that not every evaluation has: the name in `all_results.json`, and that for people.
const FURTHER: [(&str, &str); 2] = [("auroc", "AUROC"), ("average_precision", "average precision")];

/// Classes that have a row at most.
const MOST_CLASSES: usize = 100;

/// The results of the model, of its classes, and over all seeds.
pub(super) fn of(source: &CardSource<'_>, results: &Map<String, Value>) -> String {
    let names = source.corpora.train.labels().names();
    let mut text = measures(results);
    text += &source.judged.map_or_else(String::new, |report| classes(report, names));
    text + &seeds(source)
}

fn measures(results: &Map<String, Value>) -> String {
    let number = |key: &str| results.get(key).and_then(Value::as_f64);
    let mut text = String::from("\n## Results\n");
    for (prefix, split) in [("eval", "validation"), ("test", "test")] {
        let value = |name: &str| number(&format!("{prefix}_{name}")).unwrap_or(f64::NAN);
        if number(&format!("{prefix}_accuracy")).is_none() {
            continue;
        }
        let interval = results.get(&format!("{prefix}_accuracy_interval"));
        let bound = |index: usize| {
            let bound = interval.and_then(|interval| interval.get(index)).and_then(Value::as_f64);
            bound.unwrap_or(f64::NAN)
        };
        let _ = write!(
            text,
            "\nOn the {split} split, {} examples:\n\n| measure | value |\n|---|---|\n\
             | accuracy | {:.4} (95 % interval {:.4} to {:.4}, Wilson) |\n| macro F1 | {:.4} |\n\
             | Matthews correlation | {:.4} |\n| mean loss | {:.4} |\n",
            value("samples"),
            value("accuracy"),
            bound(0),
            bound(1),
            value("f1"),
            value("mcc"),
            value("loss")
        );
        for (key, name) in FURTHER {
            if let Some(value) = number(&format!("{prefix}_{key}")) {
                let _ = writeln!(text, "| {name} | {value:.4} |");
            }
        }
    }
    if let (Some(loss), Some(step)) = (number("train_loss"), number("global_step")) {
        let _ = writeln!(text, "\nMean training loss {loss:.4} over {step} updates.");
    }
    text
}

/// Precision and recall of each class in the final evaluation, and what no model reaches.
fn classes(report: &EvaluationReport, names: &[String]) -> String {
    let rows = &report.confusion;
    let support = |class: usize| rows[class].iter().sum::<u64>();
    let found = |class: usize| rows.iter().filter_map(|row| row.get(class)).sum::<u64>();
    let share = |part: u64, whole: u64| match whole {
        0 => "–".to_owned(),
        _ => format!("{:.4}", part as f64 / whole as f64),
    };
    let mut text = format!(
        "\nBy class, on the {} split:\n\n| class | examples | precision | recall | F1 |\n|---|---|---|---|---|\n",
        report.split
    );
    for (class, row) in rows.iter().enumerate().take(MOST_CLASSES) {
        let name = names.get(class).map_or_else(|| class.to_string(), |name| code(name));
        let right = row.get(class).copied().unwrap_or(0);
        let (support, found) = (support(class), found(class));
        let _ = writeln!(
            text,
            "| {name} | {support} | {} | {} | {} |",
            share(right, found),
            share(right, support),
            share(2 * right, support + found)
        );
    }
    if rows.len() > MOST_CLASSES {
        let _ = writeln!(text, "\nThe first {MOST_CLASSES} of {} classes are shown.", rows.len());
    }
    let largest = (0..rows.len()).max_by_key(|class| (support(*class), usize::MAX - class));
    if let Some(largest) = largest.filter(|_| report.examples > 0) {
        let name = names.get(largest).map_or_else(|| largest.to_string(), |name| code(name));
        let share = share(support(largest), report.examples);
        let _ = writeln!(
            text,
            "\nAlways answering {name}, the most frequent class, has an accuracy of {share}."
        );
    }
    text
}

/// What all seeds came to.
fn seeds(source: &CardSource<'_>) -> String {
    let Some(all) = source.seeds else { return String::new() };
    let list: Vec<String> = all.seeds.iter().map(u64::to_string).collect();
    let mut text = format!(
        "\n## Seeds\n\nThis is {}. Trained with {} seeds: {}. They differ in the order of the \
         examples, dropout and fresh weights.\n\n\
         | metric | mean | standard deviation | 95 % interval of the mean (Student's t) |\n\
         |---|---|---|---|\n",
        words(&all.result),
        all.seeds.len(),
        list.join(", ")
    );
    for (name, Spread { mean, std, interval: [low, high], .. }) in &all.metrics {
        let _ = writeln!(text, "| `{name}` | {mean:.4} | {std:.4} | {low:.4} to {high:.4} |");
    }
    text += "\nThe means say what training in this way reaches.";
    if all.is_chosen {
        text += " The chosen model is better than that on the data it was chosen by.";
    }
    text + "\n"
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};
    use serde_json::json;

    use super::*;

    fn check(results: &Value, expected: Expect) {
        expected.assert_eq(&measures(results.as_object().unwrap()));
    }

    #[test]
    fn results_come_with_their_interval() {
        let results = json!({
            "eval_accuracy": 0.852, "eval_accuracy_interval": [0.83, 0.87], "eval_f1": 0.85,
            "eval_mcc": 0.7, "eval_loss": 0.35, "eval_samples": 872, "train_loss": 0.4,
            "global_step": 433, "eval_auroc": 0.91,
        });
        check(
            &results,
            expect![[r#"

            ## Results

            On the validation split, 872 examples:

            | measure | value |
            |---|---|
            | accuracy | 0.8520 (95 % interval 0.8300 to 0.8700, Wilson) |
            | macro F1 | 0.8500 |
            | Matthews correlation | 0.7000 |
            | mean loss | 0.3500 |
            | AUROC | 0.9100 |

            Mean training loss 0.4000 over 433 updates.
        "#]],
        );
        check(
            &json!({"train_loss": 0.4, "global_step": 5}),
            expect![[r#"

            ## Results

            Mean training loss 0.4000 over 5 updates.
        "#]],
        );
    }

    #[test]
    fn classes_have_a_row_each() {
        let report = json!({
            "step": 1, "split": "test", "loss": 0.1, "accuracy": 0.8, "accuracy_interval": [0, 1],
            "f1": 0.5, "mcc": 0.5, "examples": 10, "correct": 8, "seconds": 0.1,
            "confusion": [[5, 1, 0], [1, 3, 0], [0, 0, 0]],
        });
        let report: EvaluationReport = serde_json::from_value(report).unwrap();
        let names = ["a|b", "c", "`"].map(str::to_owned);
        expect![[r#"

            By class, on the test split:

            | class | examples | precision | recall | F1 |
            |---|---|---|---|---|
            | `a\|b` | 6 | 0.8333 | 0.8333 | 0.8333 |
            | `c` | 4 | 0.7500 | 0.7500 | 0.7500 |
            | `` ` `` | 0 | – | – | – |

            Always answering `a\|b`, the most frequent class, has an accuracy of 0.6000.
        "#]]
        .assert_eq(&classes(&report, &names));
    }
}
