//! Chores that are shell scripts: `cargo xtask cuda` and `cargo xtask gpu`.
//!
//! They set machines up, and a machine that is lent for its GPU need not have cargo. Arguments are
//! passed on; both take `--help`.

use crate::failure::Failure;
use crate::workspace::{Workspace, run as run_program};

/// Builds the programs, their tests and the kernels with CUDA.
pub(crate) fn cuda(workspace: &Workspace, arguments: &[String]) -> Result<(), Failure> {
    run(workspace, "launch/cuda.sh", arguments)
}

/// Compares a build with CUDA with the CPU on this machine's GPU, and times it.
pub(crate) fn gpu(workspace: &Workspace, arguments: &[String]) -> Result<(), Failure> {
    run(workspace, "tests/gpu/run.sh", arguments)
}

fn run(workspace: &Workspace, script: &str, arguments: &[String]) -> Result<(), Failure> {
    let mut command = workspace.program("bash");
    command.arg(script).args(arguments);
    run_program(command)
}
