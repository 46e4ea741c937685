//! The list of keys in `--help`, grouped by table, with defaults.

use std::fmt::Write;

use crate::key::{Entries, Entry, tables};
use crate::table::Table;

/// One line a key, grouped by table.
pub fn list(entries: &Entries) -> String {
    let mut text = String::new();
    for table in tables(entries).into_iter().chain([Table::COMMAND]) {
        let mut keys = entries.iter().filter(|entry| entry.table() == table).peekable();
        if keys.peek().is_some() && table != Table::COMMAND {
            let _ = writeln!(text, "\n[{}]", table.name());
        }
        for entry in keys {
            let _ = writeln!(text, "{}", line(*entry));
        }
    }
    text
}

fn line(entry: &dyn Entry) -> String {
    let flag = format!("{} {}", entry.flag(), entry.placeholder());
    let default = entry.default().filter(|default| *default != "false");
    let default = default.map_or_else(String::new, |default| format!(" [{default}]"));
    format!("  {:<44} {}{default}", flag.trim_end(), entry.meaning())
}
