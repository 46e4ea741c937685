//! The plan of each training of a series.

use lockstep_data::Order;
use lockstep_flags::Entry;
use lockstep_world::Seed;

use super::keys;
use super::plan::{Existing, RunPlan};
use super::seeds::seed_folder;

impl RunPlan {
    /// The seeds, where this is the plan of a series.
    #[must_use]
    pub fn seeds(&self) -> Option<Vec<u64>> {
        Some(self.find(&keys::SEEDS)?.from(self.train.seed.0))
    }

    /// The plan of the training with one of the seeds of this series: that of a single run with
    /// `--seed`, in a folder of the series' output directory.
    #[must_use]
    pub fn of_seed(&self, seed: u64, existing: Existing) -> Self {
        let mut plan = self.clone();
        plan.train.seed = Seed(seed);
        if let Order::Shuffled(of_order) = &mut plan.data.order {
            *of_order = Seed(seed);
        }
        if let Some(held_out) = &mut plan.data.held_out {
            held_out.seed = Seed(seed);
        }
        plan.run.directory = plan.run.directory.join(seed_folder(seed));
        plan.run.existing = existing;
        let directory = plan.run.directory.display().to_string();
        plan.settle(keys::SEED.name(), &seed.to_string());
        plan.settle(keys::OUTPUT_DIR.name(), &directory);
        plan.settled.retain(|settled| settled.name != keys::SEEDS.name());
        plan
    }

    fn settle(&mut self, name: &str, text: &str) {
        for settled in self.settled.iter_mut().filter(|settled| settled.name == name) {
            text.clone_into(&mut settled.text);
        }
    }
}
