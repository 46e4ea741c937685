//! What one worker is set to, for as long as it lives.

use std::path::Path;
use std::process::Command;

use lockstep_model::Bf16;

use crate::Outcome;
use crate::options::Options;
use crate::work::Work;

/// What the passes compute in; the weights are f32.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Precision {
    F32,
    Bf16,
}

/// What PyTorch brings the texts of a batch to. We pad nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Padding {
    /// 128 tokens, as the recipe does.
    Fixed,
    /// The longest text of the batch.
    Longest,
    /// The longest text of the batch, batches made of texts of similar length.
    Grouped,
}

impl Precision {
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::F32 => "f32",
            Self::Bf16 => "bf16",
        }
    }

    /// The precision of our model.
    pub(crate) fn of_model(self) -> Outcome<lockstep_model::Precision> {
        match self {
            Self::F32 => Ok(lockstep_model::Precision::F32),
            Self::Bf16 => {
                let bf16 = Bf16::detect().ok_or("this processor does not multiply bf16")?;
                Ok(lockstep_model::Precision::Bf16(bf16))
            }
        }
    }

    fn parse(word: &str) -> Outcome<Self> {
        let known = [Self::F32, Self::Bf16].into_iter().find(|known| known.word() == word);
        known.ok_or_else(|| format!("there is no precision {word}").into())
    }
}

impl Padding {
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Fixed => "fixed",
            Self::Longest => "longest",
            Self::Grouped => "grouped",
        }
    }
}

/// The command of our worker: this program again.
pub(crate) fn ours(
    precision: Precision,
    model: &Path,
    work: &Work,
    options: &Options,
) -> Outcome<Command> {
    let mut command = Command::new(std::env::current_exe()?);
    command.arg("worker").arg(precision.word()).arg(model).arg(work.rows_file());
    command.arg(work.batch_size().to_string());
    command.env("RAYON_NUM_THREADS", options.threads.to_string());
    Ok(command)
}

/// What [`ours`] tells the worker.
pub(crate) struct OurSetting<'a> {
    pub(crate) precision: Precision,
    pub(crate) model: &'a Path,
    pub(crate) rows_file: &'a Path,
    pub(crate) batch_size: usize,
}

impl<'a> OurSetting<'a> {
    pub(crate) fn parse(arguments: &'a [String]) -> Outcome<Self> {
        let [precision, model, rows_file, batch_size] = arguments else {
            return Err("a worker is started by the program itself".into());
        };
        Ok(Self {
            precision: Precision::parse(precision)?,
            model: Path::new(model),
            rows_file: Path::new(rows_file),
            batch_size: batch_size.parse()?,
        })
    }
}

/// The command of PyTorch's worker, or why there is none.
pub(crate) fn pytorch(
    (precision, padding): (Precision, Padding),
    model: &Path,
    work: &Work,
    options: &Options,
) -> Outcome<Command> {
    if !options.python.exists() {
        return Err("no Python with PyTorch; run benches/setup.sh or give --python".into());
    }
    let peer = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/pytorch/peer.py");
    let mut command = Command::new(&options.python);
    command.arg(peer).arg("--model").arg(model).arg("--batches").arg(work.batches_file());
    command.args(["--precision", precision.word(), "--padding", padding.word()]);
    command.arg("--threads").arg(options.threads.to_string());
    command.env("HF_HUB_OFFLINE", "1");
    Ok(command)
}
