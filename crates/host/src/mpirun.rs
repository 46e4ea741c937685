//! Which `mpirun` there is, if any: whose it is decides which options it understands.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::Environment;

/// An `mpirun`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mpirun {
    /// Where it is.
    pub path: PathBuf,
    /// Whose it is.
    pub flavour: Flavour,
    /// What it says of its version.
    pub version: String,
}

/// Whose `mpirun` it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flavour {
    /// Open MPI's.
    OpenMpi,
    /// Another one: MPICH's, Intel's.
    Other,
}

/// The first `mpirun` on the path.
pub fn find(environment: &Environment) -> Option<Mpirun> {
    let path = on_path(environment, "mpirun")?;
    let output = Command::new(&path).arg("--version").stdin(Stdio::null()).output();
    let text = output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned());
    let (flavour, version) = recognised(&text.unwrap_or_default());
    Some(Mpirun { path, flavour, version })
}

/// A program's place, as a shell would find it.
pub fn on_path(environment: &Environment, name: &str) -> Option<PathBuf> {
    let folders = environment.get("PATH")?.split(':').filter(|folder| !folder.is_empty());
    folders.map(|folder| Path::new(folder).join(name)).find(|path| path.is_file())
}

/// Whose it is, by what `mpirun --version` says.
fn recognised(text: &str) -> (Flavour, String) {
    let first = text.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or_default();
    match first.split_once("(Open MPI)").or_else(|| first.split_once("(OpenRTE)")) {
        Some((_, version)) => (Flavour::OpenMpi, format!("Open MPI {}", version.trim())),
        None if first.starts_with("HYDRA") => {
            let version = text.lines().find_map(|line| line.trim().strip_prefix("Version:"));
            (Flavour::Other, format!("MPICH {}", version.unwrap_or_default().trim()))
        }
        None => (Flavour::Other, first.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn its_version_tells_whose_it_is() {
        let check = |text: &str, flavour, version: &str| {
            assert_eq!(recognised(text), (flavour, version.to_owned()), "{text}");
        };
        check("mpirun (Open MPI) 4.1.4\n\nReport bugs to …\n", Flavour::OpenMpi, "Open MPI 4.1.4");
        check("mpirun (Open MPI) 5.0.7\n", Flavour::OpenMpi, "Open MPI 5.0.7");
        check("HYDRA build details:\n    Version:          4.0.2\n", Flavour::Other, "MPICH 4.0.2");
        let intel = "Intel(R) MPI Library for Linux* OS, Version 2021.11";
        check(intel, Flavour::Other, intel);
        check("", Flavour::Other, "");
    }
}
