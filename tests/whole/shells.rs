//! Completions and the man page, as the programs that read them see them.

use std::io::Write;
use std::process::{Command, Stdio};

use lockstep_flags::ManPage;
use lockstep_testkit::skip_case;

use crate::program::Workplace;

/// What a program writes when it reads `input`; nothing where it is not installed.
fn read_by(program: &str, arguments: &[&str], input: &[u8]) -> Option<String> {
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let Ok(mut child) = command.spawn() else {
        skip_case(format!("there is no {program}"));
        return None;
    };
    child.stdin.take().unwrap().write_all(input).unwrap();
    let output = child.wait_with_output().unwrap();
    let told = [output.stdout, output.stderr].concat();
    let told = String::from_utf8_lossy(&told).into_owned();
    assert!(output.status.success(), "{program} {arguments:?}: {told}");
    Some(told)
}

fn completions(shell: &str) -> Vec<u8> {
    Workplace::new().succeed(&["completions", shell]).stdout
}

/// What bash offers for the last of these words.
fn offered(words: &[&str]) -> Option<String> {
    let last = words.len() - 1;
    let mut script = completions("bash");
    let line = words.join("' '");
    let ask = format!(
        "\nCOMP_WORDS=('{line}')\nCOMP_CWORD={last}\n_trainer trainer '{}' '{}'\n\
         printf '%s\\n' \"${{COMPREPLY[@]}}\"\n",
        words[last],
        words[last.saturating_sub(1)]
    );
    script.extend(ask.bytes());
    read_by("bash", &["--norc"], &script)
}

#[test]
fn completions_load_in_their_shells() {
    for (shell, arguments) in [("bash", &["-n"][..]), ("zsh", &["-n"]), ("fish", &["--no-execute"])]
    {
        if let Some(told) = read_by(shell, arguments, &completions(shell)) {
            assert_eq!(told, "", "{shell}");
        }
    }
}

#[test]
fn bash_completes_commands_and_flags() {
    let check = |words: &[&str], expected: &str| {
        let Some(told) = offered(words) else { return };
        assert!(told.lines().any(|line| line == expected), "{words:?}: {told}");
    };
    check(&["trainer", "eval"], "evaluate");
    check(&["trainer", "--learn"], "--learning-rate");
    check(&["trainer", "evaluate", "--check"], "--checkpoint");
    check(&["trainer", "plan", "--prog"], "--program");
    check(&["trainer", "completions", ""], "powershell");
    check(&["trainer", "--device", ""], "cuda");
    check(&["trainer", "plan", "--eval-strategy", "s"], "steps");
}

#[test]
fn fish_and_zsh_take_the_completions() {
    let place = Workplace::new();
    let script = place.path("_trainer");
    std::fs::write(&script, completions("fish")).unwrap();
    let ask = format!("source '{}'; complete -C 'trainer eval'", script.display());
    if let Some(told) = read_by("fish", &["--no-config", "-c", &ask], b"") {
        assert!(told.starts_with("evaluate\t"), "{told}");
    }
    std::fs::write(&script, completions("zsh")).unwrap();
    let folder = place.path("").display().to_string();
    let ask = format!(
        "fpath=('{folder}' $fpath); autoload -Uz compinit; compinit -u -d '{folder}/dump'; \
         echo ${{_comps[trainer]}}; autoload +X _trainer"
    );
    if let Some(told) = read_by("zsh", &["-f", "-c", &ask], b"") {
        assert_eq!(told, "_trainer\n");
    }
}

#[test]
fn the_man_pages_are_well_formed() {
    let of_launcher = ManPage::of(lockstep_launcher::as_clap()).unwrap().text;
    let of_trainer = Workplace::new().succeed(&["man"]).stdout;
    for (name, page) in [("trainer", of_trainer), ("launcher", of_launcher)] {
        if let Some(told) = read_by("mandoc", &["-T", "lint", "-W", "warning"], &page) {
            assert_eq!(told, "", "{name}");
        }
        if let Some(text) = read_by("man", &["--warnings", "-l", "-"], &page) {
            assert!(text.contains(name) && !text.contains("warning:"), "{text}");
        }
    }
}
