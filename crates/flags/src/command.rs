//! A command as clap has it: its flags from the table of keys, its help and its completions.

use clap::builder::{PossibleValue, PossibleValuesParser};
use clap::{Arg, ArgAction, ValueHint};

use crate::explanation::explanation;
use crate::fault::{Faults, Problem};
use crate::key::{Entries, Entry};
use crate::kind::Form;
use crate::line::CommandLine;
use crate::parser::{Set, named};
use crate::table::Table;
use crate::words::{entry_named, hint};
use crate::written::Written;
use crate::{bare, nearest};

/// A command of a program: the one row that the parser, the help, the completions and the man page
/// share.
pub struct Command {
    /// Its name on the command line.
    pub name: &'static str,
    /// What it does, in one sentence.
    pub about: &'static str,
    /// How it is called, without `usage:`.
    pub usage: &'static str,
    /// Its keys.
    pub entries: fn() -> &'static Entries,
    /// The words it takes beside its flags.
    pub words: Words,
    /// What its help ends with.
    pub after: fn() -> String,
}

/// The words that a command takes beside its flags.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Words {
    /// None; the text says what to do instead.
    None(&'static str),
    /// One configuration file, and `--set`.
    Config,
    /// The path of a directory.
    Directory(&'static str),
    /// The paths of files.
    Files(&'static str),
    /// Texts, which may have any content; what is named like a file is not one.
    Texts(&'static str),
    /// One of these words.
    OneOf(&'static str, &'static [&'static str]),
}

/// The commands of a program.
pub struct CommandSet {
    /// Its name.
    pub name: &'static str,
    /// What it does, in one sentence.
    pub about: &'static str,
    /// How it is called, without `usage:`.
    pub usage: &'static str,
    /// Its commands; the first is meant where none is named.
    pub commands: Vec<&'static Command>,
    /// What its help ends with.
    pub after: &'static str,
}

const SHORT: &str = "{about}\n\nusage: {usage}\n\ncommands:\n{subcommands}{after-help}";
const FLAGS: &str = "{about}\n\nusage: {usage}\n\n{all-args}{after-help}";

impl CommandSet {
    /// The program as clap has it, for its help, its completions and its man page.
    #[must_use]
    pub fn clap(&self) -> clap::Command {
        let mut program = clap::Command::new(self.name)
            .about(self.about)
            .override_usage(self.usage)
            .after_help(self.after)
            .help_template(SHORT)
            .disable_help_subcommand(true)
            .disable_help_flag(true);
        if let Some(first) = self.commands.first() {
            program = program.args(first.arguments());
        }
        program.subcommands(self.commands.iter().map(|command| command.clap()))
    }

    /// The short help: commands and examples.
    #[must_use]
    pub fn help(&self, columns: usize) -> String {
        self.clap().term_width(columns).render_help().to_string()
    }

    /// The command called `name`.
    #[must_use]
    pub fn command(&self, name: &str) -> Option<&'static Command> {
        self.commands.iter().copied().find(|command| command.name == name)
    }

    /// The name of the command that is close enough to `word` to have been meant.
    #[must_use]
    pub fn nearest(&self, word: &str) -> Option<&'static str> {
        nearest(word, self.commands.iter().map(|command| command.name))
    }
}

impl Command {
    /// The command as clap has it, for its help, its completions and its man page.
    #[must_use]
    pub fn clap(&self) -> clap::Command {
        clap::Command::new(self.name)
            .about(self.about)
            .override_usage(self.usage)
            .after_help((self.after)())
            .help_template(FLAGS)
            .disable_help_flag(true)
            .args(self.arguments())
    }

    fn arguments(&self) -> Vec<Arg> {
        let entries = (self.entries)();
        let mut arguments: Vec<Arg> = entries.iter().map(|entry| shown(*entry)).collect();
        arguments.extend(match self.words {
            Words::None(_) => None,
            Words::Config => {
                Some(word("CONFIG.toml").value_hint(ValueHint::FilePath).num_args(0..))
            }
            Words::Directory(placeholder) => Some(word(placeholder).value_hint(ValueHint::DirPath)),
            Words::Files(placeholder) => {
                Some(word(placeholder).value_hint(ValueHint::FilePath).num_args(0..))
            }
            Words::Texts(placeholder) => Some(word(placeholder).num_args(0..)),
            Words::OneOf(placeholder, words) => {
                Some(word(placeholder).value_parser(PossibleValuesParser::new(words)))
            }
        });
        let set = Arg::new("set").long("set").value_name("KEY=VALUE").action(ArgAction::Append);
        if self.set() == Set::Taken {
            arguments.push(set.help("set any key; overrides file and flags").help_heading("other"));
        }
        let help = Arg::new("help").short('h').long("help").value_name("KEY").num_args(0..=1);
        arguments.push(help.help("list the flags, or explain one key").help_heading("other"));
        arguments
    }

    /// Whether the command takes `--set`.
    #[must_use]
    pub fn set(&self) -> Set {
        if self.words == Words::Config { Set::Taken } else { Set::NotTaken }
    }

    /// A command line of this command, taken apart.
    #[must_use]
    pub fn parse(&self, arguments: &[String]) -> CommandLine {
        CommandLine::parse(arguments, (self.entries)(), self.set())
    }

    /// The flags of a command without a configuration file.
    ///
    /// # Errors
    /// Everything that is wrong with them, `required` ones that are missing included.
    pub fn read(&self, line: CommandLine, required: &[&dyn Entry]) -> Result<Written, Faults> {
        let mut config = Written::of((self.entries)());
        let expected = match self.words {
            Words::None(expected) => expected,
            Words::Texts(_) => "write it to the standard input",
            Words::Config | Words::Directory(_) | Words::Files(_) | Words::OneOf(..) => {
                "one word is enough"
            }
        };
        let is_wrong = |word: &&String| match self.words {
            Words::Texts(_) => bare::is_path(word),
            _ => true,
        };
        for word in line.words.iter().filter(is_wrong) {
            bare::note(&mut config, word, expected);
        }
        line.apply(&mut config);
        for entry in required {
            config.require(*entry);
        }
        config.without_faults()
    }

    /// The answer to `--help KEY`: one key at length, or all flags where KEY is empty.
    ///
    /// # Errors
    /// A word that is not a key.
    pub fn help(&self, key: &str, columns: usize) -> Result<String, Faults> {
        let entries = (self.entries)();
        let name = key.trim_start_matches('-');
        if let Some(entry) = entry_named(entries, name).filter(|_| !key.is_empty()) {
            return Ok(explanation(entry));
        }
        if key.is_empty() || key.ends_with(".toml") {
            return Ok(self.clap().term_width(columns).render_help().to_string());
        }
        let mut config = Written::of(entries);
        let hint = hint(name, entries);
        config.note(format!("--help {}", key.escape_debug()), Problem::UnknownKey { hint });
        config.without_faults().map(|_| String::new())
    }
}

fn word(placeholder: &'static str) -> Arg {
    Arg::new("words").value_name(placeholder).hide(true)
}

/// A key as the help and the completions show it.
fn shown(entry: &'static dyn Entry) -> Arg {
    let default = entry.unset().filter(|default| *default != "false");
    let default = default.map_or_else(String::new, |default| format!(" [default: {default}]"));
    let heading = match entry.table() {
        Table::COMMAND => "flags".to_owned(),
        table => format!("[{}]", table.name()),
    };
    let argument = named(Arg::new(entry.name()), entry)
        .help(format!("{}{default}", entry.meaning()))
        .help_heading(heading);
    if entry.form() == Form::Switch {
        return argument.action(ArgAction::SetTrue);
    }
    let hint = match &*entry.placeholder() {
        "FILE" => ValueHint::FilePath,
        "DIR" | "ID|DIR" => ValueHint::DirPath,
        _ => ValueHint::Unknown,
    };
    let argument = argument.value_name(entry.placeholder().into_owned()).value_hint(hint);
    let choices = entry.choices();
    if choices.is_empty() {
        return argument;
    }
    let choices = choices.into_iter().map(|(name, meaning)| PossibleValue::new(name).help(meaning));
    argument.value_parser(PossibleValuesParser::new(choices)).hide_possible_values(true)
}
