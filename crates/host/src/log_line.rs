//! A line for programs: one JSON object with its time, level and rank.

use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{Map, Value};

use crate::own_seat;

/// How lines are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}

/// A line of a kind, with fields of its own behind those that all lines have; no newline.
#[must_use]
pub fn json_line(level: &str, kind: &str, fields: &Map<String, Value>) -> String {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let rank =
        own_seat::seat().map_or_else(String::new, |seat| format!("\"rank\":{},", seat.rank().0));
    let [level, kind] = [level, kind].map(Value::from);
    let mut line =
        format!("{{\"ts\":{:.3},\"level\":{level},{rank}\"kind\":{kind}", since.as_secs_f64());
    for (name, value) in fields {
        line += &format!(",{}:{value}", Value::from(name.as_str()));
    }
    line + "}"
}

/// A line that is written for people, for programs: `warning: text` has the level `warning`.
pub(crate) fn of_text(text: &str) -> String {
    const LEVELS: [&str; 5] = ["error", "warning", "info", "debug", "trace"];
    let text = &without_escapes(text);
    let found = LEVELS
        .into_iter()
        .find_map(|level| Some((level, text.strip_prefix(level)?.strip_prefix(": ")?)));
    let (level, message) = found.unwrap_or(("info", text));
    let message = Value::from(message.trim_end());
    json_line(level, "message", &Map::from_iter([("message".to_owned(), message)]))
}

/// The text without colours.
fn without_escapes(text: &str) -> String {
    let mut parts = text.split("\u{1b}[");
    let first = parts.next().unwrap_or_default().to_owned();
    first
        + &parts.map(|part| part.split_once('m').map_or(part, |(_, rest)| rest)).collect::<String>()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_has_its_level_and_no_control_characters() {
        let check = |text: &str, level: &str, message: &str| {
            let line = of_text(text);
            assert!(!line.contains(char::is_control), "{line:?}");
            let value: Value = serde_json::from_str(&line).unwrap();
            assert_eq!((&value["level"], &value["message"]), (&level.into(), &message.into()));
        };
        check("warning: a\n  hint: b", "warning", "a\n  hint: b");
        check("error: c", "error", "c");
        check("\u{1b}[1;33mwarning:\u{1b}[0m e \u{1b}[3mstep\u{1b}[0m", "warning", "e step");
        check("a warning: d", "info", "a warning: d");
        check("bell \u{7}", "info", "bell \u{7}");
    }
}
