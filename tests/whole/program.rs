//! A directory to run in, and the `trainer` in it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use lockstep_testkit::{reference, skip};
use serde_json::Value;

/// Who starts the ranks of a test.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Starter {
    /// `mpirun`: they talk over MPI.
    Mpirun,
    /// The launcher itself: they talk over TCP.
    Launcher,
}

/// A directory of its own, removed at the end.
pub(crate) struct Workplace(tempfile::TempDir);

impl Workplace {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// The `trainer`, with nothing of the environment but what a shell needs.
    pub(crate) fn trainer<S: AsRef<str>>(&self, arguments: &[S]) -> Command {
        let mut command = self.program(env!("CARGO_BIN_EXE_trainer"));
        command.args(arguments.iter().map(S::as_ref));
        command
    }

    fn program(&self, path: &str) -> Command {
        let mut command = Command::new(path);
        command.current_dir(self.0.path());
        command
            .env_clear()
            .env("PATH", "/usr/bin:/bin")
            .env("NO_COLOR", "1")
            .env("HF_HUB_OFFLINE", "1");
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    /// The `trainer` on so many ranks of this machine, which train together on its CPU. Nothing
    /// where this starter cannot be used.
    pub(crate) fn ranks<S: AsRef<str>>(
        &self,
        starter: Starter,
        ranks: usize,
        arguments: &[S],
    ) -> Option<Command> {
        match starter {
            Starter::Mpirun => self.mpirun(ranks, arguments),
            Starter::Launcher => {
                let mut command = self.program(env!("CARGO_BIN_EXE_launcher"));
                command.args(["--start", "local", "--nproc-per-node", &ranks.to_string(), "--"]);
                command.args(arguments.iter().map(AsRef::as_ref));
                Some(command)
            }
        }
    }

    /// The `trainer` on so many ranks of this machine, each data-parallel on its CPU where the
    /// arguments say so. Nothing where there is no `mpirun`, or this build has no MPI.
    pub(crate) fn mpirun<S: AsRef<str>>(&self, ranks: usize, arguments: &[S]) -> Option<Command> {
        if !has_mpi() {
            return None;
        }
        let trainer = self.trainer(arguments);
        let mut command = Command::new("mpirun");
        command.args(["-n", &ranks.to_string()]).arg(trainer.get_program());
        command.args(trainer.get_args()).current_dir(self.0.path()).env_clear();
        for (name, value) in [
            ("PATH", "/usr/bin:/bin"),
            ("HOME", "/tmp"),
            ("NO_COLOR", "1"),
            ("HF_HUB_OFFLINE", "1"),
            ("OMPI_ALLOW_RUN_AS_ROOT", "1"),
            ("OMPI_ALLOW_RUN_AS_ROOT_CONFIRM", "1"),
            ("OMPI_MCA_rmaps_base_oversubscribe", "1"),
            ("OMPI_MCA_hwloc_base_binding_policy", "none"),
            ("OMPI_MCA_mpi_yield_when_idle", "1"),
        ] {
            command.env(name, value);
        }
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        Some(command)
    }

    /// Runs the `trainer` to an end that has to be good.
    pub(crate) fn succeed<S: AsRef<str>>(&self, arguments: &[S]) -> Output {
        succeed(self.trainer(arguments))
    }

    /// A JSON file in this directory.
    pub(crate) fn json(&self, name: &str) -> Value {
        serde_json::from_slice(&fs::read(self.path(name)).unwrap()).unwrap()
    }

    /// The lines of one kind in a `metrics.jsonl`.
    pub(crate) fn metrics(&self, directory: &str, kind: &str) -> Vec<Value> {
        metrics(&self.path(directory), kind)
    }
}

/// Whether ranks can be started by `mpirun`.
pub(crate) fn is_mpi_here() -> bool {
    cfg!(feature = "mpi") && Path::new("/usr/bin/mpirun").exists()
}

/// The same; the test is skipped where they cannot.
pub(crate) fn has_mpi() -> bool {
    if !is_mpi_here() {
        skip("this build or this machine has no MPI");
    }
    is_mpi_here()
}

/// Skips the test where a script of `tests/cluster` said that it cannot run here.
pub(crate) fn skip_as_told(told: &str) {
    println!("{told}");
    for reason in told.lines().filter_map(|line| line.strip_prefix("skipped: ")) {
        skip(reason);
    }
}

/// Runs a command to an end that has to be good.
pub(crate) fn succeed(mut command: Command) -> Output {
    let output = command.output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let (out, err) = (text(&output.stdout), text(&output.stderr));
    assert!(output.status.success(), "{}\n{out}\n{err}", output.status);
    output
}

/// The lines of one kind in a run's `metrics.jsonl`; a last line that is still being written is
/// left out.
pub(crate) fn metrics(directory: &Path, kind: &str) -> Vec<Value> {
    let text = fs::read_to_string(directory.join("metrics.jsonl")).unwrap_or_default();
    let lines = text.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    lines.filter(|line| line["kind"] == kind).collect()
}

/// The flags of a run of the reference's rows from one of its tiny models.
pub(crate) fn tiny_run(model: &str, further: &[&str]) -> Vec<String> {
    let path = |name: &str| reference(name).canonicalize().unwrap().display().to_string();
    let (model, rows) = (path(model), path("golden/rows.tsv"));
    let fixed = ["train", "--model", &model, "--train-file", &rows, "--output-dir", "out"];
    fixed.iter().chain(further).map(|&argument| argument.to_owned()).collect()
}
