//! The `trainer` as a user starts it: whole commands, from the process's start to its end.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::Outcome;
use crate::child::Worker;
use crate::corpora;
use crate::measured::{PAUSE, median};
use crate::protocol::Request;
use crate::report::Fact;
use crate::rows::Material;
use crate::setting::{self, Padding, Precision};
use crate::stage::Stage;

/// How often a command is run.
const TRIES: usize = 3;

/// `trainer evaluate` and `trainer predict` beside PyTorch's pass with the model loaded already.
pub(crate) fn inference(stage: &Stage) -> Outcome<Vec<Fact>> {
    let data = match &stage.options.dev {
        Some(path) => path.clone(),
        None => corpora::write(&stage.held, stage.path("held.jsonl"))?,
    };
    let work = stage.work("commands", Material::Held)?;
    let peer = (Precision::F32, Padding::Longest);
    let peer = setting::pytorch(peer, &stage.model(), &work, &stage.options);
    let mut peer = peer.and_then(Worker::start);
    let (mut evaluate, mut predict, mut theirs) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..=TRIES {
        evaluate.push(wall(trainer(stage, "evaluate").arg("--data").arg(&data))?);
        predict.push(wall(trainer(stage, "predict").arg("--input").arg(&data))?);
        if let Ok(peer) = &mut peer {
            theirs.push(peer.time(Request::Pass)?.seconds());
        }
        sleep(PAUSE);
    }
    let peer = peer.err().map_or_else(|| Ok(warm(&theirs)), |reason| Err(reason.to_string()));
    let fact = |command: &str, seconds: &[f64]| Fact {
        what: format!(
            "`trainer {command}`, {} texts, the whole command",
            stage.held.examples().len()
        ),
        figure: beside(warm(seconds), &peer),
        wanted: "≥ 1.5 x",
    };
    Ok(vec![fact("evaluate", &evaluate), fact("predict", &predict)])
}

/// From the start of a process to its first update, with the weights in the page cache.
pub(crate) fn start(stage: &Stage) -> Outcome<Vec<Fact>> {
    let data = match &stage.options.train {
        Some(path) => path.clone(),
        None => corpora::write(&stage.train, stage.path("train.jsonl"))?,
    };
    let seconds: Vec<f64> =
        (0..=TRIES).map(|try_| first_update(stage, &data, try_)).collect::<Outcome<_>>()?;
    Ok(vec![Fact {
        what: format!("process start to first update, {} texts", stage.train.examples().len()),
        figure: format!("{:.2} s", warm(&seconds)),
        wanted: "≤ 1.5 s",
    }])
}

/// The median without the first try, which fills the caches.
fn warm(seconds: &[f64]) -> f64 {
    median(seconds.iter().skip(1).copied())
}

fn beside(seconds: f64, peer: &Result<f64, String>) -> String {
    match peer {
        Ok(peer) => {
            let ratio = peer / seconds;
            format!(
                "{seconds:.2} s; PyTorch's pass alone, loaded already, {peer:.2} s: {ratio:.2} x"
            )
        }
        Err(reason) => format!("{seconds:.2} s; PyTorch skipped: {reason}"),
    }
}

fn trainer(stage: &Stage, command: &str) -> Command {
    let mut trainer = quiet(stage);
    trainer.arg(command).arg("--checkpoint").arg(stage.model());
    trainer
}

fn quiet(stage: &Stage) -> Command {
    let mut trainer = Command::new(env!("CARGO_BIN_EXE_trainer"));
    trainer.env("RAYON_NUM_THREADS", stage.options.threads.to_string());
    trainer.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    trainer
}

fn wall(command: &mut Command) -> Outcome<f64> {
    let began = Instant::now();
    let status = command.status()?;
    if !status.success() {
        let subcommand = command.get_args().next().unwrap_or_default().display();
        return Err(format!("`trainer {subcommand}` ended with {status}").into());
    }
    Ok(began.elapsed().as_secs_f64())
}

fn first_update(stage: &Stage, data: &Path, attempt: usize) -> Outcome<f64> {
    let output: PathBuf = stage.path(&format!("start-{attempt}"));
    let mut trainer = quiet(stage);
    trainer.arg("train").arg("--model").arg(stage.model()).arg("--train-file").arg(data);
    trainer.args(["--max-steps", "1", "--eval-strategy", "no", "--save-strategy", "no"]);
    trainer.arg("--output-dir").arg(&output);
    let began = Instant::now();
    let mut child = trainer.spawn()?;
    let seconds = until_update(&mut child, &output.join("metrics.jsonl"), began);
    // What it writes at its end is not measured.
    let _killed = child.kill();
    child.wait()?;
    seconds
}

fn until_update(child: &mut Child, metrics: &Path, began: Instant) -> Outcome<f64> {
    loop {
        if std::fs::read_to_string(metrics).is_ok_and(|text| text.ends_with('\n')) {
            return Ok(began.elapsed().as_secs_f64());
        }
        if let Some(status) = child.try_wait()? {
            return Err(format!("the trainer ended with {status} before an update").into());
        }
        sleep(Duration::from_millis(1));
    }
}
