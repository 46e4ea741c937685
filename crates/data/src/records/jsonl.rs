//! JSON lines: one object a line.

use serde_json::{Map, Value};

use crate::bad_row::BadRowKind;

/// The object that `line` holds.
pub(super) fn object(line: &str) -> Result<Map<String, Value>, BadRowKind> {
    match serde_json::from_str(line) {
        Ok(Value::Object(object)) => Ok(object),
        Ok(other) => Err(BadRowKind::NotAnObject { found: type_name(&other) }),
        // A pretty-printed array is the commonest file that only seems to be JSON lines.
        Err(_) if line.trim_start().starts_with('[') => {
            Err(BadRowKind::NotAnObject { found: "the start of an array" })
        }
        Err(error) => {
            Err(BadRowKind::InvalidJson { column: error.column(), reason: reason(&error) })
        }
    }
}

/// What a value is called in a message.
pub(crate) fn type_name(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(number) if number.is_f64() => "a number with a fraction",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}

/// The parser's complaint without its `at line 1 column 7`: it counts lines from this line.
fn reason(error: &serde_json::Error) -> String {
    let text = error.to_string();
    match text.rfind(" at line ") {
        Some(end) => text[..end].to_owned(),
        None => text,
    }
}
