//! Code in documents: each line of a shell block is run, as far as a machine without GPUs and data
//! lets it be. Python blocks are run by [`crate::python`].

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use lockstep_testkit::{reference, skip_case};

use crate::program::{Workplace, is_mpi_here, succeed};

/// What shows Python.
const GUIDE: &str = "docs/guide.md";

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// A document's lines in blocks of one language.
fn code(document: &Path, language: &str) -> Vec<String> {
    let text = fs::read_to_string(root().join(document)).unwrap();
    let fence = format!("```{language}");
    let mut lines = Vec::new();
    let mut is_inside = false;
    for line in text.lines() {
        is_inside = match (is_inside, line) {
            (false, line) => line == fence,
            (true, "```") => false,
            (true, line) => {
                lines.push(line.split(" #").next().unwrap().trim().to_owned());
                true
            }
        };
    }
    lines.retain(|line| !line.is_empty());
    lines
}

/// The project's documents, as they are named from its root.
fn documents() -> Vec<PathBuf> {
    let folders = ["", "benches", "crates", "crates/gpu/src/cuda", "launch", "tests/reference"];
    let documents = folders.map(|folder| Path::new(folder).join("README.md"));
    documents
        .into_iter()
        .chain([PathBuf::from(GUIDE)])
        .filter(|path| root().join(path).exists())
        .collect()
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for file in fs::read_dir(from).unwrap().map(|entry| entry.unwrap().path()) {
        fs::copy(&file, to.join(file.file_name().unwrap())).unwrap();
    }
}

/// The project's root as a reader has it after the build, with small data, a small model in the place
/// of the large one (also in the cache of the hub), and a model of the quick start.
fn place() -> Workplace {
    let place = Workplace::new();
    let programs = Path::new(env!("CARGO_BIN_EXE_trainer")).parent().unwrap();
    fs::create_dir(place.path("target")).unwrap();
    symlink(programs, place.path("target/release")).unwrap();
    copy(&root().join("configs"), &place.path("configs"));
    let rows = fs::read_to_string(reference("golden/rows.tsv")).unwrap();
    let (_, rows) = rows.split_once('\n').unwrap();
    fs::create_dir_all(place.path("data/sst2")).unwrap();
    for name in ["train.tsv", "dev.tsv"] {
        let rows = format!("sentence\tlabel\n{rows}");
        fs::write(place.path("data/sst2").join(name), rows).unwrap();
    }
    copy(&reference("tiny"), &place.path("models/distilbert-base-uncased"));
    let cached = place.path("home/hub/models--distilbert-base-uncased");
    copy(&reference("tiny"), &cached.join("snapshots/0123456789"));
    fs::create_dir(cached.join("refs")).unwrap();
    fs::write(cached.join("refs/main"), "0123456789").unwrap();
    place.succeed(&["--max-steps", "20", "--save-strategy", "no", "--eval-strategy", "no"]);
    place
}

/// Runs a line as a shell does, to an end that has to be good.
fn run(place: &Workplace, line: &str) {
    println!("$ {line}");
    let _ = fs::remove_dir_all(place.path("runs/sst2"));
    let mut command = Command::new("bash");
    command.args(["-euo", "pipefail", "-c", line]).current_dir(place.path("")).env_clear();
    for (name, value) in [
        ("PATH", "/usr/bin:/bin"),
        ("HF_HUB_OFFLINE", "1"),
        ("OMPI_ALLOW_RUN_AS_ROOT", "1"),
        ("OMPI_ALLOW_RUN_AS_ROOT_CONFIRM", "1"),
        ("OMPI_MCA_rmaps_base_oversubscribe", "1"),
        ("OMPI_MCA_mpi_yield_when_idle", "1"),
    ] {
        command.env(name, value);
    }
    command.env("HF_HOME", place.path("home")).env("HOME", place.path("home"));
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    succeed(command);
}

/// The benchmarks there are.
fn has_bench(line: &str) -> bool {
    let manifest = fs::read_to_string(root().join("Cargo.toml")).unwrap();
    let name = line.split_whitespace().nth(3).unwrap();
    manifest.contains(&format!("[[bench]]\nname = \"{name}\"\n"))
}

#[test]
fn each_line_that_a_document_shows_does_what_it_says() {
    let place = place();
    let mut lines = 0;
    for document in documents() {
        let folder = root().join(&document).parent().unwrap().to_owned();
        for line in code(&document, "sh") {
            lines += 1;
            let words: Vec<&str> = line.split_whitespace().collect();
            let has_file = |folder: &Path, word: &str| folder.join(word).is_file();
            let holds = match words[0] {
                _ if line.contains("target/cuda/") => {
                    skip_case(format_args!("there is no build for GPUs: {line}"));
                    true
                }
                "mpirun" if !is_mpi_here() => {
                    skip_case(format_args!("there is no MPI: {line}"));
                    true
                }
                "mpirun" | "echo" | "target/release/trainer" | "target/release/launcher" => {
                    run(&place, &line);
                    true
                }
                // Each says what it does with --help: launch_files.rs.
                script if script.ends_with(".sh") => has_file(root(), script),
                "cargo" => words[1] == "bench" && words[2] == "--bench" && has_bench(&line),
                "python3" => line.starts_with("python3 -m venv venv && venv/bin/pip install "),
                "venv/bin/python" => has_file(&folder, words[1]),
                _ => false,
            };
            assert!(holds, "{}: `{line}`: nothing is known of it", document.display());
        }
    }
    assert!(lines >= 15, "{lines} lines were found: the documents are read in another way");
}

#[test]
fn only_the_guide_shows_python() {
    for document in documents() {
        let is_guide = document == Path::new(GUIDE);
        assert_eq!(!code(&document, "python").is_empty(), is_guide, "{}", document.display());
    }
}
