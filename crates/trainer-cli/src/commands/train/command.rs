//! The command line of `trainer train`.

use lockstep_flags::{Command, Words};
use lockstep_host::ExitCode;
use lockstep_settings::keys;

/// The command.
pub(in crate::commands) static COMMAND: Command = Command {
    name: "train",
    about: "Train a model: the command where none is named",
    usage: "trainer [train] [CONFIG.toml] [flags] [--set KEY=VALUE ...]",
    entries: || keys::ALL,
    words: Words::Config,
    after: exit_codes,
};

fn exit_codes() -> String {
    let codes = ExitCode::ALL.map(|code| format!("\n  {:<3} {}", code.number(), code.meaning()));
    format!("exit codes:{}", codes.concat())
}
