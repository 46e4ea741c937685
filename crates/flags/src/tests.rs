//! Command lines, taken apart.

use super::*;

static SEED: Key<u64> = Key::new(Table::named("train"), "seed", WHOLE, "where it begins").or("42");
static MAX_STEPS: Key<u64> = Key::new(Table::named("train"), "max_steps", WHOLE, "updates");
static NAME: Key<String> = Key::new(Table::named("run"), "output_dir", TEXT, "where it goes");
static QUIET: Key<bool> = Key::new(Table::COMMAND, "quiet", SWITCH, "no lines").or("false");
static ENTRIES: &Entries = &[&SEED, &MAX_STEPS, &NAME, &QUIET];
static COMMAND: Command = Command {
    name: "try",
    about: "Tries",
    usage: "try [flags]",
    entries: || ENTRIES,
    words: Words::Config,
    after: String::new,
};

fn parsed(words: &[&str]) -> CommandLine {
    COMMAND.parse(&words.iter().map(|&word| word.to_owned()).collect::<Vec<_>>())
}

/// The words, the values and the faults of a line, one a line.
fn read(words: &[&str]) -> String {
    let line = parsed(words);
    let mut said = line.words.iter().map(|word| format!("{word:?}")).collect::<Vec<_>>();
    let mut config = Written::of(ENTRIES);
    line.apply(&mut config);
    let given = ENTRIES.iter().filter_map(|entry| config.given(*entry));
    said.extend(given.map(|given| format!("{}={:?}", given.name, given.text)));
    if let Err(Faults(faults)) = config.without_faults() {
        said.extend(faults.iter().map(|fault| format!("{}: {}", fault.place, fault.problem)));
    }
    said.join("; ")
}

fn check(words: &[&str], expected: &str) {
    assert_eq!(read(words), expected, "{words:?}");
}

#[test]
fn values_are_taken_as_texts() {
    check(
        &["--seed", "7", "a.toml", "--output-dir=x y"],
        r#""a.toml"; seed="7"; output_dir="x y""#,
    );
    check(&["--seed", "1", "--seed=2"], r#"seed="2""#);
    check(&["--output_dir", "-"], r#"output_dir="-""#);
    check(&["--output-dir", "-1e5"], r#"output_dir="-1e5""#);
    check(&["--output-dir", "a", "--", "--seed"], r#""--seed"; output_dir="a""#);
    check(&["--epochs"], "--epochs: there is no such flag; --help lists all flags");
    check(&["", "-"], r#"""; "-""#);
}

#[test]
fn a_bare_switch_leaves_the_next_word_alone() {
    check(&["--quiet", "a.toml"], r#""a.toml"; quiet="true""#);
    check(&["--quiet", "false", "a"], r#""a"; quiet="false""#);
    check(&["--quiet=no"], "--quiet no: this value is not valid; valid: true or false");
}

#[test]
fn unknown_flags_are_noted_in_their_order_with_what_is_missing() {
    check(
        &["--sed=1", "--seed", "--max-step", "3", "a.toml", "-x", "-5", "--output-dir"],
        "\"a.toml\"; --sed: there is no such flag; did you mean `--seed`?; \
         --seed: the value is missing; valid: a whole number, at least 0; \
         --max-step: there is no such flag; did you mean `--max-steps`?; \
         -x: there is no such flag; --help lists all flags; \
         --output-dir: the value is missing; valid: any text but an empty one",
    );
    check(&["--x", "a.toml"], "\"a.toml\"; --x: there is no such flag; --help lists all flags");
    check(&["--=x"], "--: there is no such flag; --help lists all flags");
}

#[test]
fn a_flag_of_a_command_is_not_a_key() {
    let told = read(&["--set", "quiet=true", "--set", "seed=3", "--set"]);
    let expected = "seed=\"3\"; --set quiet=true: there is no such key; ";
    assert!(told.starts_with(expected), "{told}");
}

#[test]
fn a_hostile_line_costs_little() {
    let many: Vec<String> = (0..20_000).map(|i| format!("--x{i}")).collect();
    let mut config = Written::of(ENTRIES);
    COMMAND.parse(&many).apply(&mut config);
    let Err(Faults(faults)) = config.without_faults() else { panic!("no fault") };
    assert_eq!(faults.len(), 100);
    let long = "x".repeat(1 << 20);
    let told = read(&[&format!("--{long}"), "--seed", "3"]);
    assert!(told.starts_with("seed=\"3\"; --xxx"), "{}", told.len());
}

#[test]
fn help_and_version_are_seen_beside_faults() {
    for words in [&["--sed", "--help"][..], &["--seed", "-h"], &["--help", "--sed"]] {
        assert_eq!(parsed(words).help.as_deref(), Some(""), "{words:?}");
    }
    for words in [&["--help", "seed"][..], &["--help=seed"], &["a.toml", "-h", "seed"]] {
        assert_eq!(parsed(words).help.as_deref(), Some("seed"), "{words:?}");
    }
    assert!(parsed(&["-V"]).wants_version && parsed(&["x", "--version"]).wants_version);
}

#[test]
fn clap_finds_nothing_wrong_with_what_is_built() {
    let commands = vec![&COMMAND];
    let program = CommandSet { name: "p", about: "A", usage: "p", commands, after: "examples" };
    program.clap().debug_assert();
    COMMAND.clap().debug_assert();
}
