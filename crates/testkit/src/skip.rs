//! How a test says that it cannot run here.
//!
//! libtest knows no test that skips itself: one that returns early counts as passed, and what it
//! printed is swallowed. So the line goes to the standard output past libtest's capture, and
//! `cargo xtask ci` reads it there: such a test is listed with its reason and not counted as passed.

use std::fmt::Display;
use std::io::Write;

/// Says that the running test cannot run here, and why. The caller then returns.
///
/// The name is that of the thread, which libtest names after the test. The line is one write, so
/// that lines of tests that run at the same time do not mix.
pub fn skip(reason: impl Display) {
    write("", &reason.to_string());
}

/// Says that one case of the running test cannot run here, and why. The test continues with the others
/// and counts as passed, but is listed.
pub fn skip_case(reason: impl Display) {
    write(" in part", &reason.to_string());
}

fn write(extent: &str, reason: &str) {
    let thread = std::thread::current();
    let name = thread.name().unwrap_or("unnamed-thread");
    let line = format!("skipped {name}{extent}: {}\n", reason.replace('\n', " "));
    // A standard output that is closed has no reader whom this could reach.
    drop(std::io::stdout().write_all(line.as_bytes()));
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    const CHILD: &str = "LOCKSTEP_TESTKIT_SKIPS";

    #[test]
    fn the_line_passes_the_capture() {
        if std::env::var_os(CHILD).is_some() {
            println!("captured");
            skip_case("there is no NCCL");
            skip("there is no GPU,\nor no driver");
            return;
        }
        let name = "skip::tests::the_line_passes_the_capture";
        let mut child = Command::new(std::env::current_exe().unwrap());
        let output = child.args(["--exact", name]).env(CHILD, "1").output().unwrap();
        let told = String::from_utf8_lossy(&output.stdout);
        let line = format!("skipped {name}: there is no GPU, or no driver\n");
        let case = format!("skipped {name} in part: there is no NCCL\n");
        assert!(told.contains(&line) && told.contains(&case), "{told}");
        assert!(!told.contains("captured") && told.contains("1 passed"), "{told}");
    }
}
