//! What the run was asked for.

use crate::html::{escaped, isolated, shortened, table};
use crate::run::Run;

/// All settings of a run.
pub(crate) fn settings(run: &Run) -> String {
    if run.settings.is_empty() {
        return String::new();
    }
    let row = |one: &crate::run::Setting| {
        let value = shortened(&one.value, 200);
        vec![format!("<code>{}</code>", escaped(&one.name)), isolated(&value)]
    };
    let rows: Vec<_> = run.settings.iter().map(row).collect();
    let table =
        table("Settings", &["key", "value"], &rows).replace("<table>", "<table class=\"words\">");
    format!("<details><summary>All {} settings</summary>\n{table}</details>\n", rows.len())
}
