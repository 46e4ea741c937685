//! One update by one process with all cores, beside the same update by one process a core.
//!
//! The global batch is the same, so the ratio is the share of the cores that more processes keep:
//! what summing the gradients costs that computing did not hide. The ways take turns in each round;
//! of a run the median update counts, without the first ones.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a program that prints a report")]

use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::{env, fs, thread};

use serde_json::Value;

const HELP: &str = "\
usage: cargo bench --bench scaling -- --model DIR --train FILE [--ranks N] [--batch N] [--updates N]
                                      [--rounds N] [--out FILE]

Trains on the CPU for some updates, by one process and by N (the number of cores) over MPI and over
TCP, and prints how they compare. DIR is a model of Hugging Face's, FILE a table of sentences.";

/// Updates that are not counted: memory is touched for the first time.
const WARM_UP: usize = 4;

type Failure = Box<dyn Error>;

/// What the flags say.
struct Settings {
    model: PathBuf,
    train: PathBuf,
    ranks: usize,
    batch: usize,
    updates: usize,
    rounds: usize,
    out: Option<PathBuf>,
}

/// Who computes an update.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    Alone,
    Mpi,
    Tcp,
}

/// The median update of a run, in seconds.
#[derive(Clone, Copy)]
struct Update {
    whole: f64,
    /// From the first sum of gradients to the last one's end, and the part in which no rank computed.
    sync: f64,
    exposed: f64,
}

fn main() -> ExitCode {
    match Settings::read(env::args().skip(1)).and_then(|settings| compare(&settings)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("{failure}");
            ExitCode::FAILURE
        }
    }
}

impl Settings {
    fn read(mut words: impl Iterator<Item = String>) -> Result<Self, Failure> {
        let cores = thread::available_parallelism()?.get();
        let (mut model, mut train) = (None, None);
        let mut settings = Self {
            model: PathBuf::new(),
            train: PathBuf::new(),
            ranks: cores,
            batch: 16,
            updates: 30,
            rounds: 5,
            out: None,
        };
        while let Some(flag) = words.next() {
            let mut value = || words.next().ok_or_else(|| format!("{flag} wants a value\n{HELP}"));
            match &*flag {
                "--bench" => {}
                "--model" => model = Some(PathBuf::from(value()?)),
                "--train" => train = Some(PathBuf::from(value()?)),
                "--ranks" => settings.ranks = value()?.parse()?,
                "--batch" => settings.batch = value()?.parse()?,
                "--updates" => settings.updates = value()?.parse()?,
                "--rounds" => settings.rounds = value()?.parse()?,
                "--out" => settings.out = Some(PathBuf::from(value()?)),
                _ => return Err(HELP.into()),
            }
        }
        settings.model = model.ok_or(HELP)?.canonicalize()?;
        settings.train = train.ok_or(HELP)?.canonicalize()?;
        Ok(settings)
    }
}

fn compare(settings: &Settings) -> Result<(), Failure> {
    let mut rounds: Vec<[Update; 3]> = Vec::new();
    for round in 1..=settings.rounds {
        let found = [Way::Alone, Way::Mpi, Way::Tcp].map(|way| run(way, settings));
        let [alone, mpi, tcp] = found;
        rounds.push([alone?, mpi?, tcp?]);
        eprintln!("round {round} of {}", settings.rounds);
    }
    let text = report(settings, &rounds);
    print!("{text}");
    if let Some(path) = &settings.out {
        fs::write(path, text)?;
    }
    Ok(())
}

fn run(way: Way, settings: &Settings) -> Result<Update, Failure> {
    let place = tempfile::tempdir()?;
    let (trainer, ranks) = (env!("CARGO_BIN_EXE_trainer"), settings.ranks.to_string());
    let mut command = match way {
        Way::Alone => Command::new(trainer),
        Way::Mpi => {
            let mut command = Command::new("mpirun");
            command.args(["--oversubscribe", "--bind-to", "none", "-n", &ranks, trainer]);
            command
        }
        Way::Tcp => {
            let mut command = Command::new(env!("CARGO_BIN_EXE_launcher"));
            command.args(["--start", "local", "--nproc-per-node", &ranks, "--"]);
            command
        }
    };
    command.args(["train", "--device", "cpu", "--save-strategy", "no", "--output-dir", "out"]);
    command.arg("--model").arg(&settings.model).arg("--train-file").arg(&settings.train);
    command.args(["--global-batch-size", &settings.batch.to_string()]);
    command.args(["--max-steps", &settings.updates.to_string()]);
    command.env("OMPI_ALLOW_RUN_AS_ROOT", "1").env("OMPI_ALLOW_RUN_AS_ROOT_CONFIRM", "1");
    let output = command.current_dir(place.path()).output()?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into());
    }
    updates(&place.path().join("out/metrics.jsonl"))
}

/// The median update of a run.
fn updates(path: &Path) -> Result<Update, Failure> {
    let lines: Vec<Value> =
        fs::read_to_string(path)?.lines().map(serde_json::from_str).collect::<Result<_, _>>()?;
    let updates: Vec<&Value> =
        lines.iter().filter(|line| line["kind"] == "update").skip(WARM_UP).collect();
    let of = |name: &dyn Fn(&Value) -> Option<f64>| {
        median(updates.iter().map(|line| name(line).unwrap_or_default()))
    };
    Ok(Update {
        whole: of(&|line| line["seconds"].as_f64()),
        sync: of(&|line| line["sync"]["seconds"].as_f64()),
        exposed: of(&|line| line["sync"]["exposed"].as_f64()),
    })
}

fn report(settings: &Settings, rounds: &[[Update; 3]]) -> String {
    let Settings { model, ranks, batch, updates, .. } = settings;
    let name = model.file_name().unwrap_or_default().to_string_lossy();
    let mut text = format!(
        "# Scaling on one machine\n\n{name}, global batch {batch}, {ranks} cores, {} rounds of {updates} \
         updates a way. Kept: the seconds of one process with {ranks} threads over those of {ranks} \
         processes with one thread each, the median over the rounds.\n\n\
         | way | s an update | kept | sums of gradients, s | exposed, s | hidden |\n|---|---|---|---|---|---|\n",
        rounds.len()
    );
    for (place, way) in ["one process", "MPI", "TCP"].into_iter().enumerate() {
        let of = |value: &dyn Fn(&[Update; 3]) -> f64| median(rounds.iter().map(value));
        let whole = of(&|round| round[place].whole);
        let (kept, sync) = (of(&|r| r[0].whole / r[place].whole), of(&|round| round[place].sync));
        let exposed = of(&|round| round[place].exposed);
        let rest = match place {
            0 => "| | | |".to_owned(),
            _ => format!("| {sync:.3} | {exposed:.3} | {:.0} % |", 100.0 * (1.0 - exposed / sync)),
        };
        text += &format!("| {way} | {whole:.3} | {kept:.2} {rest}\n");
    }
    text
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}
