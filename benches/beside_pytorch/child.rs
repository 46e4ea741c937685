//! A worker as its parent sees it: a process that answers. Between two questions it sleeps.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use crate::Outcome;
use crate::protocol::{Phases, Reply, Request};

/// A running worker; it ends when this is dropped.
pub(crate) struct Worker {
    child: Child,
    questions: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
    /// What it says it is.
    pub(crate) name: String,
}

impl Worker {
    /// Starts a worker and waits until it has loaded everything.
    pub(crate) fn start(mut command: Command) -> Outcome<Self> {
        let program = command.get_program().display().to_string();
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().map_err(|cause| format!("{program}: {cause}"))?;
        let (questions, answers) = (child.stdin.take(), child.stdout.take());
        let answers = BufReader::new(answers.ok_or("a worker has no output")?);
        let mut worker = Self { child, questions, answers, name: String::new() };
        match worker.answer()? {
            Reply::Ready(name) => worker.name = name,
            other => return Err(unexpected(&other)),
        }
        Ok(worker)
    }

    /// The phases of a request that takes time.
    pub(crate) fn time(&mut self, request: Request) -> Outcome<Phases> {
        match self.ask(request)? {
            Reply::Update(phases) => Ok(phases),
            Reply::Seconds(seconds) => Ok(Phases::forward_only(seconds)),
            other => Err(unexpected(&other)),
        }
    }

    /// The mean loss of a batch.
    pub(crate) fn loss(&mut self, batch: usize) -> Outcome<f64> {
        match self.ask(Request::Loss { batch })? {
            Reply::Loss(loss) => Ok(loss),
            other => Err(unexpected(&other)),
        }
    }

    /// The peak memory so far, in bytes.
    pub(crate) fn memory(&mut self) -> Outcome<u64> {
        match self.ask(Request::Memory)? {
            Reply::Bytes(bytes) => Ok(bytes),
            other => Err(unexpected(&other)),
        }
    }

    fn ask(&mut self, request: Request) -> Outcome<Reply> {
        let questions = self.questions.as_mut().ok_or("a worker has no input")?;
        writeln!(questions, "{}", serde_json::to_string(&request)?)?;
        questions.flush()?;
        self.answer()
    }

    fn answer(&mut self) -> Outcome<Reply> {
        let mut line = String::new();
        if self.answers.read_line(&mut line)? == 0 {
            return Err("a worker ended early; its last words stand above".into());
        }
        match serde_json::from_str(&line)? {
            Reply::Refused(reason) => Err(reason.into()),
            reply => Ok(reply),
        }
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        drop(self.questions.take());
        // It has nothing left to read and ends by itself.
        let _ended = self.child.wait();
    }
}

fn unexpected(reply: &Reply) -> Box<dyn std::error::Error + Send + Sync> {
    format!("a worker answered something else: {reply:?}").into()
}
