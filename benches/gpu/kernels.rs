//! Whether a GPU computes what the emulator computes from the same operands.

use std::thread;

use lockstep_emulator::Emulator;
use lockstep_emulator::beside::{Channel, Finding};
use lockstep_gpu::Graphs;
use lockstep_program::{
    Arithmetic, Bucket, Machine, MachineError, ModelShape, PassBatch, PassPlace, Replica,
    UpdateResult,
};

use crate::batches::{Texts, largest};
use crate::options::Options;
use crate::setup::{ARITHMETICS, replica, small};
use crate::{Outcome, need_gpu, open};

/// Differences that are shown of each model.
const SHOWN: usize = 20;
/// Updates of a bucket: it runs once, is captured, and is a graph from then on.
const UPDATES: usize = 6;

/// A model and texts that take it through many kernels.
struct Case {
    name: &'static str,
    shape: ModelShape,
    /// Of each batch.
    lengths: Vec<Vec<usize>>,
}

/// Lengths for each class of attention kernels, both sizes of heads, and the real width.
fn cases() -> [Case; 3] {
    let classes = vec![vec![3, 20, 1, 9], vec![50, 33, 2], vec![128, 7, 65], vec![200, 40]];
    let sentences = vec![vec![12, 5, 41, 3, 26, 9, 17, 30]];
    [
        Case { name: "heads of 32", shape: small(64, 2, 3), lengths: classes.clone() },
        Case { name: "heads of 64", shape: small(128, 2, 3), lengths: classes },
        Case { name: "width 768", shape: small(768, 12, 2), lengths: sentences },
    ]
}

/// Says what differs; whether nothing does.
pub(crate) fn check(options: &Options) -> Outcome<bool> {
    if !options.emulated {
        need_gpu()?;
    }
    let mut is_right = true;
    println!("| model | operations' outputs | values | differ | largest difference | wrong |");
    println!("|---|---|---|---|---|---|");
    for case in cases() {
        for (precision, arithmetic) in ARITHMETICS {
            let name = format!("{}, {precision}", case.name);
            if options.wants(&name) {
                let findings = case.compare(arithmetic, options.emulated)?;
                is_right &= report(&name, &findings);
            }
        }
    }
    println!("\n| model | largest difference of a loss | of a norm | same bits again |");
    println!("|---|---|---|---|");
    for case in cases() {
        for (precision, arithmetic) in ARITHMETICS {
            let name = format!("{}, {precision}", case.name);
            if options.wants(&name) {
                is_right &= case.compare_updates(&name, arithmetic, options.emulated)?;
            }
        }
    }
    Ok(is_right)
}

fn report(name: &str, findings: &[Finding]) -> bool {
    let wrong: Vec<_> = findings.iter().filter(|finding| !finding.is_near()).collect();
    let sum = |of: fn(&Finding) -> usize| findings.iter().map(of).sum::<usize>();
    let largest = findings.iter().map(|finding| finding.distance.largest).fold(0.0, f64::max);
    println!(
        "| {name} | {} | {} | {} | {largest:.1e} | {} |",
        findings.len(),
        sum(|finding| finding.distance.compared),
        sum(|finding| finding.distance.differing),
        wrong.len(),
    );
    for finding in wrong.iter().take(SHOWN) {
        println!("  WRONG {finding}");
    }
    wrong.is_empty()
}

impl Case {
    fn texts(&self) -> Vec<Texts> {
        let numbered = self.lengths.iter().zip(0..);
        numbered
            .map(|(lengths, seed)| Texts::new(lengths, self.shape.vocabulary, 50 + seed))
            .collect()
    }

    fn replica<M: Machine>(
        &self,
        machine: M,
        arithmetic: Arithmetic,
    ) -> Result<Replica<M>, MachineError> {
        replica(machine, self.shape, arithmetic, largest(&self.texts()))
    }

    /// Each batch alone, the first once more in two passes, then what others ask of a replica.
    fn everything<M: Machine>(
        &self,
        machine: M,
        arithmetic: Arithmetic,
    ) -> Result<Replica<M>, MachineError> {
        let (texts, mut replica) = (self.texts(), self.replica(machine, arithmetic)?);
        for (update, texts) in texts.iter().enumerate() {
            replica.pass(&texts.batch(update))?;
            replica.update()?;
        }
        let (update, first) = (texts.len(), &texts[0]);
        let bucket = Bucket::of(first.size());
        let input = first.input(update, 2 * first.size().examples);
        for place in [true, false].map(|is_first| PassPlace { is_first, is_last: !is_first }) {
            replica.pass(&PassBatch { input, bucket, place })?;
        }
        replica.update()?;
        replica.settle(update as u32 + 1)?;
        replica.evaluate(&first.input(0, first.size().examples), bucket)?;
        Ok(replica)
    }

    /// Operation by operation, with the emulator's operands.
    fn compare(&self, arithmetic: Arithmetic, emulated: bool) -> Outcome<Vec<Finding>> {
        let (tells, follows) = Channel::default().split();
        let threads = thread::available_parallelism()?.get();
        let (told, found) = thread::scope(|scope| {
            let teller = scope.spawn(move || {
                let machine = tells.on(Emulator::with_threads(0, threads));
                self.everything(machine, arithmetic).map(|_| ())
            });
            let follower = scope.spawn(move || -> Result<Vec<Finding>, String> {
                if emulated {
                    let machine = follows.on(Emulator::with_threads(1, threads));
                    let mut replica = self.everything(machine, arithmetic).map_err(in_words)?;
                    return Ok(replica.machine().findings().to_vec());
                }
                let machine = follows.on(open(Graphs::Off).map_err(in_words)?);
                let mut replica = self.everything(machine, arithmetic).map_err(in_words)?;
                Ok(replica.machine().findings().to_vec())
            });
            (teller.join(), follower.join())
        });
        let found = found.map_err(|_| "the machine that follows has panicked")??;
        told.map_err(|_| "the machine that tells has panicked")??;
        Ok(found)
    }

    /// Some updates, and the gradients of the last, which follow from all of them.
    fn updates<M: Machine>(
        &self,
        machine: M,
        arithmetic: Arithmetic,
    ) -> Result<(Vec<UpdateResult>, Vec<u8>), MachineError> {
        let (texts, mut replica) = (self.texts(), self.replica(machine, arithmetic)?);
        let texts = &texts[0];
        for update in 0..UPDATES {
            replica.pass(&texts.batch(update))?;
            replica.update()?;
        }
        let mut bits = Vec::new();
        for region in replica.sums(0) {
            let mut bytes = vec![0; region.bytes];
            replica.machine().read(region, &mut bytes)?;
            bits.extend(bytes);
        }
        Ok((replica.results(0, UPDATES)?, bits))
    }

    /// Whole updates as graphs, and whether they give the same bits twice.
    fn compare_updates(&self, name: &str, arithmetic: Arithmetic, emulated: bool) -> Outcome<bool> {
        let threads = thread::available_parallelism()?.get();
        let (expected, _) = self.updates(Emulator::with_threads(0, threads), arithmetic)?;
        let run = || -> Outcome<_> {
            if emulated {
                Ok(self.updates(Emulator::with_threads(1, threads), arithmetic)?)
            } else {
                Ok(self.updates(open(Graphs::On)?, arithmetic)?)
            }
        };
        let (found, again) = (run()?, run()?);
        let apart = |of: fn(&UpdateResult) -> f64| {
            let pairs = found.0.iter().zip(&expected);
            let distances =
                pairs.map(|(found, expected)| ((of(found) - of(expected)) / of(expected)).abs());
            distances.fold(
                0.0,
                |largest: f64, one| if one.is_nan() { f64::NAN } else { largest.max(one) },
            )
        };
        let (loss, norm) = (apart(|result| result.loss), apart(|result| result.norm));
        let is_same = found.1 == again.1;
        println!("| {name} | {loss:.1e} | {norm:.1e} | {} |", if is_same { "yes" } else { "NO" });
        let tolerance = match arithmetic {
            Arithmetic::F32 => 1e-5,
            Arithmetic::Tf32 => 1e-3,
            Arithmetic::Bf16 => 2e-2,
        };
        Ok(loss <= tolerance && is_same)
    }
}

fn in_words(error: impl ToString) -> String {
    error.to_string()
}
