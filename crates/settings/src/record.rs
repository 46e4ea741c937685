//! `run.toml`: the whole configuration as meant, and who ran it where.
//!
//! It is itself a configuration file, so a run is repeated with `trainer run.toml`. What is to happen
//! to an earlier run is not part of it: repeating a run must not delete the one it documents.

use std::fmt::Write;
use std::path::Path;

use lockstep_flags::toml_file::RECORD;
use lockstep_flags::{Entry, Form};

use lockstep_world::file_content;

use super::keys::{
    ALL, MAX_STEPS, NUM_TRAIN_EPOCHS, OVERWRITE, RESUME_KEY, WARMUP_RATIO, WARMUP_STEPS,
};
use super::plan::RunPlan;
use super::tables;

/// Who ran a plan, and where.
pub struct Record {
    /// This program's version.
    pub version: &'static str,
    /// The number of ranks.
    pub world: usize,
    /// The machines, by name.
    pub hosts: Vec<String>,
    /// What the passes were computed on.
    pub device: String,
    /// The name of the launcher's run, where that replaces an earlier one.
    pub replacing_run: Option<String>,
}

const HEADER: &str = "# The whole configuration of this run, as meant. `trainer run.toml --output-dir NEW` repeats it.\n";

/// The text of `run.toml`.
pub fn run_toml(plan: &RunPlan, record: &Record) -> String {
    let mut text = format!("{HEADER}\n{}", plan_toml(plan));
    let hosts: Vec<String> = record.hosts.iter().map(|host| quoted(host)).collect();
    let _ = write!(
        text,
        "\n# Who ran it; not read again.\n[{RECORD}]\nversion = {}\nworld = {}\nhosts = [{}]\ndevice = {}\n",
        quoted(record.version),
        record.world,
        hosts.join(", "),
        quoted(&record.device)
    );
    if let Some(name) = &record.replacing_run {
        let _ = writeln!(text, "{REPLACING_RUN} = {}", quoted(name));
    }
    text
}

const REPLACING_RUN: &str = "replacing_run";

/// Whether a file is the `run.toml` of the launcher's run of this name.
pub fn is_record_of(path: &Path, replacing_run: &str) -> bool {
    let name = |text: String| {
        let file: toml::Table = toml::from_str(&text).ok()?;
        Some(file.get(RECORD)?.get(REPLACING_RUN)?.as_str()? == replacing_run)
    };
    read(path).and_then(name).unwrap_or_default()
}

/// The whole configuration of a plan, defaults and what was inferred included, as TOML.
pub fn plan_toml(plan: &RunPlan) -> String {
    let mut text = String::new();
    for table in tables::ALL {
        let gap = if text.is_empty() { "" } else { "\n" };
        let _ = writeln!(text, "{gap}[{}]", table.name());
        for entry in ALL.iter().filter(|entry| entry.table() == table && is_of_run(**entry)) {
            if let Some(value) = value(plan, *entry) {
                let _ = writeln!(text, "{} = {value}", entry.name());
            }
        }
    }
    text
}

/// Whether a file is the `run.toml` of a run, and not a configuration that a user wrote.
pub fn is_record(path: &Path) -> bool {
    read(path).is_some_and(|text| holds_record(&text))
}

/// Whether a file is the `run.toml` of a run that could not write more of it.
pub fn is_unfinished_record(path: &Path) -> bool {
    let begins = |text: &String| HEADER.starts_with(text.as_str()) || text.starts_with(HEADER);
    read(path).filter(begins).is_some_and(|text| !holds_record(&text))
}

fn holds_record(text: &str) -> bool {
    let table = format!("[{RECORD}]");
    text.lines().any(|line| line == table)
}

fn read(path: &Path) -> Option<String> {
    const LIMIT: u64 = 1 << 20;
    String::from_utf8(file_content(path, LIMIT).ok()?).ok()
}

/// Whether a key says what the run is, and not how to treat what lies in its directory.
fn is_of_run(entry: &dyn Entry) -> bool {
    ![OVERWRITE.name(), RESUME_KEY.name()].contains(&entry.name())
}

/// The value in TOML, unless the key has none or another one overrides it.
fn value(plan: &RunPlan, entry: &dyn Entry) -> Option<String> {
    let text = |name| plan.settled.iter().find(|s| s.name == name).map(|s| s.text.as_str());
    let overridden = [
        (&WARMUP_RATIO as &dyn Entry, &WARMUP_STEPS as &dyn Entry),
        (&NUM_TRAIN_EPOCHS, &MAX_STEPS),
    ]
    .iter()
    .any(|(key, heavier)| key.name() == entry.name() && text(heavier.name()).is_some());
    let text = text(entry.name()).filter(|_| !overridden)?;
    Some(match entry.form() {
        Form::Number => number(text),
        Form::Switch => text.to_owned(),
        Form::Text | Form::List | Form::Files => quoted(text),
    })
}

/// A number as it was written, unless TOML, which is stricter than a command line, would not read it.
fn number(text: &str) -> String {
    let is_toml = toml::from_str::<toml::Table>(&format!("x = {text}")).is_ok();
    match (is_toml, text.parse::<f64>()) {
        (false, Ok(number)) => format!("{number:?}"),
        _ => text.to_owned(),
    }
}

/// A text in TOML's quotes.
fn quoted(text: &str) -> String {
    toml::Value::String(text.to_owned()).to_string()
}
