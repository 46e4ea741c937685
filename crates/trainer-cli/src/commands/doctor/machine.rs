//! The machine: cores, memory, shared memory, limits, and who gave them to us.

use std::num::NonZero;
use std::{fs, thread};

use lockstep_host::Environment;
use rustix::process::{Resource, getrlimit};

use super::finding::Finding;

/// Variables that tell how many ranks this machine has.
const LOCAL_RANKS: [&str; 4] =
    ["OMPI_COMM_WORLD_LOCAL_SIZE", "MPI_LOCALNRANKS", "SLURM_NTASKS_PER_NODE", "LOCAL_WORLD_SIZE"];
/// A variable that each scheduler sets in its jobs.
const SCHEDULERS: [(&str, &str); 4] = [
    ("SLURM_JOB_ID", "Slurm"),
    ("PBS_JOBID", "PBS"),
    ("LSB_JOBID", "LSF"),
    ("KUBERNETES_SERVICE_HOST", "Kubernetes"),
];
/// Shared memory a rank: what Open MPI and NCCL lay out for their messages, with room to spare.
const SHARED_BYTES: u64 = 64 << 20;
/// A training of DistilBERT-base: weights, gradients and moments, and the passes of a batch.
const MEMORY_BYTES: u64 = 3 << 30;

/// Everything about the machine.
pub(super) fn findings(environment: &Environment) -> Vec<Finding> {
    let ranks = local_ranks(environment);
    let allowed = thread::available_parallelism().map_or(1, NonZero::get) as u64;
    let mut found = vec![cores(allowed, machine_cores().unwrap_or(allowed), ranks)];
    found.extend(available_memory().map(|bytes| memory(bytes, ranks)));
    found.push(match rustix::fs::statvfs("/dev/shm") {
        Ok(at) => shared(at.f_blocks * at.f_frsize, at.f_bavail * at.f_frsize, ranks),
        Err(_) => Finding::warning("/dev/shm", "there is none", "mount a tmpfs there"),
    });
    found.push(locked(getrlimit(Resource::Memlock).current));
    found.push(scheduler(environment));
    found
}

fn local_ranks(environment: &Environment) -> u64 {
    let number = |name: &&str| environment.get(name)?.parse().ok().filter(|count| *count > 0);
    LOCAL_RANKS.iter().find_map(number).unwrap_or(1)
}

fn cores(allowed: u64, all: u64, ranks: u64) -> Finding {
    let facts = format!("{allowed} of the machine's {all}; {ranks} ranks here");
    if ranks > 1 && allowed == 1 && all > 1 {
        let remedy = "mpirun has bound each rank to one core: pass it --bind-to none";
        return Finding::warning("cores", facts, remedy);
    }
    if ranks > allowed {
        return Finding::warning("cores", facts, "start at most one rank a core");
    }
    Finding::ok("cores", format!("{facts}, {} for each", allowed / ranks))
}

fn memory(available: u64, ranks: u64) -> Finding {
    let facts = format!("{:.1} GiB available", gib(available));
    if available >= MEMORY_BYTES * ranks {
        return Finding::ok("memory", facts);
    }
    let remedy = "DistilBERT-base takes about 3 GiB a rank: start fewer, or take smaller batches";
    Finding::warning("memory", facts, remedy)
}

fn shared(size: u64, free: u64, ranks: u64) -> Finding {
    let facts = format!("{:.2} GiB, {:.2} GiB free", gib(size), gib(free));
    if free >= SHARED_BYTES * ranks.max(2) {
        return Finding::ok("/dev/shm", facts);
    }
    let remedy = "ranks talk through it: docker run --shm-size=1g, or an emptyDir of medium Memory";
    Finding::warning("/dev/shm", facts, remedy)
}

/// The limit matters to networks that register memory (InfiniBand); others do without.
fn locked(limit: Option<u64>) -> Finding {
    match limit {
        None => Finding::ok("memlock", "unlimited"),
        Some(bytes) => Finding::ok(
            "memlock",
            format!("{} KiB; InfiniBand wants `ulimit -l unlimited`", bytes >> 10),
        ),
    }
}

fn scheduler(environment: &Environment) -> Finding {
    let seen = SCHEDULERS.iter().filter_map(|(name, scheduler)| {
        environment.get(name).map(|value| format!("{scheduler} ({name}={value})"))
    });
    let seen: Vec<String> = seen.collect();
    let facts = if seen.is_empty() { "none".to_owned() } else { seen.join(", ") };
    Finding::ok("scheduler", facts)
}

fn machine_cores() -> Option<u64> {
    let text = fs::read_to_string("/proc/cpuinfo").ok()?;
    let count = text.lines().filter(|line| line.starts_with("processor")).count() as u64;
    (count > 0).then_some(count)
}

fn available_memory() -> Option<u64> {
    let text = fs::read_to_string("/proc/meminfo").ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    let kibibytes: u64 = line.trim().strip_suffix(" kB")?.parse().ok()?;
    Some(kibibytes << 10)
}

fn gib(bytes: u64) -> f64 {
    bytes as f64 / f64::from(1 << 30)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(finding: &Finding, expected: &str) {
        let told = finding.to_string();
        assert!(told.starts_with(expected), "{told}");
    }

    #[test]
    fn each_finding_has_a_threshold() {
        check(
            &cores(8, 8, 2),
            "ok       cores      8 of the machine's 8; 2 ranks here, 4 for each",
        );
        check(
            &cores(1, 8, 4),
            "warning  cores      1 of the machine's 8; 4 ranks here; mpirun has",
        );
        check(&cores(2, 8, 4), "warning  cores      2 of the machine's 8; 4 ranks here; start at");
        check(&memory(4 << 30, 1), "ok       memory     4.0 GiB available");
        check(&memory(4 << 30, 2), "warning  memory     4.0 GiB available; DistilBERT-base");
        check(&shared(1 << 30, 1 << 30, 2), "ok       /dev/shm   1.00 GiB, 1.00 GiB free");
        check(&shared(64 << 20, 64 << 20, 1), "warning  /dev/shm   0.06 GiB, 0.06 GiB free; ranks");
        check(&locked(None), "ok       memlock    unlimited");
        check(&locked(Some(8 << 20)), "ok       memlock    8192 KiB; ");
    }

    #[test]
    fn the_environment_tells_ranks_and_schedulers() {
        let environment = |variables: &[(&str, &str)]| -> Environment {
            variables.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect()
        };
        check(&scheduler(&environment(&[])), "ok       scheduler  none");
        let slurm = environment(&[("SLURM_JOB_ID", "7"), ("SLURM_NTASKS_PER_NODE", "4(x2)")]);
        check(&scheduler(&slurm), "ok       scheduler  Slurm (SLURM_JOB_ID=7)");
        assert_eq!(local_ranks(&slurm), 1);
        assert_eq!(local_ranks(&environment(&[("OMPI_COMM_WORLD_LOCAL_SIZE", "4")])), 4);
        assert!(findings(&environment(&[])).len() >= 4);
    }
}
