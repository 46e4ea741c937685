//! Which rank runs on which machine, on which of its cores.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use lockstep_collective::{Collective, CollectiveError, gather_bytes};
use lockstep_host::gpus::Gpu;
use lockstep_host::{Environment, Equipment, host_name, hosts};
use lockstep_world::Seat;
use rustix::thread::{CpuSet, sched_getaffinity};
use serde::{Deserialize, Serialize};

use super::binding::Binding;
use super::quota::{Quota, quotas};

/// What every rank knows of all ranks.
pub(super) struct Roster(Vec<RankInfo>);

/// Where one rank runs.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct RankInfo {
    /// The machine and its GPUs.
    pub(super) equipment: Equipment,
    /// The numbers of the cores it may use.
    pub(super) cores: Vec<usize>,
    /// How many cores there are.
    pub(super) cores_of_machine: usize,
    /// Who keeps it to those cores.
    pub(super) binding: Binding,
    /// What containers grant it, the narrowest first.
    pub(super) quotas: Vec<Quota>,
}

impl RankInfo {
    /// Where this process runs.
    fn here(gpus: Vec<Gpu>, environment: &Environment) -> Self {
        let line = |path: &str| fs::read_to_string(path).unwrap_or_default().trim().to_owned();
        let allowed = sched_getaffinity(None).unwrap_or_default();
        let machine = line("/proc/sys/kernel/random/boot_id");
        let cores: Vec<usize> = (0..CpuSet::MAX_CPU).filter(|core| allowed.is_set(*core)).collect();
        Self {
            equipment: Equipment { host: host_name(), machine, gpus },
            cores_of_machine: line("/proc/cpuinfo").matches("processor\t").count(),
            binding: Binding::here(environment, cores.len()),
            quotas: quotas(Path::new("/")),
            cores,
        }
    }
}

/// No rank describes its place in more bytes: a thousand cores and all GPUs take a tenth of it.
const MOST_BYTES: usize = 1 << 20;

impl Roster {
    /// Tells all ranks where all ranks are.
    pub(super) fn gather(
        collective: &mut dyn Collective,
        gpus: Vec<Gpu>,
        environment: &Environment,
    ) -> Result<Self, CollectiveError> {
        let here = serde_json::to_vec(&RankInfo::here(gpus, environment)).unwrap_or_default();
        let all = gather_bytes(collective, &here, MOST_BYTES)?;
        Ok(Self(
            all.iter().map(|bytes| serde_json::from_slice(bytes).unwrap_or_default()).collect(),
        ))
    }

    #[cfg(test)]
    pub(super) fn of(places: Vec<RankInfo>) -> Self {
        Self(places)
    }

    /// The ranks on the machine of this one, itself included.
    pub(super) fn neighbours(&self, seat: Seat) -> impl Iterator<Item = &RankInfo> {
        let machine =
            self.place(seat).map(|place| place.equipment.machine.clone()).unwrap_or_default();
        self.0.iter().filter(move |place| place.equipment.machine == machine)
    }

    pub(super) fn place(&self, seat: Seat) -> Option<&RankInfo> {
        self.0.get(seat.rank().0)
    }

    /// What each rank sees where it runs.
    pub(super) fn equipment(&self) -> Vec<Equipment> {
        self.0.iter().map(|place| place.equipment.clone()).collect()
    }

    /// A GPU that the rank at `seat` sees.
    pub(super) fn gpu(&self, seat: Seat, ordinal: usize) -> Option<&Gpu> {
        self.place(seat).and_then(|place| place.equipment.gpus.get(ordinal))
    }

    /// The rank at `seat` without the others.
    pub(super) fn alone(self, seat: Seat) -> Self {
        Self(self.0.into_iter().skip(seat.rank().0).take(1).collect())
    }

    /// The machines' names, each once, in the order of their first ranks.
    pub(super) fn hosts(&self) -> Vec<String> {
        hosts(self.0.iter().map(|place| &place.equipment))
    }

    /// A warning when the ranks of a machine were bound to a few of its cores, as Open MPI does
    /// with one or two ranks, and something can be done about it.
    pub(super) fn binding_warning(&self) -> Option<String> {
        let mut used: BTreeMap<&str, (Vec<usize>, &RankInfo)> = BTreeMap::new();
        for place in &self.0 {
            let (cores, _) = used.entry(&place.equipment.machine).or_insert((Vec::new(), place));
            cores.extend(&place.cores);
        }
        used.into_values().find_map(|(mut cores, place)| {
            cores.sort_unstable();
            cores.dedup();
            let is_bound = self.0.iter().all(|place| place.cores.len() == 1);
            let remedy = place.binding.remedy()?;
            (is_bound && cores.len() < place.cores_of_machine).then(|| {
                format!(
                    "each rank on {} is bound to one core, and {} of {} cores are idle; \
                     {remedy}",
                    place.equipment.host,
                    place.cores_of_machine - cores.len(),
                    place.cores_of_machine
                )
            })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn warning(binding: Binding, cores: &[&[usize]]) -> Option<String> {
        let place = |cores: &&[usize]| RankInfo {
            equipment: Equipment { host: "a".to_owned(), ..Equipment::default() },
            cores: cores.to_vec(),
            cores_of_machine: 8,
            binding,
            quotas: Vec::new(),
        };
        Roster::of(cores.iter().map(place).collect()).binding_warning()
    }

    #[test]
    fn idle_cores_are_a_warning_where_something_can_be_done() {
        let check = |binding, cores: &[&[usize]], expected: Option<&str>| {
            let found = warning(binding, cores);
            assert_eq!(found.is_some(), expected.is_some(), "{binding:?}: {found:?}");
            let text = found.unwrap_or_default();
            assert!(text.contains(expected.unwrap_or_default()), "{binding:?}: {text}");
        };
        let remedy = "6 of 8 cores are idle; start with mpirun --bind-to none";
        check(Binding::OpenMpi, &[&[0], &[1]], Some(remedy));
        check(Binding::Job, &[&[3]], Some("7 of 8 cores are idle; ask for more cores"));
        check(Binding::Other, &[&[0], &[1]], None);
        check(Binding::OpenMpi, &[&[0, 1], &[2]], None);
        check(Binding::OpenMpi, &[&[0], &[1], &[2], &[3], &[4], &[5], &[6], &[7]], None);
    }
}
