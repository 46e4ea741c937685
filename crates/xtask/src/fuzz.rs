//! `cargo xtask fuzz`: gives made-up inputs to every parser that reads a file or a peer.
//!
//! The targets are a workspace beside this one, which cargo-fuzz builds; fuzz/README.md says more.

use std::fs;
use std::path::Path;
use std::process::Stdio;

use crate::failure::Failure;
use crate::workspace::{Workspace, run as run_program, shown};

const DIRECTORY: &str = "fuzz";
const SECONDS: u64 = 600;
/// Bytes of an input, MiB of memory, and seconds of one input; beyond them an input is a finding.
const LIMITS: [&str; 5] = [
    "-max_len=65536",
    "-len_control=10",
    "-rss_limit_mb=2048",
    "-malloc_limit_mb=1024",
    "-timeout=10",
];

/// Runs the targets that are named, else all of them, for `--seconds N` each.
pub(crate) fn run(workspace: &Workspace, arguments: &[String]) -> Result<(), Failure> {
    let known = targets(&workspace.root().join(DIRECTORY).join("fuzz_targets"))?;
    let (wanted, seconds) = wishes(arguments)?;
    if let Some(unknown) = wanted.iter().find(|target| !known.contains(target)) {
        let known = known.join(", ");
        return Err(Failure::new(format!("there is no target `{unknown}`; there are {known}")));
    }
    let mut asked = workspace.cargo();
    asked.args(["fuzz", "--version"]).stdout(Stdio::null()).stderr(Stdio::null());
    if !asked.status().is_ok_and(|status| status.success()) {
        return Err(Failure::new("cargo-fuzz is missing: cargo install cargo-fuzz"));
    }
    for target in if wanted.is_empty() { known } else { wanted } {
        let [corpus, seeds] =
            ["corpus", "seeds"].map(|kind| format!("{DIRECTORY}/{kind}/{target}"));
        let corpus_path = workspace.root().join(&corpus);
        fs::create_dir_all(&corpus_path).map_err(|error| Failure::file(&corpus_path, &error))?;
        let mut cargo = workspace.cargo();
        // Without a sanitizer a stable compiler does; the parsers have no unsafe code.
        cargo.args(["fuzz", "run", "--fuzz-dir", DIRECTORY, "--sanitizer", "none"]);
        cargo.args([&target, &corpus, &seeds]).arg("--").args(LIMITS);
        cargo.arg(format!("-max_total_time={seconds}")).arg("-print_final_stats=1");
        println!("$ {}", shown(&cargo));
        run_program(cargo)?;
    }
    Ok(())
}

/// The targets that are named, and for how many seconds each runs.
fn wishes(arguments: &[String]) -> Result<(Vec<String>, u64), Failure> {
    let (mut wanted, mut seconds) = (Vec::new(), SECONDS);
    let mut words = arguments.iter();
    while let Some(word) = words.next() {
        match word.as_str() {
            "--seconds" => {
                let count = words.next().and_then(|count| count.parse().ok());
                seconds = count.ok_or_else(|| Failure::new("--seconds takes a whole number"))?;
            }
            target => wanted.push(target.to_owned()),
        }
    }
    Ok((wanted, seconds))
}

/// The names of the targets: those of their files.
fn targets(directory: &Path) -> Result<Vec<String>, Failure> {
    let entries = fs::read_dir(directory).map_err(|error| Failure::file(directory, &error))?;
    let stem = |entry: fs::DirEntry| Some(entry.path().file_stem()?.to_string_lossy().into_owned());
    let mut names: Vec<String> = entries.flatten().filter_map(stem).collect();
    names.sort_unstable();
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_target_has_seeds_and_a_program() {
        let root = Workspace::here().root().join(DIRECTORY);
        let manifest = fs::read_to_string(root.join("Cargo.toml")).unwrap();
        for target in targets(&root.join("fuzz_targets")).unwrap() {
            assert!(manifest.contains(&format!("name = \"{target}\"")), "{target}");
            let seeds = fs::read_dir(root.join("seeds").join(&target));
            assert!(seeds.is_ok_and(|mut seeds| seeds.next().is_some()), "{target} has no seed");
        }
    }

    #[test]
    fn words_are_targets_and_a_time() {
        let read = |words: &[&str]| {
            wishes(&words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>()).ok()
        };
        assert_eq!(read(&[]), Some((Vec::new(), 600)));
        assert_eq!(read(&["a", "--seconds", "5", "b"]), Some((vec!["a".into(), "b".into()], 5)));
        assert_eq!(read(&["--seconds"]), None);
    }
}
