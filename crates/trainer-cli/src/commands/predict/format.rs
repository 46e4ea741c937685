//! Answers as lines: for people, as tables, and as JSON.

use std::io;

use lockstep_data::texts_of;
use serde::ser::{Serialize, SerializeMap, Serializer};

use super::answer::{Answer, Found};

/// How answers are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    /// Class, probability and text, for people.
    Text,
    /// A header, then one line a row.
    Tsv,
    /// The same with commas, and quotes where cells need them.
    Csv,
    /// One object a row.
    Jsonl,
}

/// What of an answer is shown.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Shown {
    /// The file, since there are several.
    pub(super) file: bool,
    /// The probability of the class.
    pub(super) confidence: bool,
    /// So many of the most probable classes instead of all.
    pub(super) top: Option<usize>,
    /// The text.
    pub(super) text: bool,
    /// Whether texts are pairs.
    pub(super) are_pairs: bool,
}

/// What makes lines of answers.
pub(super) struct Writer {
    pub(super) format: Format,
    pub(super) shown: Shown,
    /// The names of the classes, (K).
    pub(super) classes: Vec<String>,
}

impl Writer {
    /// What is in front of the first answer.
    pub(super) fn header(&self) -> String {
        match self.format {
            Format::Text | Format::Jsonl => String::new(),
            Format::Tsv | Format::Csv => self.row(self.columns()),
        }
    }

    /// One answer with its line end.
    ///
    /// # Errors
    /// The serialiser's.
    pub(super) fn line(&self, answer: &Answer) -> io::Result<String> {
        Ok(match self.format {
            Format::Text => self.for_people(answer),
            Format::Tsv | Format::Csv => self.row(self.cells(answer)),
            Format::Jsonl => serde_json::to_string(&Line { writer: self, answer })? + "\n",
        })
    }

    fn top(&self) -> Option<usize> {
        self.shown.top.map(|most| most.min(self.classes.len()))
    }

    fn columns(&self) -> Vec<String> {
        let Shown { file, confidence, text, are_pairs, .. } = self.shown;
        let mut columns: Vec<String> = Vec::new();
        let mut add =
            |is_shown: bool, name: &str| columns.extend(is_shown.then(|| name.to_owned()));
        add(file, "file");
        add(true, "line");
        add(true, "label");
        add(confidence || self.shown.top.is_some(), "confidence");
        match self.top() {
            None => {
                self.classes.iter().for_each(|class| add(true, &format!("probability:{class}")));
            }
            Some(most) => (2..=most).for_each(|place| {
                add(true, &format!("label:{place}"));
                add(true, &format!("probability:{place}"));
            }),
        }
        add(text, "text");
        add(text && are_pairs, "text_pair");
        add(true, "error");
        columns
    }

    /// The cells of an answer, one for each column.
    fn cells(&self, answer: &Answer) -> Vec<String> {
        let Shown { file, confidence, text, are_pairs, .. } = self.shown;
        let mut cells: Vec<String> = Vec::new();
        let found = answer.found.as_ref().ok();
        if file {
            cells.push(
                answer.file.as_ref().map_or_else(String::new, |path| path.display().to_string()),
            );
        }
        cells.push(answer.line.to_string());
        cells.push(found.map_or_else(String::new, |found| self.class(found.class)));
        if confidence || self.shown.top.is_some() {
            cells.push(found.map_or_else(String::new, |found| number(found.confidence())));
        }
        cells.extend(self.of_classes(found));
        let (first, second) = answer.text.as_deref().map_or(("", None), texts_of);
        if text {
            cells.push(first.to_owned());
        }
        if text && are_pairs {
            cells.push(second.unwrap_or_default().to_owned());
        }
        cells.push(answer.found.as_ref().err().cloned().unwrap_or_default());
        cells
    }

    /// The cells of probabilities.
    fn of_classes(&self, found: Option<&Found>) -> Vec<String> {
        let probability = |class: usize| {
            let found = found.and_then(|found| found.probabilities.get(class));
            found.map_or_else(String::new, |found| number(*found))
        };
        let Some(most) = self.top() else {
            return (0..self.classes.len()).map(probability).collect();
        };
        let top = found.map(|found| found.top(most)).unwrap_or_default();
        let mut cells = Vec::new();
        for place in 1..most {
            let class = top.get(place).copied();
            cells.push(class.map_or_else(String::new, |class| self.class(class)));
            cells.push(class.map_or_else(String::new, probability));
        }
        cells
    }

    fn class(&self, class: usize) -> String {
        self.classes.get(class).cloned().unwrap_or_default()
    }

    fn row(&self, cells: Vec<String>) -> String {
        let cells: Vec<String> = match self.format {
            Format::Csv => cells.into_iter().map(quoted).collect(),
            _ => cells.iter().map(|cell| on_one_line(cell)).collect(),
        };
        cells.join(if self.format == Format::Csv { "," } else { "\t" }) + "\n"
    }

    fn for_people(&self, answer: &Answer) -> String {
        let file =
            answer.file.as_ref().map_or_else(String::new, |path| format!("{}: ", path.display()));
        let found = match &answer.found {
            Ok(found) => found,
            Err(error) => {
                return on_one_line(&format!("{file}line {}: {error}", answer.line)) + "\n";
            }
        };
        let text = match answer.text.as_deref().map(texts_of) {
            Some((first, Some(second))) => format!("{file}{first} / {second}"),
            Some((text, None)) => format!("{file}{text}"),
            None => file,
        };
        let text = on_one_line(&text);
        match self.top() {
            Some(most) if most > 1 => {
                let line = |class: usize| {
                    let probability = found.probabilities.get(class).copied().unwrap_or_default();
                    format!("  {probability:.4}  {}\n", on_one_line(&self.class(class)))
                };
                format!("{text}\n{}", found.top(most).into_iter().map(line).collect::<String>())
            }
            _ => {
                let width = self.classes.iter().map(|class| class.chars().count()).max();
                let (class, width) = (on_one_line(&self.class(found.class)), width.unwrap_or(0));
                format!("{class:<width$}  {:.4}  {text}\n", found.confidence())
            }
        }
    }
}

/// An answer as a JSON object.
struct Line<'a> {
    writer: &'a Writer,
    answer: &'a Answer,
}

impl Serialize for Line<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self { writer, answer } = self;
        let Shown { confidence, text, .. } = writer.shown;
        let mut object = serializer.serialize_map(None)?;
        if let Some(file) = &answer.file {
            object.serialize_entry("file", &file.display().to_string())?;
        }
        object.serialize_entry("line", &answer.line)?;
        match &answer.found {
            Err(error) => object.serialize_entry("error", error)?,
            Ok(found) => {
                object.serialize_entry("label", &writer.class(found.class))?;
                if confidence || writer.shown.top.is_some() {
                    object.serialize_entry("confidence", &single(found.confidence()))?;
                }
                match writer.top() {
                    Some(most) => object.serialize_entry("top", &writer.ranked(found, most))?,
                    None => {
                        object.serialize_entry("probabilities", &Named { writer, found })?;
                        object.serialize_entry("logits", &found.logits)?;
                    }
                }
            }
        }
        if let Some((first, second)) = answer.text.as_deref().filter(|_| text).map(texts_of) {
            object.serialize_entry("text", first)?;
            second.iter().try_for_each(|second| object.serialize_entry("text_pair", second))?;
        }
        object.end()
    }
}

/// A class with its probability.
#[derive(serde::Serialize)]
struct Ranked {
    label: String,
    probability: f32,
}

impl Writer {
    fn ranked(&self, found: &Found, most: usize) -> Vec<Ranked> {
        let ranked = |class: usize| {
            let probability = found.probabilities.get(class).copied().unwrap_or_default();
            Ranked { label: self.class(class), probability: single(probability) }
        };
        found.top(most).into_iter().map(ranked).collect()
    }
}

/// Probabilities under the names of the classes, in the order of the classes.
struct Named<'a> {
    writer: &'a Writer,
    found: &'a Found,
}

impl Serialize for Named<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let values = self.found.probabilities.iter().map(|value| single(*value));
        serializer.collect_map(self.writer.classes.iter().zip(values))
    }
}

/// A probability with as many digits as the scores have.
#[expect(clippy::cast_possible_truncation, reason = "the scores are f32")]
fn single(probability: f64) -> f32 {
    probability as f32
}

fn number(probability: f64) -> String {
    format!("{probability:.6}")
}

/// A text that stays in its cell.
fn on_one_line(text: &str) -> String {
    text.replace(['\t', '\n', '\r'], " ")
}

/// A cell of CSV, as RFC 4180 has it.
fn quoted(cell: String) -> String {
    match cell.contains([',', '"', '\n', '\r']) {
        true => format!("\"{}\"", cell.replace('"', "\"\"")),
        false => cell,
    }
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};
    use lockstep_data::{BadRow, BadRowKind, RowPlace, paired};
    use lockstep_trainer::Decision;

    use super::super::input::Item;
    use super::*;

    fn answers() -> Vec<Answer> {
        let row = |line: u64, text: &str| Item { file: None, line, text: Ok(text.to_owned()) };
        let empty = BadRow { place: RowPlace::line(3), kind: BadRowKind::EmptyLine };
        let plain = Decision::default();
        vec![
            Answer::of(row(1, "warm, \"dry\"\nday"), vec![0.0, 1.0], plain),
            Answer::of(Item { file: None, line: 3, text: Err(empty) }, vec![], plain),
            Answer::of(row(4, &paired("a", "b")), vec![100.0, -100.0], plain),
        ]
    }

    fn check(format: Format, shown: Shown, expected: Expect) {
        let classes = ["bad", "very\tgood"].map(str::to_owned).to_vec();
        let writer = Writer { format, shown, classes };
        let lines = answers().iter().map(|answer| writer.line(answer).unwrap()).collect::<String>();
        expected.assert_eq(&(writer.header() + &lines));
    }

    #[test]
    fn each_row_has_one_line() {
        let shown = Shown::default();
        check(
            Format::Tsv,
            shown,
            expect![[r#"
            line	label	probability:bad	probability:very good	error
            1	very good	0.268941	0.731059	
            3				the line is empty
            4	bad	1.000000	0.000000	
        "#]],
        );
        check(
            Format::Jsonl,
            shown,
            expect![[r#"
            {"line":1,"label":"very\tgood","probabilities":{"bad":0.26894143,"very\tgood":0.7310586},"logits":[0.0,1.0]}
            {"line":3,"error":"the line is empty"}
            {"line":4,"label":"bad","probabilities":{"bad":1.0,"very\tgood":0.0},"logits":[100.0,-100.0]}
        "#]],
        );
    }

    #[test]
    fn flags_add_columns() {
        let text = Shown { text: true, confidence: true, are_pairs: true, ..Shown::default() };
        check(
            Format::Csv,
            text,
            expect![[r#"
            line,label,confidence,probability:bad,probability:very	good,text,text_pair,error
            1,very	good,0.731059,0.268941,0.731059,"warm, ""dry""
            day",,
            3,,,,,,,the line is empty
            4,bad,1.000000,1.000000,0.000000,a,b,
        "#]],
        );
        check(
            Format::Csv,
            Shown { top: Some(1), ..Shown::default() },
            expect![[r#"
            line,label,confidence,error
            1,very	good,0.731059,
            3,,,the line is empty
            4,bad,1.000000,
        "#]],
        );
    }

    #[test]
    fn the_top_replaces_the_columns_of_classes() {
        let top = Shown { top: Some(5), text: true, ..Shown::default() };
        check(
            Format::Tsv,
            top,
            expect![[r#"
            line	label	confidence	label:2	probability:2	text	error
            1	very good	0.731059	bad	0.268941	warm, "dry" day	
            3						the line is empty
            4	bad	1.000000	very good	0.000000	a	
        "#]],
        );
        check(
            Format::Jsonl,
            top,
            expect![[r#"
            {"line":1,"label":"very\tgood","confidence":0.7310586,"top":[{"label":"very\tgood","probability":0.7310586},{"label":"bad","probability":0.26894143}],"text":"warm, \"dry\"\nday"}
            {"line":3,"error":"the line is empty"}
            {"line":4,"label":"bad","confidence":1.0,"top":[{"label":"bad","probability":1.0},{"label":"very\tgood","probability":0.0}],"text":"a","text_pair":"b"}
        "#]],
        );
    }

    #[test]
    fn people_see_class_probability_and_text() {
        check(
            Format::Text,
            Shown::default(),
            expect![[r#"
            very good  0.7311  warm, "dry" day
            line 3: the line is empty
            bad        1.0000  a / b
        "#]],
        );
        check(
            Format::Text,
            Shown { top: Some(2), ..Shown::default() },
            expect![[r#"
            warm, "dry" day
              0.7311  very good
              0.2689  bad
            line 3: the line is empty
            a / b
              1.0000  bad
              0.0000  very good
        "#]],
        );
    }
}
