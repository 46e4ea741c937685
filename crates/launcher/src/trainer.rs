//! The command that is supervised: the trainer beside the launcher, with the user's words.

use std::path::{Path, PathBuf};

use lockstep_flags::{
    CommandLine, Entries, Fault, Faults, Key, Problem, SWITCH, Set, TEXT, Table, Written,
    entry_named, toml_file,
};
use lockstep_host::shell::shown;

use crate::failure::Failure;
use crate::options::COMMAND;

/// The keys of the trainer that the launcher reads.
static DEVICE: Key<String> = Key::new(Table::named("run"), "device", TEXT, "where to compute");
static GLOBAL_BATCH: Key<String> =
    Key::new(Table::named("train"), "global_batch_size", TEXT, "examples of an update");
static OVERWRITE: Key<bool> =
    Key::new(Table::named("run"), "overwrite_output_dir", SWITCH, "replace an earlier run");
static RESUME: Key<String> = Key::new(Table::named("run"), "resume", TEXT, "where to resume");
static KEYS: &Entries = &[&DEVICE, &GLOBAL_BATCH, &OVERWRITE, &RESUME];

/// The trainer and its words.
#[derive(Clone, Debug)]
pub(super) struct Trainer {
    /// Where it is.
    pub(super) program: PathBuf,
    /// Its arguments.
    pub(super) words: Vec<String>,
}

impl Trainer {
    /// The trainer in the launcher's own directory.
    ///
    /// # Errors
    /// Words that do not train, or a launcher that does not know where it is.
    pub(super) fn beside_us(words: &[String]) -> Result<Self, Failure> {
        match words.first() {
            None => Err(not_to_be_launched(words)),
            Some(word) if !is_of_a_training(word) => Err(not_to_be_launched(words)),
            Some(_) if words.iter().any(|word| is_ours(word)) => Err(ours_behind_the_border(words)),
            Some(_) => {
                let ours = std::env::current_exe();
                let ours =
                    ours.map_err(|cause| Failure::Start { path: "trainer".into(), cause })?;
                Ok(Self { program: ours.with_file_name("trainer"), words: words.to_vec() })
            }
        }
    }

    /// The same run from its newest checkpoint on.
    pub(super) fn resumed(&self) -> Self {
        // A later word than any flag of the user's, `--overwrite-output-dir` included.
        let further = ["--set".to_owned(), "run.resume=auto".to_owned()];
        Self { words: [&self.words[..], &further].concat(), ..self.clone() }
    }

    /// Whether it computes on the CPU, by its file, its flags or `--set`. What else they say, and
    /// what is wrong with them, is the trainer's own affair.
    pub(super) fn is_on_cpu(&self) -> bool {
        let written = self.written();
        !written.is_faulty(&DEVICE) && written.find(&DEVICE).is_some_and(|device| device == "cpu")
    }

    /// Whether it replaces an earlier run in its directory.
    pub(super) fn replaces(&self) -> bool {
        let written = self.written();
        let resumes = written.find(&RESUME).is_some_and(|resume| resume != "never");
        written.find(&OVERWRITE) == Some(true) && !resumes
    }

    /// Whether its global batch is the same on any number of ranks.
    pub(super) fn has_global_batch(&self) -> bool {
        let written = self.written();
        !written.is_faulty(&GLOBAL_BATCH) && written.find(&GLOBAL_BATCH).is_some()
    }

    fn written(&self) -> Written {
        let words = self.words.strip_prefix(&["train".to_owned()][..]).unwrap_or(&self.words);
        let line = CommandLine::parse(words, KEYS, Set::Taken);
        let mut config = Written::of(KEYS);
        if let Some(file) = line.words.iter().find(|word| word.ends_with(".toml")) {
            toml_file::read_file(&mut config, Path::new(file));
        }
        line.apply(&mut config);
        config
    }

    /// The program and its words.
    pub(super) fn line(&self) -> Vec<String> {
        std::iter::once(self.program.display().to_string()).chain(self.words.clone()).collect()
    }
}

/// Whether a training can begin with this word: other commands are single processes.
fn is_of_a_training(word: &str) -> bool {
    word == "train" || word.starts_with('-') || word.contains(['.', '/'])
}

/// Whether a word is a flag of the launcher, under any of its names.
fn is_ours(word: &str) -> bool {
    let flag = word.strip_prefix("--").and_then(|flag| flag.split('=').next());
    flag.is_some_and(|flag| entry_named((COMMAND.entries)(), flag).is_some())
}

fn ours_behind_the_border(words: &[String]) -> Failure {
    let ours = words.iter().filter(|word| is_ours(word));
    let fault = |word: &String| Fault {
        place: format!("launcher … -- … {}", word.escape_debug()),
        problem: Problem::Program("this is a flag of the launcher; pass it before `--`".to_owned()),
    };
    Faults(ours.map(fault).collect()).into()
}

fn not_to_be_launched(words: &[String]) -> Failure {
    let line = shown(words);
    let place = format!("launcher … -- {line}").trim_end().to_owned();
    let problem = match line.is_empty() {
        true => Problem::Missing { valid: "-- train CONFIG.toml and its flags".into() },
        false => Problem::OneProcess { line },
    };
    Fault { place, problem }.into()
}
