//! What `--help` says.

use std::fmt::Write;

use lockstep_flags::list;
use lockstep_host::ExitCode;
use lockstep_settings::keys;

use super::{Command, doctor, evaluate, predict};

/// The help of a command.
pub(crate) fn of(command: Command) -> String {
    match command {
        Command::Help | Command::Train => {
            format!("{OVERVIEW}{}\n{}", list(keys::ALL), exit_codes())
        }
        Command::Plan => PLAN.to_owned(),
        Command::Doctor => format!("{DOCTOR}{}", list(doctor::ENTRIES)),
        Command::Evaluate => format!("{EVALUATE}{}", list(evaluate::ENTRIES)),
        Command::Predict => format!("{PREDICT}{}{ANSWERS}", list(predict::ENTRIES)),
    }
}

const OVERVIEW: &str = "\
Fine-tunes a DistilBERT text classifier.

usage: trainer [train] [CONFIG.toml] [flags] [--set key=value …]
       trainer evaluate --checkpoint DIR --data FILE [--json]
       trainer predict  --checkpoint DIR [--input FILE|-] [--output FILE|-]
       trainer plan     [CONFIG.toml] [flags]      what would run; nothing is started
       trainer doctor                              what this machine has and lacks
       trainer COMMAND --help

  trainer                                          the quick start: no file, no network, a minute
  trainer configs/sst2.toml --seed 7               a configuration file; flags outweigh it
  trainer --model DIR --train-file train.tsv       flags alone

Every key is a flag here, a key of its table in CONFIG.toml (with _ for -), and a word for --set,
which outweighs both. Defaults stand in brackets.
";

const EVALUATE: &str = "\
Tells how good a finished model is on labelled examples.

usage: trainer evaluate --checkpoint DIR --data FILE [--json]

";

const PREDICT: &str = "\
Classifies a stream of texts, of any length and in order.

usage: trainer predict --checkpoint DIR [--input FILE|-] [--output FILE|-]

";

const ANSWERS: &str = "
tsv    a header, then for each row: line, label, probability:CLASS …, error
jsonl  {\"line\":1,\"label\":…,\"probabilities\":{…},\"logits\":[…]} or {\"line\":2,\"error\":…}

A row that cannot be used, an empty line for example, is answered with an error and ends nothing.
";

const PLAN: &str = "\
Tells what a training would do: device, ranks, batches, updates, memory. Nothing is started.

usage: trainer plan [CONFIG.toml] [flags] [--set key=value …]

It takes the flags of `trainer train`, see `trainer --help`, and of its own:

  --json       as JSON
  --program    the GPU step instead: each kernel and product of the batches that are most common,
               with its bytes, its operations and its predicted time, and the memory; no GPU needed
";

const DOCTOR: &str = "\
Looks at what a training needs, and says what to do about each thing: driver, GPUs, CUDA, NCCL,
MPI, cores, memory, /dev/shm, limits, scheduler.

usage: trainer doctor [--device cuda]

It ends with 0 where training is possible, with 4 where it is not on the device asked for.

";

fn exit_codes() -> String {
    let mut text = String::from("exit codes:");
    for code in ExitCode::ALL {
        let _ = write!(text, "\n  {:<3} {}", code.number(), code.meaning());
    }
    text + "\n"
}
