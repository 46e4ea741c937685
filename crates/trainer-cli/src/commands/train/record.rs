//! `run.toml`, the record of a run in its directory.

use lockstep_settings::{Record, run_toml};

use super::Run;
use crate::failure::Failure;
use crate::{output_dir, write_file};

impl Run<'_> {
    /// Writes `run.toml`: before all else in a new run, since the directory is known as ours by it; in
    /// one that resumes, once its checkpoint was found to fit.
    pub(super) fn record(&self) -> Result<(), Failure> {
        let record = Record {
            version: env!("CARGO_PKG_VERSION"),
            world: self.seat.world().get(),
            hosts: self.hosts.clone(),
            device: self.place.name.clone(),
            replacing_run: self.replacing_run.map(str::to_owned),
        };
        write_file(&self.plan.run.directory.join(output_dir::RECORD), &run_toml(self.plan, &record))
    }

    /// Writes `run.toml` in a run that resumes, which can do with the earlier one.
    pub(super) fn record_again(&self) -> Result<(), Failure> {
        match self.record() {
            Err(failure) if output_dir::is_ours(&self.plan.run.directory) => {
                tracing::warn!("the record of this run stays as it was: {failure}");
                Ok(())
            }
            recorded => recorded,
        }
    }
}
