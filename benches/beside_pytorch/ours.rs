//! Our worker: the crates as the trainer uses them, in one setting, answering [`protocol`].
//!
//! [`protocol`]: crate::protocol

use std::io::{BufRead, Write};
use std::time::Instant;

use candle_core::Device;
use lockstep_data::{MaxLength, TokenStore, Tokenizer};
use lockstep_model::{Classifier, Mode};
use lockstep_trainer::{Decision, Scorer, evaluate};

use crate::Outcome;
use crate::protocol::{Reply, Request};
use crate::setting::OurSetting;
use crate::training::{Training, loss};
use crate::work::{MAX_LENGTH, pack, read_rows};

/// Answers until no more requests arrive.
pub(crate) fn serve(arguments: &[String]) -> Outcome<()> {
    let ours = Ours::load(&OurSetting::parse(arguments)?);
    let mut out = std::io::stdout().lock();
    let mut say = |reply: &Reply| -> Outcome<()> {
        writeln!(out, "{}", serde_json::to_string(reply)?)?;
        Ok(out.flush()?)
    };
    let mut ours = match ours {
        Ok(ours) => ours,
        Err(reason) => return say(&Reply::Refused(reason.to_string())),
    };
    say(&Reply::Ready(format!("lockstep {}", env!("CARGO_PKG_VERSION"))))?;
    for line in std::io::stdin().lock().lines() {
        let request = serde_json::from_str(&line?)?;
        say(&ours.answer(request).unwrap_or_else(|reason| Reply::Refused(reason.to_string())))?;
    }
    Ok(())
}

struct Ours {
    training: Training,
    store: TokenStore,
    scorer: Scorer,
    batch_size: usize,
}

impl Ours {
    fn load(setting: &OurSetting<'_>) -> Outcome<Self> {
        let precision = setting.precision.of_model()?;
        let model = Classifier::open(setting.model, &Device::Cpu)?.in_precision(precision);
        let tokenizer = Tokenizer::from_dir(setting.model)?;
        let rows = read_rows(setting.rows_file)?;
        let rows = rows.iter().map(|(text, label)| (text.as_str(), *label));
        let longest = MaxLength::new(MAX_LENGTH).ok_or("no such length")?;
        let store = TokenStore::build(rows, &tokenizer, longest)?;
        let scorer = Scorer::new(&model)?;
        let batch_size = setting.batch_size;
        Ok(Self { training: Training::new(model), store, scorer, batch_size })
    }

    fn answer(&mut self, request: Request) -> Outcome<Reply> {
        match request {
            Request::Update { batch } => {
                let (store, size) = (&self.store, self.batch_size);
                Ok(Reply::Update(self.training.update(|| pack(store, size, batch))?))
            }
            Request::Infer { batch } => {
                let began = Instant::now();
                let batch = pack(&self.store, self.batch_size, batch)?;
                self.scorer.scores(&self.training.model, &batch)?;
                Ok(Reply::Seconds(began.elapsed().as_secs_f64()))
            }
            Request::Pass => {
                let model = &self.training.model;
                let report = evaluate(model, "all", &self.store, Decision::default())?;
                Ok(Reply::Seconds(report.seconds))
            }
            Request::Loss { batch } => {
                let batch = pack(&self.store, self.batch_size, batch)?;
                let sum = loss(&self.training.model, &batch, Mode::Evaluate)?.value()?;
                Ok(Reply::Loss(sum / batch.len() as f64))
            }
            Request::Memory => Ok(Reply::Bytes(peak_memory()?)),
        }
    }
}

/// `VmHWM`: the most memory this process had at once.
fn peak_memory() -> Outcome<u64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kibibytes = line.and_then(|rest| rest.trim().strip_suffix(" kB"));
    let kibibytes: u64 = kibibytes.ok_or("/proc/self/status has no VmHWM")?.parse()?;
    Ok(kibibytes * 1024)
}
