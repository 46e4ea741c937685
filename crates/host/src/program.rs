//! A program from its start to its exit code.

use std::error::Error;

use crate::{
    Environment, ExitCode, Process, bug_report, console, progress, signals, streams, warnings,
};

/// Runs a program: its code, or the one that `code` gives its failure, which is shown.
pub fn enter<C: Into<std::process::ExitCode>, E: Error>(
    program: impl Fn(&Process) -> Result<C, E>,
    code: impl Fn(&E) -> ExitCode,
) -> std::process::ExitCode {
    bug_report::install();
    let process = Process::current();
    warnings::show(&process.environment);
    progress::allow(&process.environment);
    console::allow();
    if let Err(cause) = signals::survive_file_limit() {
        tracing::warn!("a file that reaches its limit will end this program: {cause}");
    }
    let code = match program(&process) {
        Ok(code) => code.into(),
        Err(failure) => {
            let code = code(&failure);
            report(&failure, code, &process.environment);
            code.into()
        }
    };
    console::finish();
    code
}

/// Prints an error with its causes on the standard error, and nothing for a closed output, see
/// [`ExitCode::of_output`].
pub fn report(error: &dyn Error, code: ExitCode, environment: &Environment) {
    if code == ExitCode::Done {
        return;
    }
    let is_coloured = environment.colours_errors() && !console::is_json();
    let (bold, plain) = if is_coloured { ("\x1b[1;31m", "\x1b[0m") } else { ("", "") };
    let mut text = format!("{bold}error:{plain} {error}");
    let mut cause = error.source();
    while let Some(error) = cause {
        let words = error.to_string();
        if !text.contains(&words) {
            text = format!("{text}\n  because {words}");
        }
        cause = error.source();
    }
    streams::print_error_line(text);
}
