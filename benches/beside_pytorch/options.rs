//! The command line: which files, how often, and where the report goes.

use std::path::PathBuf;

use crate::Outcome;

pub(crate) const USAGE: &str = "\
usage: cargo bench --bench beside_pytorch -- [flags]

  --train FILE     labelled sentences of the training rows, SST-2's for example [generated reviews]
  --dev FILE       labelled sentences of the inference rows [generated reviews]
  --phrases FILE   labelled texts to tokenise [the training sentences]
  --model DIR      a DistilBERT with its tokenizer [random weights, a tokenizer of the sentences]
  --python FILE    a Python with torch and transformers [benches/pytorch/venv/bin/python]
  --threads N      threads of each side [all]
  --rounds N       rounds of each row [10]
  --only A,B       these rows alone; their names stand in the tables
  --out FILE       writes the report as Markdown, too";

/// What the program was asked for.
#[derive(Debug)]
pub(crate) struct Options {
    pub(crate) train: Option<PathBuf>,
    pub(crate) dev: Option<PathBuf>,
    pub(crate) phrases: Option<PathBuf>,
    pub(crate) model: Option<PathBuf>,
    pub(crate) python: PathBuf,
    pub(crate) threads: usize,
    pub(crate) rounds: usize,
    pub(crate) only: Vec<String>,
    pub(crate) out: Option<PathBuf>,
}

impl Options {
    /// Reads flags; nothing when help is asked for.
    pub(crate) fn parse(arguments: &[String]) -> Outcome<Option<Self>> {
        let mut options = Self::usual();
        // Cargo adds `--bench` to what it starts.
        let mut words = arguments.iter().filter(|word| *word != "--bench");
        while let Some(flag) = words.next() {
            if flag == "--help" || flag == "-h" {
                return Ok(None);
            }
            let value = words.next().ok_or_else(|| format!("{flag} needs a value\n\n{USAGE}"))?;
            options.take(flag, value)?;
        }
        Ok(Some(options))
    }

    /// Whether a row was asked for.
    pub(crate) fn wants(&self, name: &str) -> bool {
        self.only.is_empty() || self.only.iter().any(|only| only == name)
    }

    fn usual() -> Self {
        let root = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
        Self {
            train: None,
            dev: None,
            phrases: None,
            model: None,
            python: root.join("benches/pytorch/venv/bin/python"),
            threads: std::thread::available_parallelism().map_or(1, usize::from),
            rounds: 10,
            only: Vec::new(),
            out: None,
        }
    }

    fn take(&mut self, flag: &str, value: &str) -> Outcome<()> {
        match flag {
            "--train" => self.train = Some(file(flag, value)?),
            "--dev" => self.dev = Some(file(flag, value)?),
            "--phrases" => self.phrases = Some(file(flag, value)?),
            "--model" => self.model = Some(file(flag, value)?),
            "--python" => self.python = file(flag, value)?,
            "--threads" => self.threads = count(flag, value)?,
            "--rounds" => self.rounds = count(flag, value)?,
            "--only" => self.only = value.split(',').map(str::to_owned).collect(),
            "--out" => self.out = Some(value.into()),
            _ => return Err(format!("there is no flag {flag}\n\n{USAGE}").into()),
        }
        Ok(())
    }
}

fn file(flag: &str, value: &str) -> Outcome<PathBuf> {
    let path = PathBuf::from(value);
    if path.exists() { Ok(path) } else { Err(format!("{flag}: there is no {value}").into()) }
}

fn count(flag: &str, value: &str) -> Outcome<usize> {
    let number = value.parse().ok().filter(|&number: &usize| number > 0);
    number.ok_or_else(|| format!("{flag} needs a number from 1, not {value}").into())
}
