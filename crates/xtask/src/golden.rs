//! `cargo xtask golden`: makes the golden values of the tests anew, with PyTorch as the reference.
//!
//! The values are checked in, so that nobody needs Python to run the tests; this is for those who
//! change what is compared.

use std::ffi::OsString;
use std::process::{Command, Stdio};

use crate::failure::Failure;
use crate::workspace::{Workspace, run as run_program, shown};

const PROGRAM: &str = "tests/reference/make_golden.py";
const ENVIRONMENT: &str = "target/reference-venv";
const VARIABLE: &str = "LOCKSTEP_PYTHON";

/// Runs the program with the first Python that has what it imports; arguments are passed on.
pub(crate) fn run(workspace: &Workspace, arguments: &[String]) -> Result<(), Failure> {
    if !workspace.root().join(PROGRAM).is_file() {
        return Err(Failure::new(format!("{PROGRAM} is missing: check out the repository again")));
    }
    let tried = pythons(workspace);
    let Some(python) = tried.iter().find(|python| has_torch(workspace, python)) else {
        return Err(Failure::new(without_torch(&tried)));
    };
    let mut command = workspace.program(python);
    command.arg(PROGRAM).args(arguments);
    println!("$ {}", shown(&command));
    run_program(command)
}

/// What may be a Python: the one that was named, else the environment proposed below, else any.
fn pythons(workspace: &Workspace) -> Vec<OsString> {
    if let Some(named) = std::env::var_os(VARIABLE) {
        return vec![named];
    }
    let own = workspace.root().join(ENVIRONMENT).join("bin/python");
    vec![own.into_os_string(), "python3".into()]
}

fn has_torch(workspace: &Workspace, python: &OsString) -> bool {
    let mut command: Command = workspace.program(python);
    command.args(["-c", "import torch, transformers, safetensors"]);
    command.stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

fn without_torch(tried: &[OsString]) -> String {
    let tried: Vec<_> = tried.iter().map(|python| python.to_string_lossy()).collect();
    format!(
        "no Python here can import torch, transformers and safetensors (tried: {}). Make one with\n  \
         python3 -m venv {ENVIRONMENT}\n  \
         {ENVIRONMENT}/bin/pip install torch --index-url https://download.pytorch.org/whl/cpu\n  \
         {ENVIRONMENT}/bin/pip install transformers safetensors\n\
         or name the one you have: {VARIABLE}=/path/to/python cargo xtask golden",
        tried.join(", ")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_torch_is_explained() {
        let message = without_torch(&["python3".into()]);
        for fact in ["tried: python3", "pip install torch", "LOCKSTEP_PYTHON="] {
            assert!(message.contains(fact), "{fact} is not in: {message}");
        }
    }
}
