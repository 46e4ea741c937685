//! One malformed input: what lies in the directory, what is run there, and how that ends.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use lockstep_testkit::reference;

use super::files::Files;
use crate::program::Workplace;

/// In command lines and transcripts, the directory of the reference models.
pub(super) const REFERENCE: &str = "<reference>";
/// In command lines and transcripts, the directory the program is started in.
pub(super) const HERE: &str = "<dir>";

/// In transcripts, the address of the hub.
const HUB: &str = "<hub>";

/// What sets the limits: no case may take longer (s), or more memory (KiB) than a small machine has.
const WITHIN_LIMITS: &str = "ulimit -v 4194304; exec timeout 60 \"$@\"";

/// A malformed input.
pub(super) struct Case {
    /// What is wrong with it.
    pub(super) name: &'static str,
    /// What is run, as it is shown.
    pub(super) line: Vec<String>,
    /// What the lines of the standard output begin with that are shown when all goes well; nothing
    /// where it must not.
    pub(super) accepted: Option<&'static str>,
    files: Files,
    folders: Vec<&'static str>,
    hub: Option<Answer>,
}

/// The whole answer to a request for a path.
type Answer = fn(&str) -> String;

/// How a case ended.
pub(super) struct Ending {
    /// The exit code; nothing after a signal.
    pub(super) code: Option<i32>,
    /// What was answered.
    pub(super) stdout: String,
    /// What was said.
    pub(super) stderr: String,
}

impl Case {
    /// A case that runs `trainer` with the words of `line`.
    pub(super) fn new(name: &'static str, line: &str) -> Self {
        let line = line.split_whitespace().map(str::to_owned).collect();
        Self { name, line, accepted: None, files: Files::default(), folders: Vec::new(), hub: None }
    }

    /// One word more, which may hold anything.
    pub(super) fn word(mut self, word: &str) -> Self {
        self.line.push(word.to_owned());
        self
    }

    /// A file in the directory.
    pub(super) fn file(mut self, path: &str, content: impl AsRef<[u8]>) -> Self {
        self.files = self.files.with(path, content);
        self
    }

    /// Files in the directory.
    pub(super) fn files(mut self, files: Files) -> Self {
        self.files = self.files.and(files);
        self
    }

    /// An empty directory in the directory.
    pub(super) fn folder(mut self, path: &'static str) -> Self {
        self.folders.push(path);
        self
    }

    /// A hub that answers so, below a path of its server.
    pub(super) fn hub(mut self, answer: Answer) -> Self {
        self.hub = Some(answer);
        self
    }

    /// Odd, but good: the answer's lines that begin with `shown` stand in the transcript.
    pub(super) fn accepted(mut self, shown: &'static str) -> Self {
        self.accepted = Some(shown);
        self
    }

    /// Runs it in a directory of its own.
    pub(super) fn run(&self) -> Ending {
        let place = Workplace::new();
        let root = place.path(".").canonicalize().unwrap();
        self.files.lay_out(&root);
        self.folders.iter().for_each(|path| fs::create_dir_all(root.join(path)).unwrap());
        let mut command = self.command(&root);
        let endpoint = self.hub.map(serve);
        if let Some(endpoint) = &endpoint {
            command.env_remove("HF_HUB_OFFLINE").env("HF_ENDPOINT", endpoint);
            command.env("HF_TOKEN", "secret");
        }
        let output = command.output().unwrap();
        let shown = |bytes: &[u8]| {
            String::from_utf8_lossy(bytes)
                .replace(&display(&references()), REFERENCE)
                .replace(&display(&root), HERE)
                .replace(endpoint.as_deref().unwrap_or(HUB), HUB)
        };
        let (stdout, stderr) = (shown(&output.stdout), shown(&output.stderr));
        Ending { code: output.status.code(), stdout, stderr }
    }

    fn command(&self, root: &Path) -> Command {
        let mut command = Command::new("/bin/sh");
        command.args(["-c", WITHIN_LIMITS, "sh", env!("CARGO_BIN_EXE_trainer")]);
        for word in &self.line {
            let word = word.replace(REFERENCE, &display(&references()));
            command.arg(word.replace(HERE, &display(root)));
        }
        // Each thread reserves address space of its own, so their number is set beside the limit.
        let variables = [
            ("PATH", "/usr/bin:/bin"),
            ("NO_COLOR", "1"),
            ("HF_HUB_OFFLINE", "1"),
            ("HF_HOME", "cache"),
            ("RAYON_NUM_THREADS", "2"),
        ];
        command.env_clear().envs(variables).current_dir(root).stdin(Stdio::null());
        command
    }
}

/// Answers requests until the test's process ends; gives the address.
fn serve(answer: Answer) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}/mirror", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let lines = BufReader::new(stream.try_clone().unwrap()).lines();
            let lines: Vec<String> =
                lines.map_while(Result::ok).take_while(|line| !line.is_empty()).collect();
            let path = lines[0].split_whitespace().nth(1).unwrap();
            let _ = stream.write_all(answer(path.strip_prefix("/mirror").unwrap()).as_bytes());
        }
    });
    address
}

fn references() -> PathBuf {
    reference(".").canonicalize().unwrap()
}

fn display(path: &Path) -> String {
    path.display().to_string()
}
