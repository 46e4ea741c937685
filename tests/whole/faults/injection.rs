//! `tests/faults/inject.c` in a process: it counts the calls that change files, and makes one of them fail.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use lockstep_testkit::skip;

use crate::program::Workplace;

/// The library; nothing where there is no C compiler.
fn library() -> Option<&'static Path> {
    static BUILT: OnceLock<Option<PathBuf>> = OnceLock::new();
    BUILT.get_or_init(build).as_deref()
}

fn build() -> Option<PathBuf> {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/faults/inject.c");
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let built = folder.join(format!("inject-{}.so", std::process::id()));
    fs::create_dir_all(folder).unwrap();
    let mut compiler = Command::new("cc");
    compiler.args(["-shared", "-fPIC", "-O1", "-o"]).arg(&built).arg(source).arg("-ldl");
    let output = compiler.output().ok()?;
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Some(built)
}

/// A call that a run made: `write out/metrics.jsonl`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Call {
    /// From 1.
    pub(super) number: usize,
    pub(super) verb: String,
    /// Inside of the output directory.
    pub(super) path: String,
}

/// What happens to a call.
#[derive(Clone, Copy, Debug)]
pub(super) enum Harm {
    /// It fails with this error.
    Error(i32),
    /// It fails with this error, as do all later ones that need space, until something is removed.
    Full(i32),
    /// The process is killed before it.
    Kill,
    /// The process is killed when half of it is written.
    KillHalfway,
}

/// Lets a program's processes count their calls under `out`; nothing where that is impossible.
pub(super) fn watched(place: &Workplace, mut command: Command) -> Option<Command> {
    let Some(library) = library() else {
        skip("there is no C compiler");
        return None;
    };
    let under = place.path("").canonicalize().unwrap().join("out");
    command.env("LD_PRELOAD", library).env("FAULT_UNDER", under);
    Some(command)
}

/// A program that waits without end for the content of a file of this name; nothing where that is impossible.
pub(crate) fn waiting_for(name: &str, mut command: Command) -> Option<Command> {
    let Some(library) = library() else {
        skip("there is no C compiler");
        return None;
    };
    command.env("LD_PRELOAD", library).env("FAULT_HOLD", name);
    Some(command)
}

/// Lets one of the calls go wrong.
pub(super) fn harmed(mut command: Command, number: usize, harm: Harm) -> Command {
    command.env("FAULT_AT", number.to_string());
    match harm {
        Harm::Error(error) => command.env("FAULT_ERRNO", error.to_string()),
        Harm::Full(error) => command.env("FAULT_ERRNO", error.to_string()).env("FAULT_STAYS", "1"),
        Harm::Kill => command.env("FAULT_KILL", "1"),
        Harm::KillHalfway => command.env("FAULT_KILL", "2"),
    };
    command
}

/// The calls of a run that nothing happens to.
pub(super) fn calls(place: &Workplace, command: Command) -> Option<Vec<Call>> {
    crate::program::succeed(logged(place, watched(place, command)?));
    Some(made_calls(place))
}

/// Lets a watched program note its calls, for [`made_calls`].
pub(super) fn logged(place: &Workplace, mut command: Command) -> Command {
    command.env("FAULT_LOG", place.path("calls"));
    command
}

/// The calls that a logged program made.
pub(super) fn made_calls(place: &Workplace) -> Vec<Call> {
    let under = place.path("").canonicalize().unwrap().display().to_string();
    let text = fs::read_to_string(place.path("calls")).unwrap_or_default();
    let call = |line: &str| {
        let mut words = line.splitn(3, ' ');
        let number = words.next()?.parse().ok()?;
        let verb = words.next()?.to_owned();
        let path = words.next()?.strip_prefix(&under)?.trim_start_matches('/').to_owned();
        Some(Call { number, verb, path })
    };
    text.lines().map(|line| call(line).unwrap()).collect()
}
