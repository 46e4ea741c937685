//! The command that is supervised: the trainer beside the launcher, with the user's words.

use std::path::PathBuf;

use lockstep_flags::{Fault, Problem};
use lockstep_host::shell::shown;

use crate::failure::Failure;

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
        match words.first().map(String::as_str) {
            Some("evaluate" | "predict" | "plan" | "doctor") | None => {
                Err(not_to_be_launched(words))
            }
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

    /// Whether its own words put it on the CPU. A file may do so too; the launcher reads none.
    pub(super) fn is_on_cpu(&self) -> bool {
        let pairs = self.words.windows(2).any(|pair| match pair {
            [flag, value] => {
                flag == "--device" && value == "cpu" || flag == "--set" && is_cpu_setting(value)
            }
            _ => false,
        });
        pairs || self.words.iter().any(|word| word == "--device=cpu")
    }

    /// The program and its words.
    pub(super) fn line(&self) -> Vec<String> {
        std::iter::once(self.program.display().to_string()).chain(self.words.clone()).collect()
    }
}

fn is_cpu_setting(text: &str) -> bool {
    ["run.device=cpu", "device=cpu"].contains(&text)
}

fn not_to_be_launched(words: &[String]) -> Failure {
    let line = shown(words);
    let place = format!("launcher … -- {line}").trim_end().to_owned();
    let problem = match line.is_empty() {
        true => Problem::Missing { valid: "-- train CONFIG.toml and its flags" },
        false => Problem::OneProcess { line },
    };
    Fault { place, problem }.into()
}
