//! The standard streams. A run does not fail because one of them is closed or full.

use std::fmt::Display;
use std::io::{self, IsTerminal, Write};

use rustix::fd::AsFd;

use crate::lane::Stream;
use crate::{console, progress};

/// Writes a line to the standard error in one go, so that lines of several ranks stay whole.
pub fn print_error_line(line: impl Display) {
    let mut text = format!("{line}\n");
    if console::print(Stream::Err, &text) {
        return;
    }
    if let Some(width) = width_of(&io::stderr()) {
        text = folded(&text, width);
    }
    let _ = progress::above(|| io::stderr().write_all(text.as_bytes()));
}

/// Writes a line that is neither a warning nor an error, unless the user wants quiet.
pub fn print_notice(line: impl Display) {
    if !console::is_quiet() {
        print_error_line(line);
    }
}

/// The columns that a command's answer may take: the terminal's, or 80 where there is none.
#[must_use]
pub fn columns() -> usize {
    const WITHOUT: usize = 80;
    const MOST: usize = 100;
    width_of(&io::stdout()).unwrap_or(WITHOUT).min(MOST)
}

/// The columns of a terminal; nothing for a pipe or a file, which programs may read.
pub(crate) fn width_of<S: AsFd + IsTerminal>(stream: &S) -> Option<usize> {
    const LEAST: usize = 20;
    let size = || rustix::termios::tcgetwinsize(stream).ok();
    let width = stream.is_terminal().then(size)??.ws_col;
    Some(usize::from(width)).filter(|width| *width >= LEAST)
}

/// The text in lines that fit, broken between words; continuation lines are indented.
pub(crate) fn folded(text: &str, width: usize) -> String {
    const INDENT: &str = "         ";
    let mut whole = String::with_capacity(text.len());
    for line in text.split_inclusive('\n') {
        let mut column = 0;
        for word in line.split_inclusive(' ') {
            let letters = word.trim_end().chars().count();
            if column + letters > width && column > INDENT.len() {
                whole.truncate(whole.trim_end_matches(' ').len());
                whole.push('\n');
                whole.push_str(INDENT);
                column = INDENT.len();
            }
            whole.push_str(word);
            column += word.chars().count();
        }
    }
    whole
}

/// The output of a command whose product is files: once it cannot be written, the command continues
/// without it. Where a console has begun, its threads write the lines.
pub struct Optional<'a> {
    out: &'a mut dyn Write,
    is_open: bool,
    /// Of the terminal, if it is one.
    width: Option<usize>,
    /// The line that is not yet complete.
    line: Vec<u8>,
}

impl<'a> Optional<'a> {
    /// `out`, which leads to the standard output, as long as it can be written.
    pub fn new(out: &'a mut dyn Write) -> Self {
        Self { out, is_open: true, width: width_of(&io::stdout()), line: Vec::new() }
    }

    fn pass_on(&mut self) {
        if !self.is_open || self.line.is_empty() {
            return;
        }
        let text = String::from_utf8_lossy(&self.line);
        if console::print(Stream::Out, &text) {
            return self.line.clear();
        }
        let text = self.width.map_or_else(|| text.to_string(), |width| folded(&text, width));
        self.line.clear();
        let out = &mut self.out;
        let write = || out.write_all(text.as_bytes()).and_then(|()| out.flush());
        if let Err(cause) = progress::above(write) {
            self.is_open = false;
            tracing::warn!(
                "the standard output cannot be written ({cause}), so the run continues without it"
            );
        }
    }
}

impl Write for Optional<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.is_open {
            self.line.extend_from_slice(bytes);
        }
        if bytes.ends_with(b"\n") {
            self.pass_on();
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.pass_on();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;
    use std::process::{Command, Stdio};

    use super::*;

    /// For a process of the test below: the text of each of its lines.
    const WORD: &str = "LOCKSTEP_TEST_WORD";
    const LINES: usize = 2000;

    #[test]
    fn lines_of_two_processes_stay_whole() {
        let (mut reader, writer) = io::pipe().unwrap();
        let start = |word: &str| {
            let mut command = Command::new(std::env::current_exe().unwrap());
            command.args(["--ignored", "--exact", "streams::tests::process_that_prints"]);
            command.env(WORD, word).stdin(Stdio::null()).stdout(Stdio::null());
            command.arg("--nocapture").stderr(writer.try_clone().unwrap()).spawn().unwrap()
        };
        let words = ["a".repeat(300), "b".repeat(200)];
        let mut children = words.each_ref().map(|word| start(word));
        drop(writer);
        let mut printed = String::new();
        reader.read_to_string(&mut printed).unwrap();
        for child in &mut children {
            assert!(child.wait().unwrap().success());
        }
        for word in &words {
            assert_eq!(printed.lines().filter(|line| line == word).count(), LINES);
        }
        assert_eq!(printed.lines().count(), 2 * LINES);
    }

    #[test]
    #[ignore = "one of two processes: the test above starts them"]
    fn process_that_prints() {
        let word = std::env::var(WORD).unwrap();
        (0..LINES).for_each(|_| print_error_line(&word));
    }

    /// Takes this number of bytes, then reports a full device.
    struct Full(usize);

    impl Write for Full {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let taken = bytes.len().min(self.0);
            self.0 -= taken;
            if taken == 0 { Err(io::ErrorKind::StorageFull.into()) } else { Ok(taken) }
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn what_cannot_be_written_is_let_go() {
        let mut full = Full(5);
        let mut out = Optional::new(&mut full);
        for _ in 0..3 {
            out.write_all(b"some words").unwrap();
            out.flush().unwrap();
        }
        assert!(!out.is_open);
    }

    #[test]
    fn lines_are_broken_between_words() {
        let check = |text: &str, expected: &str| assert_eq!(folded(text, 30), expected, "{text}");
        check("short\nlines\n", "short\nlines\n");
        let exact = "123456789 123456789 1234567890\n";
        check(exact, exact);
        check(
            "step 10/1000 | loss: 0.3900 | lr: 2.00e-5\n",
            "step 10/1000 | loss: 0.3900 |\n         lr: 2.00e-5\n",
        );
        let word = "x".repeat(50);
        check(&word, &word);
        check(&format!("a long word: {word}"), &format!("a long word:\n         {word}"));
    }
}
