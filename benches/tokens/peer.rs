//! Python's tokenizer in a process that answers one request at a time.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use crate::Outcome;

/// The process.
pub(crate) struct Peer {
    process: Child,
    requests: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Peer {
    pub(crate) fn start(python: &str, model: &Path, file: &Path) -> Outcome<Self> {
        let program = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/pytorch/tokens.py");
        let mut command = Command::new(python);
        command.arg(program).arg(model).arg(file).env("TOKENIZERS_PARALLELISM", "true");
        let mut process = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let requests = process.stdin.take().ok_or("no standard input")?;
        let answers = BufReader::new(process.stdout.take().ok_or("no standard output")?);
        let mut peer = Self { process, requests, answers };
        peer.answer()?;
        Ok(peer)
    }

    /// Seconds of one pass over all texts, and their tokens.
    pub(crate) fn tokenise(&mut self) -> Outcome<(f64, usize)> {
        self.requests.write_all(b"\n")?;
        self.requests.flush()?;
        let answer = self.answer()?;
        let (seconds, tokens) = answer.trim().split_once(' ').ok_or("not an answer")?;
        Ok((seconds.parse()?, tokens.parse()?))
    }

    fn answer(&mut self) -> Outcome<String> {
        let mut line = String::new();
        self.answers.read_line(&mut line)?;
        Ok(line)
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
