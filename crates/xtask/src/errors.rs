//! `cargo xtask errors`: makes `docs/errors.md` from the snapshots of the error messages.

use std::fmt::Write;
use std::fs;
use std::path::Path;

use crate::failure::Failure;
use crate::workspace::Workspace;

const SNAPSHOTS: &str = "tests/whole/malformed/snapshots";
const DOCUMENT: &str = "docs/errors.md";

/// The snapshots, in the order of the document, with what each is about.
const GROUPS: [(&str, &str); 10] = [
    ("command_line", "The command line"),
    ("config", "Configuration files"),
    ("data", "Data"),
    ("data_files", "Data files"),
    ("model", "Models"),
    ("hub", "The hub"),
    ("pytorch_file", "Files of torch.save"),
    ("tokenizer", "Tokenizers"),
    ("checkpoint", "Checkpoints and output directories"),
    ("predict", "Evaluation and prediction"),
];

const OPENING: &str = "\
# Error messages

Every message of `trainer` to input that it cannot use, with the command and the exit code. Made by `cargo xtask errors`
from the snapshots that the tests compare (`tests/whole/malformed`); `<reference>` stands for `tests/reference`.
";

/// Writes the document.
pub(crate) fn run(workspace: &Workspace, arguments: &[String]) -> Result<(), Failure> {
    Failure::unless_empty(arguments)?;
    let path = workspace.root().join(DOCUMENT);
    fs::write(&path, document(workspace)?).map_err(|error| Failure::file(&path, &error))?;
    println!("errors: wrote {DOCUMENT}");
    Ok(())
}

/// Fails where the document is not what the snapshots say.
pub(crate) fn check(workspace: &Workspace) -> Result<(), Failure> {
    let path = workspace.root().join(DOCUMENT);
    let found = fs::read_to_string(&path).map_err(|error| Failure::file(&path, &error))?;
    if found == document(workspace)? {
        return Ok(());
    }
    Err(Failure::new(format!("{DOCUMENT} differs from the snapshots; run `cargo xtask errors`")))
}

fn document(workspace: &Workspace) -> Result<String, Failure> {
    let folder = workspace.root().join(SNAPSHOTS);
    let mut text = OPENING.to_owned();
    for (name, title) in GROUPS {
        let path = folder.join(name).with_extension("txt");
        let snapshot = fs::read_to_string(&path).map_err(|error| Failure::file(&path, &error))?;
        let _ = write!(text, "\n## {title}\n{}", group(&snapshot));
    }
    unknown_groups(&folder)?;
    Ok(text)
}

/// A snapshot that no group names would be missing from the document.
fn unknown_groups(folder: &Path) -> Result<(), Failure> {
    let entries = fs::read_dir(folder).map_err(|error| Failure::file(folder, &error))?;
    for entry in entries {
        let path = entry.map_err(|error| Failure::file(folder, &error))?.path();
        let name = path.file_stem().and_then(|name| name.to_str()).unwrap_or_default();
        if !GROUPS.iter().any(|(known, _)| *known == name) {
            let message = format!("{}: add its title to GROUPS in errors.rs", path.display());
            return Err(Failure::new(message));
        }
    }
    Ok(())
}

/// The cases of a snapshot that end with an error.
fn group(snapshot: &str) -> String {
    let snapshot = snapshot.strip_prefix("## ").unwrap_or(snapshot);
    snapshot
        .split("\n## ")
        .filter(|case| !case.lines().any(|line| line == "exit 0"))
        .map(case)
        .collect()
}

fn case(case: &str) -> String {
    let (title, rest) = case.split_once('\n').unwrap_or((case, ""));
    format!("\n### {}\n\n```\n{}\n```\n", sentence(title), rest.trim_end())
}

fn sentence(title: &str) -> String {
    let mut letters = title.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cases_that_end_with_an_error_are_shown() {
        let snapshot = "## a file that is not there\n$ trainer a.toml\nexit 2\nerror: no\n\n## fine\n$ trainer\nexit 0\n";
        assert_eq!(
            group(snapshot),
            "\n### A file that is not there\n\n```\n$ trainer a.toml\nexit 2\nerror: no\n```\n"
        );
    }
}
