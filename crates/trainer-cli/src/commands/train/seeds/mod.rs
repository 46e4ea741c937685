//! A series: one training per seed, one after the other, and what they have in common at the end.
//!
//! Each training is that of a single run with `--seed`, in a folder of the series' output directory. A
//! series that resumes runs no seed again that is finished. The leader looks at the folders and tells
//! the others what it found.

mod earlier;
mod outcome;
mod product;
mod words;

use lockstep_collective::Collective;
use lockstep_host::{ExitCode, LogFormat};
use lockstep_settings::{Existing, RunPlan, seed_folder};

use super::training::{Lent, Trained};
use super::{Group, Run};
use crate::failure::Failure;
use crate::observers::{Fact, RankLog, Teller, Verbosity};
use crate::output_dir;
use crate::replaced::Replaced;
use earlier::Earlier;
use outcome::Outcome;

/// The trainings of a series.
pub(super) struct Series<'r, 'a> {
    /// The run whose plan has the seeds; its directory is that of the series.
    pub(super) run: &'r Run<'a>,
    pub(super) seeds: Vec<u64>,
}

impl Series<'_, '_> {
    /// Trains all seeds that are not finished, then writes what came of all of them.
    pub(super) fn train(
        &self,
        mut lent: Lent,
        group: &Group,
        teller: &mut Teller<'_>,
    ) -> Result<(ExitCode, Box<dyn Collective>), Failure> {
        self.prepare()?;
        for (index, &seed) in self.seeds.iter().enumerate() {
            let earlier = self.earlier(seed, &mut *lent.collective)?;
            teller.tell(&self.heading(index, earlier));
            if let Some(existing) = earlier.existing() {
                let plan = self.plan_of(seed, existing);
                let trained = self.train_one(&plan, lent, group, teller);
                let trained = trained.inspect_err(|_| self.warn_of_failure(seed))?;
                lent = trained.lent;
                if trained.code == ExitCode::Stopped {
                    return Ok((ExitCode::Stopped, lent.collective));
                }
            }
            self.note_finished(index)?;
            if index + 1 < self.seeds.len() && self.is_stopped(&mut *lent.collective)? {
                teller.tell(&words::of_stop(self.seeds[index + 1]));
                return Ok((ExitCode::Stopped, lent.collective));
            }
        }
        if self.run.seat.is_leader() {
            let outcome = Outcome::read(self.run.plan, &self.seeds)?;
            self.publish(&outcome, &lent.data.corpora)?;
            teller.tell(&words::of_outcome(&outcome, &self.run.plan.run.directory));
        }
        Ok((ExitCode::Done, lent.collective))
    }

    /// Prepares the series' directory, on the leader only.
    fn prepare(&self) -> Result<(), Failure> {
        let Run { plan, seat, .. } = self.run;
        if !seat.is_leader() {
            return Ok(());
        }
        output_dir::prepare(&plan.run)?;
        self.run.record_again()
    }

    /// Trains the seed of a plan.
    fn train_one(
        &self,
        plan: &RunPlan,
        lent: Lent,
        group: &Group,
        teller: &mut Teller<'_>,
    ) -> Result<Trained, Failure> {
        let left = self.left(plan.train.seed.0);
        let run = Run { plan, left, replacing_run: None, ..self.run.clone() };
        self.run.board.enter(lockstep_collective::Phase::Starting, 0);
        // Held until the end of this training.
        let _lock = run.seat.is_leader().then(|| output_dir::claim(&plan.run)).transpose()?;
        let lent = match plan.data.held_out {
            // Which examples are held out follows from the seed.
            Some(_) => {
                let (format, log) = (LogFormat::Text, RankLog::default());
                let mut silent = Teller::new(None, format, Verbosity::Quiet, log);
                Lent { data: run.read(&mut silent)?, ..lent }
            }
            None => lent,
        };
        run.train(lent, group, teller)
    }

    /// The seeds from this one on.
    fn left(&self, seed: u64) -> u64 {
        self.seeds.iter().skip_while(|other| **other != seed).count() as u64
    }

    fn warn_of_failure(&self, seed: u64) {
        if self.run.seat.is_leader() {
            tracing::warn!("{}", words::of_failed(seed, &self.seeds));
        }
    }

    fn plan_of(&self, seed: u64, existing: Existing) -> RunPlan {
        self.run.plan.of_seed(seed, existing)
    }

    /// What there is of a seed, on all ranks.
    fn earlier(&self, seed: u64, collective: &mut dyn Collective) -> Result<Earlier, Failure> {
        let found = match self.run.seat.is_leader() {
            true => Earlier::find(&self.plan_of(seed, Existing::Refuse))?,
            false => Earlier::Nothing,
        };
        let words = collective.all_gather(&[found.word()])?;
        Ok(Earlier::of_word(words.first().copied().unwrap_or_default()))
    }

    /// Notes that the seeds up to this one are finished, and removes a series that this one replaces.
    fn note_finished(&self, index: usize) -> Result<(), Failure> {
        if !self.run.seat.is_leader() {
            return Ok(());
        }
        let plan = self.run.plan;
        earlier::check_same(plan, &self.seeds[..=index])?;
        Outcome::read(plan, &self.seeds[..=index])?.write(&plan.run.directory, self.seeds.len())?;
        Replaced::of(&plan.run.directory).remove();
        Ok(())
    }

    /// Whether some rank was asked to stop between two trainings; all get the same answer.
    fn is_stopped(&self, collective: &mut dyn Collective) -> Result<bool, Failure> {
        let mine = self.run.stops.is_asked();
        Ok(collective.all_gather(&[u64::from(mine)])?.into_iter().any(|theirs| theirs != 0))
    }

    /// The line above the training of a seed.
    fn heading(&self, index: usize, earlier: Earlier) -> Fact {
        let (seed, count) = (self.seeds[index], self.seeds.len());
        let directory = self.run.plan.run.directory.join(seed_folder(seed));
        words::of_seed(seed, index + 1, count, &directory, earlier)
    }
}
