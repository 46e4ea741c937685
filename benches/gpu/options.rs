//! What the program is asked for.

use std::path::PathBuf;

use crate::Outcome;

pub(crate) const HELP: &str = "\
usage: gpu-bench kernels  [--emulated] [--only TEXT]
       gpu-bench update   [--lengths FILE] [--only TEXT] [--roof TFLOPS] [--rounds N]
       gpu-bench timeline [--lengths FILE] [--only TEXT] [--out FILE]
       gpu-bench roofs    [--out FILE]
       gpu-bench model    --out DIR [--train FILE] [--small]

kernels   runs small models operation by operation on the GPU and on the emulator, with the same
          operands, and then whole updates with graphs; ends with 1 where they differ by more than
          rounding explains. --emulated: a second emulator stands for the GPU
update    the median update of DistilBERT-base, batch 16 and 512 x 128 tokens, in each precision, with
          and without graphs: tokens a second, share of the card's matrix rate, memory
timeline  each operation of an update in microseconds, all to FILE, the longest here
roofs     copies, AdamW's pattern, launches, and the products of an update: the heuristic's first
          answer and the best of 8; all to FILE
model     saves a model of DistilBERT-base's size, or a small one, with random weights and a tokenizer
          of FILE's texts, or of the reviews that are built in

--only    those rows whose name has this in it
--lengths token counts of texts, one a line; without it lengths are drawn like those of SST-2";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Command {
    Help,
    Kernels,
    Update,
    Timeline,
    Roofs,
    Model,
}

#[derive(Debug)]
pub(crate) struct Options {
    pub(crate) command: Command,
    pub(crate) lengths: Option<PathBuf>,
    pub(crate) train: Option<PathBuf>,
    pub(crate) out: Option<PathBuf>,
    pub(crate) only: String,
    pub(crate) emulated: bool,
    pub(crate) small: bool,
    /// FLOP a second of the card's matrix products, in units of 10^12.
    pub(crate) roof: f64,
    /// Times that an update is timed.
    pub(crate) rounds: usize,
}

impl Options {
    pub(crate) fn read(mut arguments: impl Iterator<Item = String>) -> Outcome<Self> {
        let mut options = Self {
            command: Command::Help,
            lengths: None,
            train: None,
            out: None,
            only: String::new(),
            emulated: false,
            small: false,
            roof: 790.0,
            rounds: 12,
        };
        while let Some(argument) = arguments.next() {
            let mut value = || arguments.next().ok_or(format!("{argument} wants a value"));
            match argument.as_str() {
                "kernels" => options.command = Command::Kernels,
                "update" => options.command = Command::Update,
                "timeline" => options.command = Command::Timeline,
                "roofs" => options.command = Command::Roofs,
                "model" => options.command = Command::Model,
                "--lengths" => options.lengths = Some(value()?.into()),
                "--train" => options.train = Some(value()?.into()),
                "--out" => options.out = Some(value()?.into()),
                "--only" => options.only = value()?,
                "--roof" => options.roof = value()?.parse()?,
                "--rounds" => options.rounds = value()?.parse()?,
                "--emulated" => options.emulated = true,
                "--small" => options.small = true,
                // cargo adds `--bench`.
                "--bench" | "--help" | "-h" => {}
                other => return Err(format!("`{other}` is not known\n{HELP}").into()),
            }
        }
        Ok(options)
    }

    pub(crate) fn wants(&self, name: &str) -> bool {
        name.contains(&self.only)
    }
}
