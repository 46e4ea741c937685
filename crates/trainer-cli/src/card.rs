//! The model card, `README.md`: what the model is, what it was made of, and how good it is.

use std::fmt::Write;

use lockstep_host::shell::quoted;
use lockstep_model::HeadKind;
use lockstep_settings::{DataSource, ModelName, RunPlan};
use serde_json::{Map, Value};

use crate::failure::Failure;
use crate::sources::{self, Corpora, Held};

/// The card of a finished run, with the results the run wrote.
///
/// # Errors
/// Results that cannot be read again.
pub(crate) fn text(plan: &RunPlan, corpora: &Corpora) -> Result<String, Failure> {
    let path = plan.run.directory.join("all_results.json");
    let read =
        std::fs::read(&path).map_err(|cause| Failure::Write { path: path.clone(), cause })?;
    let results: Map<String, Value> = serde_json::from_slice(&read)
        .map_err(|cause| Failure::Write { path, cause: cause.into() })?;
    Ok(card(plan, corpora, &results))
}

fn card(plan: &RunPlan, corpora: &Corpora, results: &Map<String, Value>) -> String {
    let mut text = head(plan);
    text += &data(plan, corpora);
    text += &measures(results);
    text += &usage(plan, corpora.train.columns().second.is_some());
    text += "\n## Hyper-parameters\n\n| key | value |\n|---|---|\n";
    for settled in &plan.settled {
        let value = settled.text.replace('|', "\\|");
        let _ = writeln!(text, "| `{}` | {value} |", settled.name);
    }
    text += "\n`run.toml` has them all in the form that repeats the run: `trainer run.toml`.\n";
    text
}

fn head(plan: &RunPlan) -> String {
    let base = match &plan.model.name {
        ModelName::Tiny => "a small DistilBERT with fresh weights".to_owned(),
        ModelName::Named(name) => format!("`{name}`"),
    };
    let title = plan.run.directory.file_name().unwrap_or_default().to_string_lossy().into_owned();
    // What a hub shows is to hold: with the `mlp` head, transformers needs the code beside the model.
    let tags = match plan.model.head {
        HeadKind::Hf => "",
        HeadKind::Mlp => "tags:\n- custom_code\n",
    };
    let datasets = match &plan.data.train {
        DataSource::Hub(split) => format!("datasets:\n- {}\n", split.id),
        DataSource::File(_) | DataSource::Reviews => String::new(),
    };
    format!(
        "---\nlibrary_name: transformers\npipeline_tag: text-classification\n{tags}{datasets}---\n\n# {title}\n\n\
         A text classifier, fine-tuned from {base} with lockstep {}.\n",
        env!("CARGO_PKG_VERSION")
    )
}

fn data(plan: &RunPlan, corpora: &Corpora) -> String {
    let mut text = String::from("\n## Data\n\n| split | source | examples |\n|---|---|---|\n");
    let train =
        Held { set: "training", name: sources::name(&plan.data.train), corpus: &corpora.train };
    for Held { set, name, corpus } in [train].into_iter().chain(corpora.held(&plan.data)) {
        let _ = writeln!(text, "| {set} | `{name}` | {} |", corpus.count());
    }
    let names = corpora.train.labels().names();
    let list: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    let _ = writeln!(text, "\n{} classes: {}.", names.len(), list.join(", "));
    text
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
             | accuracy | {:.4} (95 % interval {:.4} to {:.4}) |\n| macro F1 | {:.4} |\n\
             | Matthews correlation | {:.4} |\n| mean loss | {:.4} |\n",
            value("samples"),
            value("accuracy"),
            bound(0),
            bound(1),
            value("f1"),
            value("mcc"),
            value("loss")
        );
    }
    if let (Some(loss), Some(step)) = (number("train_loss"), number("global_step")) {
        let _ = writeln!(text, "\nMean training loss {loss:.4} over {step} updates.");
    }
    text
}

fn usage(plan: &RunPlan, is_of_pairs: bool) -> String {
    let directory = quoted(&plan.run.directory.display().to_string());
    let (trust, note) = match plan.model.head {
        HeadKind::Hf => ("", ""),
        HeadKind::Mlp => (
            ", trust_remote_code=True",
            "\n`trust_remote_code=True` lets transformers run `modeling_lockstep.py`, which is in this \
             directory and says what the head is: Linear(D, D/2), GELU, dropout, Linear(D/2, K) on the \
             state of the first token. `model.safetensors` has the encoder under `bert.` and the head under \
             `classifier.0` and `classifier.3`.\n",
        ),
    };
    let limit = plan.data.reading.max_length.get();
    let (shell, python, pairs) = match is_of_pairs {
        false => ("echo \"a text\"", "\"a text\"", ""),
        true => (
            "printf 'a text\\tanother text\\n'",
            "{\"text\": \"a text\", \"text_pair\": \"another text\"}",
            "\nThe model classifies pairs of texts. In lines that `trainer predict` reads, a tab is between \
             them.\n",
        ),
    };
    format!(
        "\n## Use\n{pairs}\n```sh\n{shell} | trainer predict --checkpoint {directory}\n```\n\n\
         From Python, with DIR this directory; texts are cut where they were cut in training:\n\n\
         ```python\nfrom transformers import pipeline\n\n\
         classify = pipeline(\"text-classification\", \"DIR\"{trust})\n\
         classify({python}, truncation=True, max_length={limit}, top_k=None)\n```\n{note}"
    )
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
            "global_step": 433,
        });
        check(
            &results,
            expect![[r#"

            ## Results

            On the validation split, 872 examples:

            | measure | value |
            |---|---|
            | accuracy | 0.8520 (95 % interval 0.8300 to 0.8700) |
            | macro F1 | 0.8500 |
            | Matthews correlation | 0.7000 |
            | mean loss | 0.3500 |

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
}
