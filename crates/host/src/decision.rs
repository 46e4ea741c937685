//! The device of each rank, from the GPUs that all ranks see: a pure function, so that all ranks
//! decide the same.

use std::collections::BTreeMap;

use lockstep_world::{Rank, Seat};
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::gpus::Gpu;
use crate::{DeviceChoice, Sharing, Wish};

/// What a rank sees where it runs.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Equipment {
    /// The machine's name.
    pub host: String,
    /// The same for all processes of one running kernel, also in containers.
    pub machine: String,
    /// The GPUs, in CUDA's order.
    pub gpus: Vec<Gpu>,
}

/// What a rank does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Computes {
    /// It trains on the CPU, together with all others.
    OnCpu,
    /// It trains on the CPU, without the other ranks.
    Alone,
    /// Another one trains alone.
    Nothing,
    /// It trains on this one of the GPUs it sees, together with all others.
    OnGpu(usize),
}

/// What the ranks' machines cannot give; all ranks find the same.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum DecisionError {
    /// Some ranks see a GPU, and others do not.
    #[error(
        "{} no GPU, but {} one or more, and a run does not mix CPUs and GPUs\n  \
         hint: start no rank on the hosts without a GPU, or run `trainer doctor` there to see why they \
         have none, or pass --device cpu",
        have(without),
        have(with)
    )]
    Mixed {
        /// The machines of the former.
        without: Vec<String>,
        /// The machines of the latter.
        with: Vec<String>,
    },
    /// A GPU was asked for.
    #[error(
        "--device cuda needs a GPU, and {} none\n  \
         hint: check `nvidia-smi`, CUDA_VISIBLE_DEVICES and the GPUs that the job asked for, or pass \
         --device cpu",
        have(hosts)
    )]
    None {
        /// The machines without.
        hosts: Vec<String>,
    },
    /// Several ranks would compute on one GPU.
    #[error(
        "ranks {} on {host} would share the GPU {gpu}\n  \
         hint: start one rank for each GPU there ({gpus}), or pass --allow-gpu-sharing, which is slow",
        numbers(ranks)
    )]
    Shared {
        /// The ranks.
        ranks: Vec<usize>,
        /// Their machine.
        host: String,
        /// The GPU's name and UUID.
        gpu: String,
        /// How many GPUs the first of them sees.
        gpus: usize,
    },
}

fn have(hosts: &[String]) -> String {
    let verb = if hosts.len() == 1 { "has" } else { "have" };
    format!("{} {verb}", hosts.join(", "))
}

fn numbers(ranks: &[usize]) -> String {
    ranks.iter().map(ToString::to_string).collect::<Vec<_>>().join(" and ")
}

/// What the rank at `seat` does, where `all` ranks see this.
///
/// # Errors
/// [`DecisionError`], the same one on all ranks.
pub fn decide(wish: Wish, all: &[Equipment], seat: Seat) -> Result<Computes, DecisionError> {
    if wish.device == DeviceChoice::Cpu {
        return Ok(Computes::OnCpu);
    }
    let (with, without): (Vec<&Equipment>, _) = all.iter().partition(|rank| !rank.gpus.is_empty());
    let (with, without) = (hosts(with), hosts(without));
    match (with.is_empty(), wish.device) {
        (true, DeviceChoice::Cuda) => Err(DecisionError::None { hosts: without }),
        (true, _) if seat.is_leader() => Ok(Computes::Alone),
        (true, _) => Ok(Computes::Nothing),
        (false, _) if !without.is_empty() => Err(DecisionError::Mixed { without, with }),
        (false, _) => {
            let chosen: Vec<usize> = (0..all.len()).map(|rank| ordinal(all, Rank(rank))).collect();
            if wish.sharing == Sharing::Refused {
                check_sharing(all, &chosen)?;
            }
            Ok(Computes::OnGpu(chosen[seat.rank().0]))
        }
    }
}

/// The machines' names, each once, in the order of their first ranks.
#[must_use]
pub fn hosts<'a>(ranks: impl IntoIterator<Item = &'a Equipment>) -> Vec<String> {
    let mut seen = Vec::new();
    for Equipment { host, .. } in ranks {
        if !seen.contains(host) {
            seen.push(host.clone());
        }
    }
    seen
}

/// The GPU of a rank: that of its place among the ranks of its machine. Some starters show all GPUs to
/// all ranks, and some show each rank its own only.
fn ordinal(all: &[Equipment], rank: Rank) -> usize {
    let own = &all[rank.0];
    let before = all[..rank.0].iter().filter(|other| other.machine == own.machine).count();
    before % own.gpus.len()
}

fn check_sharing(all: &[Equipment], chosen: &[usize]) -> Result<(), DecisionError> {
    let mut users: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for (rank, (own, &ordinal)) in all.iter().zip(chosen).enumerate() {
        users.entry(&own.gpus[ordinal].uuid).or_default().push(rank);
    }
    // The one that the lowest rank is on.
    let mut shared: Vec<Vec<usize>> = users.into_values().filter(|ranks| ranks.len() > 1).collect();
    shared.sort_unstable();
    let Some(ranks) = shared.into_iter().next() else { return Ok(()) };
    let first = ranks[0];
    let Gpu { name, uuid, .. } = &all[first].gpus[chosen[first]];
    Err(DecisionError::Shared {
        host: all[first].host.clone(),
        gpu: format!("{name} ({uuid})"),
        gpus: all[first].gpus.len(),
        ranks,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use lockstep_world::WorldSize;

    /// A rank on a host that sees GPUs with these numbers.
    fn rank(host: &str, gpus: &[u32]) -> Equipment {
        let gpu = |&index: &u32| Gpu {
            index,
            uuid: format!("GPU-{host}{index}"),
            name: "H200".to_owned(),
            memory_bytes: 1 << 30,
        };
        let gpus = gpus.iter().map(gpu).collect();
        Equipment { host: host.to_owned(), machine: format!("kernel of {host}"), gpus }
    }

    fn decided(
        (device, sharing): (DeviceChoice, Sharing),
        all: &[Equipment],
    ) -> Vec<Result<Computes, String>> {
        let world = WorldSize::new(all.len()).unwrap();
        let seats = (0..all.len()).map(|rank| Seat::new(Rank(rank), world).unwrap());
        let wish = Wish { device, sharing };
        seats.map(|seat| decide(wish, all, seat).map_err(|error| error.to_string())).collect()
    }

    #[test]
    fn without_a_gpu_one_process_trains_unless_several_were_asked_for() {
        let two = [rank("a", &[]), rank("b", &[])];
        let check = |device, expected: [Computes; 2]| {
            let found = decided((device, Sharing::Refused), &two);
            assert_eq!(found, expected.map(Ok), "{device:?}");
        };
        check(DeviceChoice::Auto, [Computes::Alone, Computes::Nothing]);
        check(DeviceChoice::Cpu, [Computes::OnCpu, Computes::OnCpu]);
    }

    #[test]
    fn each_rank_has_a_gpu_of_its_own() {
        let check = |all: &[Equipment], expected: &[usize]| {
            for device in [DeviceChoice::Auto, DeviceChoice::Cuda] {
                let found = decided((device, Sharing::Refused), all);
                let expected: Vec<_> =
                    expected.iter().map(|&ordinal| Ok(Computes::OnGpu(ordinal))).collect();
                assert_eq!(found, expected);
            }
        };
        check(&[rank("a", &[0])], &[0]);
        check(&[rank("a", &[0, 1]), rank("a", &[0, 1]), rank("b", &[0])], &[0, 1, 0]);
        check(&[rank("a", &[2, 0]), rank("b", &[0]), rank("a", &[2, 0])], &[0, 0, 1]);
        // Slurm with --gpus-per-task=1.
        check(&[rank("a", &[0]), rank("a", &[1])], &[0, 0]);
    }

    #[test]
    fn what_cannot_be_is_refused_by_all_ranks() {
        let check = |device, all: &[Equipment], expected: &str| {
            for found in decided((device, Sharing::Refused), all) {
                let message = found.unwrap_err();
                assert!(message.contains(expected), "{message}");
            }
        };
        let (auto, cuda) = (DeviceChoice::Auto, DeviceChoice::Cuda);
        check(cuda, &[rank("a", &[]), rank("b", &[])], "needs a GPU, and a, b have none");
        let mixed = [rank("a", &[0]), rank("b", &[]), rank("c", &[0])];
        check(auto, &mixed, "b has no GPU, but a, c have one or more");
        let three = [rank("b", &[0]), rank("a", &[0]), rank("a", &[0])];
        check(auto, &three, "ranks 1 and 2 on a would share the GPU H200 (GPU-a0)");
        check(cuda, &three, "--allow-gpu-sharing");
    }

    #[test]
    fn sharing_can_be_allowed() {
        let all = [rank("a", &[0, 1]), rank("a", &[0, 1]), rank("a", &[0, 1])];
        let found = decided((DeviceChoice::Cuda, Sharing::Allowed), &all);
        assert_eq!(found, [0, 1, 0].map(|ordinal| Ok(Computes::OnGpu(ordinal))));
    }
}
