//! PyTorch in a process of its own, which saves when it is asked to.

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use lockstep_model::Classifier;
use serde_json::{Map, Value, json};

use crate::Outcome;

/// A Python process with a state of the model's size.
pub(crate) struct Peer {
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
    path: PathBuf,
    pub(crate) version: String,
}

impl Peer {
    /// Starts it; it writes into `folder`.
    pub(crate) fn start(python: &Path, model: &Classifier, folder: &Path) -> Outcome<Self> {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/checkpoint/torch_save.py");
        let mut child = Command::new(python)
            .arg(script)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let (input, output) = (child.stdin.take(), child.stdout.take());
        let (mut input, output) = (input.ok_or("no input")?, output.ok_or("no output")?);
        let shapes: Map<String, Value> = model
            .parameters()
            .iter()
            .map(|(name, value)| (name.as_str().to_owned(), json!(value.dims())))
            .collect();
        writeln!(input, "{}", Value::Object(shapes))?;
        let mut output = BufReader::new(output);
        let version = line(&mut output)?;
        Ok(Self { child, input, output, path: folder.join("state.pt"), version })
    }

    /// The seconds of one `torch.save`.
    pub(crate) fn save(&mut self) -> Outcome<f64> {
        writeln!(self.input, "{}", self.path.display())?;
        Ok(line(&mut self.output)?.parse()?)
    }
}

fn line(output: &mut impl BufRead) -> Outcome<String> {
    let mut line = String::new();
    output.read_line(&mut line)?;
    let line = line.trim();
    if line.is_empty() { Err("PyTorch's process ended".into()) } else { Ok(line.to_owned()) }
}

impl Drop for Peer {
    fn drop(&mut self) {
        // The process has nothing to lose.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
