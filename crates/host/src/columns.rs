//! The width of a terminal, and lines that fit it.

use std::io::IsTerminal;

use rustix::fd::AsFd;

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
