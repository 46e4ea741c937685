//! `trainer report`: one page about runs that were made, from what their directories have.

use std::borrow::Cow;
use std::fs::File;
use std::io::{BufReader, Read, Write};
use std::path::{Path, PathBuf};

use lockstep_flags::{
    Command, CommandLine, Entries, FILE, Fault, Faults, Key, Problem, Set, Table, Words,
};
use lockstep_host::{ExitCode, Process};
use lockstep_report::{MOST_RUNS, Run, Setting, Story};
use lockstep_settings::{keys, plan_of, run_config, seed_of_folder};
use serde_json::Value;

use crate::failure::Failure;
use crate::output_dir::{RECORD, SEEDS_FILE};
use crate::report::{name, setting, write_page};

static OUTPUT: Key<PathBuf> =
    Key::new(Table::COMMAND, "output", FILE, "where the page goes").or("report.html");

/// The command.
pub(super) static COMMAND: Command = Command {
    name: "report",
    about: "Compare runs on one page",
    usage: "trainer report RUN... [--output FILE]",
    entries: || ENTRIES,
    words: Words::Files("RUN"),
    after: || AFTER.to_owned(),
};

static ENTRIES: &Entries = &[&OUTPUT];

const AFTER: &str = "\
RUN is the output directory of a run, which needs metrics.jsonl, or of a series
of seeds, which means the runs of its seeds. The page opens in a browser without
a network. It has no texts: those of the most confident mistakes are in the
report.html that each run writes at its end.

examples:
  trainer report runs/sst2 runs/sst2-seed7
  trainer report runs/* --output comparison.html";

/// Bytes of a config.json that are read.
const LONGEST_CONFIG: u64 = 64 << 20;

/// Runs the command.
///
/// # Errors
/// A directory without a readable `metrics.jsonl`; a page that cannot be written.
pub(super) fn run(
    _: &Process,
    mut line: CommandLine,
    out: &mut dyn Write,
) -> Result<ExitCode, Failure> {
    let words = std::mem::take(&mut line.words).into_iter().map(PathBuf::from);
    let paths: Vec<PathBuf> = words.flat_map(runs_of).collect();
    let config = COMMAND.read(line, &[])?;
    check(&paths)?;
    let runs = read_all(&paths)?;
    let output = config.get(&OUTPUT)?;
    write_page(&runs, &output)?;
    super::tell(out, &format!("The report is in {}.\n", output.display()))
}

/// A run's directory; of a series those of its seeds, in the order of their numbers.
fn runs_of(path: PathBuf) -> Vec<PathBuf> {
    if path.join("metrics.jsonl").exists() || !path.join(SEEDS_FILE).is_file() {
        return vec![path];
    }
    let entries = std::fs::read_dir(&path).into_iter().flatten().flatten();
    let seed = |name: &str| Some((seed_of_folder(name)?, path.join(name)));
    let mut seeds: Vec<(u64, PathBuf)> =
        entries.filter_map(|entry| seed(entry.file_name().to_str()?)).collect();
    seeds.sort();
    seeds.into_iter().map(|(_, path)| path).collect()
}

fn check(paths: &[PathBuf]) -> Result<(), Failure> {
    let fault =
        |place, valid: Cow<'static, str>| Fault { place, problem: Problem::Invalid { valid } };
    if paths.is_empty() {
        let problem = Problem::Missing { valid: "one output directory or more".into() };
        return Err(Fault { place: "trainer report".to_owned(), problem }.into());
    }
    if paths.len() > MOST_RUNS {
        let place = format!("trainer report with {} runs", paths.len());
        let valid = format!("at most {MOST_RUNS} runs, since more curves cannot be distinguished");
        return Err(fault(place, valid.into()).into());
    }
    let is_lacking = |path: &&PathBuf| !path.join("metrics.jsonl").is_file();
    let faults = paths.iter().filter(is_lacking).map(|path| {
        let valid =
            "the output directory of a run with metrics.jsonl (--report-to jsonl, the default)";
        fault(format!("trainer report {}", path.display()), valid.into())
    });
    match faults.collect::<Vec<_>>() {
        none if none.is_empty() => Ok(()),
        some => Err(Faults(some).into()),
    }
}

/// What directories have of their runs.
///
/// # Errors
/// The first `metrics.jsonl` that cannot be read.
pub(in crate::commands) fn read_all(directories: &[PathBuf]) -> Result<Vec<Run>, Failure> {
    directories.iter().map(|directory| read(directory, directories)).collect()
}

/// What a directory has of its run.
fn read(directory: &Path, all: &[PathBuf]) -> Result<Run, Failure> {
    let path = directory.join("metrics.jsonl");
    let unreadable = |cause: String| Failure::Metrics { path: path.clone(), cause };
    let file = File::open(&path).map_err(|cause| unreadable(cause.to_string()))?;
    let mut story = Story::default();
    story.read(BufReader::new(file), u64::MAX).map_err(|error| unreadable(error.to_string()))?;
    let is_alone = all.iter().filter(|other| name(other) == name(directory)).count() == 1;
    Ok(Run {
        name: if is_alone { name(directory) } else { directory.display().to_string() },
        story,
        classes: classes(directory).unwrap_or_default(),
        settings: settings(directory),
        ..Run::default()
    })
}

/// The names of the classes, where the run has a model.
fn classes(directory: &Path) -> Option<Vec<String>> {
    let file = File::open(directory.join("config.json")).ok()?;
    let config: Value = serde_json::from_reader(BufReader::new(file.take(LONGEST_CONFIG))).ok()?;
    let map = config.get("id2label")?.as_object()?;
    (0..map.len()).map(|class| Some(map.get(&class.to_string())?.as_str()?.to_owned())).collect()
}

/// The settings, where the directory has them.
fn settings(directory: &Path) -> Vec<Setting> {
    let record = directory.join(RECORD);
    if !record.is_file() {
        return Vec::new();
    }
    let line = CommandLine::parse(&[record.display().to_string()], keys::ALL, Set::NotTaken);
    match plan_of(run_config(line, keys::ALL)) {
        Ok(plan) => plan.settled.iter().map(setting).collect(),
        Err(faults) => {
            tracing::warn!("the report lacks the settings of {}: {faults}", directory.display());
            Vec::new()
        }
    }
}
