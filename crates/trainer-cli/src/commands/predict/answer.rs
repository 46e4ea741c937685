//! One answer a row, as a line of TSV or JSON.

use std::io;

use lockstep_data::LabelMap;
use serde::{Serialize, Serializer};

/// How answers are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    /// A header, then one line a row: line, label, a column for each class, error.
    Tsv,
    /// One object a row.
    Jsonl,
}

/// What there is to say about a row.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Answer {
    /// The class was found.
    Found {
        /// Where the row begins.
        line: u64,
        /// The scores of all classes, (K).
        logits: Vec<f32>,
        /// Their softmax, (K).
        probabilities: Vec<f32>,
    },
    /// The row cannot be used.
    Fault {
        /// Where the row begins.
        line: u64,
        /// What is wrong with it.
        error: String,
    },
}

impl Answer {
    /// The answer that follows from the scores of all classes, (K).
    pub(super) fn of_scores(line: u64, logits: Vec<f32>) -> Self {
        if !logits.iter().all(|logit| logit.is_finite()) {
            let error = "the model's scores are infinite or NaN: its training diverged, or its file is damaged";
            return Self::of_fault(line, error.to_owned());
        }
        let probabilities = softmax(&logits);
        Self::Found { line, logits, probabilities }
    }

    /// The answer to a row that cannot be used.
    pub(super) fn of_fault(line: u64, error: String) -> Self {
        Self::Fault { line, error }
    }
}

impl Format {
    /// What stands before the first answer.
    pub(super) fn header(self, labels: &LabelMap) -> String {
        if self == Self::Jsonl {
            return String::new();
        }
        let classes = labels.names().iter().map(|name| format!("probability:{}", cell(name)));
        let columns = ["line", "label"].map(str::to_owned).into_iter().chain(classes);
        let columns: Vec<String> = columns.chain(["error".to_owned()]).collect();
        columns.join("\t") + "\n"
    }

    /// One answer with its line end.
    ///
    /// # Errors
    /// The serialiser's.
    pub(super) fn line(self, answer: &Answer, labels: &LabelMap) -> io::Result<String> {
        match self {
            Self::Tsv => Ok(tsv(answer, labels)),
            Self::Jsonl => Ok(json(answer, labels)? + "\n"),
        }
    }
}

fn tsv(answer: &Answer, labels: &LabelMap) -> String {
    let cells: Vec<String> = match answer {
        Answer::Found { line, probabilities, .. } => {
            let label = cell(&labels.names()[best(probabilities)]);
            let numbers = probabilities.iter().map(|probability| format!("{probability:.6}"));
            [line.to_string(), label].into_iter().chain(numbers).chain([String::new()]).collect()
        }
        Answer::Fault { line, error } => {
            let empty = labels.names().iter().map(|_| String::new());
            [line.to_string(), String::new()]
                .into_iter()
                .chain(empty)
                .chain([cell(error)])
                .collect()
        }
    };
    cells.join("\t") + "\n"
}

fn json(answer: &Answer, labels: &LabelMap) -> serde_json::Result<String> {
    match answer {
        Answer::Found { line, logits, probabilities } => serde_json::to_string(&FoundLine {
            line: *line,
            label: &labels.names()[best(probabilities)],
            probabilities: Named { names: labels.names(), values: probabilities },
            logits,
        }),
        Answer::Fault { line, error } => serde_json::to_string(&FaultLine { line: *line, error }),
    }
}

#[derive(Serialize)]
struct FoundLine<'a> {
    line: u64,
    label: &'a str,
    probabilities: Named<'a>,
    logits: &'a [f32],
}

#[derive(Serialize)]
struct FaultLine<'a> {
    line: u64,
    error: &'a str,
}

/// Numbers under the names of the classes, in the order of the classes.
struct Named<'a> {
    names: &'a [String],
    values: &'a [f32],
}

impl Serialize for Named<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.names.iter().zip(self.values))
    }
}

/// A text that stays in its cell.
fn cell(text: &str) -> String {
    text.replace(['\t', '\n', '\r'], " ")
}

/// The class with the highest probability, the first of equals.
fn best(probabilities: &[f32]) -> usize {
    let higher = |best: usize, class: usize| {
        if probabilities[class] > probabilities[best] { class } else { best }
    };
    (0..probabilities.len()).fold(0, higher)
}

/// exp(s_k) / sum_j exp(s_j), shifted by the maximum against overflow, (K) -> (K).
fn softmax(logits: &[f32]) -> Vec<f32> {
    let highest = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let powers: Vec<f32> = logits.iter().map(|logit| (logit - highest).exp()).collect();
    let sum: f32 = powers.iter().sum();
    powers.into_iter().map(|power| power / sum).collect()
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::*;

    fn check(format: Format, expected: Expect) {
        let labels = LabelMap::new(vec!["bad".to_owned(), "very\tgood".to_owned()]).unwrap();
        let answers = [
            Answer::of_scores(1, vec![0.0, 1.0]),
            Answer::of_fault(3, "the line is empty".to_owned()),
            Answer::of_scores(4, vec![100.0, -100.0]),
        ];
        let lines = answers.iter().map(|answer| format.line(answer, &labels).unwrap());
        expected.assert_eq(&(format.header(&labels) + &lines.collect::<String>()));
    }

    #[test]
    fn each_row_has_one_line() {
        check(
            Format::Tsv,
            expect![[r#"
            line	label	probability:bad	probability:very good	error
            1	very good	0.268941	0.731059	
            3				the line is empty
            4	bad	1.000000	0.000000	
        "#]],
        );
        check(
            Format::Jsonl,
            expect![[r#"
            {"line":1,"label":"very\tgood","probabilities":{"bad":0.26894143,"very\tgood":0.7310586},"logits":[0.0,1.0]}
            {"line":3,"error":"the line is empty"}
            {"line":4,"label":"bad","probabilities":{"bad":1.0,"very\tgood":0.0},"logits":[100.0,-100.0]}
        "#]],
        );
    }
}
