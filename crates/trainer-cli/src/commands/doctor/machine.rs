//! The machine: cores, memory, shared memory, limits, and the scheduler.

use std::fs;

use lockstep_host::Environment;
use lockstep_join::Cores;
use rustix::process::{Resource, getrlimit};

use super::finding::Finding;
use lockstep_world::counted;

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
pub(super) fn findings(environment: &Environment, of: &Cores) -> Vec<Finding> {
    let ranks = of.ranks as u64;
    let mut found = vec![cores(of)];
    found.extend(available_memory().map(|bytes| memory(bytes, ranks)));
    found.push(match rustix::fs::statvfs("/dev/shm") {
        Ok(at) => shared(at.f_blocks * at.f_frsize, at.f_bavail * at.f_frsize, ranks),
        Err(_) => Finding::warning("/dev/shm", "not mounted", "mount a tmpfs there"),
    });
    found.push(locked(getrlimit(Resource::Memlock).current));
    found.push(scheduler(environment));
    found
}

fn cores(of: &Cores) -> Finding {
    let usable = of.usable();
    let quota = of.granted.map(|granted| format!(" by a CPU quota of {granted:.1}"));
    let Cores { threads, of_machine, ranks, .. } = of;
    let (here, each) = (counted(ranks, "rank"), counted(threads, "thread"));
    let facts = format!(
        "{usable} of the machine's {of_machine}{}; {here} on this host",
        quota.as_deref().unwrap_or_default()
    );
    let is_bound = of.allowed == 1 && of_machine > ranks;
    match of.binding.remedy() {
        Some(remedy) if is_bound => Finding::warning("cores", facts, remedy),
        _ if of.is_crowded && of.granted.is_some() => {
            Finding::warning("cores", facts, "raise the quota, or start at most one rank per core")
        }
        _ if of.is_crowded => Finding::warning("cores", facts, "start at most one rank per core"),
        _ => Finding::ok("cores", format!("{facts}, {each} per rank")),
    }
}

fn memory(available: u64, ranks: u64) -> Finding {
    let facts = format!("{:.1} GiB available", gib(available));
    if available >= MEMORY_BYTES * ranks {
        return Finding::ok("memory", facts);
    }
    let remedy =
        "DistilBERT-base needs about 3 GiB per rank: start fewer ranks, or use smaller batches";
    Finding::warning("memory", facts, remedy)
}

fn shared(size: u64, free: u64, ranks: u64) -> Finding {
    let facts = format!("{:.2} GiB, {:.2} GiB free", gib(size), gib(free));
    if free >= SHARED_BYTES * ranks.max(2) {
        return Finding::ok("/dev/shm", facts);
    }
    let remedy = "ranks communicate through it: use docker run --shm-size=1g, or an emptyDir of medium Memory";
    Finding::warning("/dev/shm", facts, remedy)
}

/// The limit matters to networks that register memory (InfiniBand); others do without.
fn locked(limit: Option<u64>) -> Finding {
    match limit {
        None => Finding::ok("memlock", "unlimited"),
        Some(bytes) => Finding::ok(
            "memlock",
            format!("{} KiB; InfiniBand needs `ulimit -l unlimited`", bytes >> 10),
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
    use lockstep_join::Binding;

    fn check(finding: &Finding, expected: &str) {
        let told = finding.to_string();
        assert!(told.starts_with(expected), "{told}");
    }

    /// `ranks` on a machine of eight cores of which each may use `allowed`.
    fn of(allowed: usize, (ranks, threads): (usize, usize)) -> Cores {
        Cores {
            threads,
            is_crowded: false,
            allowed,
            of_machine: 8,
            granted: None,
            ranks,
            binding: Binding::Other,
        }
    }

    #[test]
    fn cores_are_told_as_the_trainer_shares_them() {
        let whole = of(8, (2, 4));
        check(
            &cores(&whole),
            "ok       cores      8 of the machine's 8; 2 ranks on this host, 4 threads per rank",
        );
        let own = of(4, (2, 4));
        check(
            &cores(&own),
            "ok       cores      4 of the machine's 8; 2 ranks on this host, 4 threads per rank",
        );
        let bound = of(1, (4, 1));
        check(
            &cores(&bound),
            "ok       cores      1 of the machine's 8; 4 ranks on this host, 1 thread",
        );
        let bound = Cores { binding: Binding::OpenMpi, ..bound };
        check(
            &cores(&bound),
            "warning  cores      1 of the machine's 8; 4 ranks on this host; start with mpirun --bind-to",
        );
        let bound = Cores { binding: Binding::Job, ..bound };
        check(
            &cores(&bound),
            "warning  cores      1 of the machine's 8; 4 ranks on this host; ask for more cores",
        );
        let crowded = Cores { is_crowded: true, ..of(2, (4, 1)) };
        check(
            &cores(&crowded),
            "warning  cores      2 of the machine's 8; 4 ranks on this host; start at most one",
        );
        let granted = Cores { granted: Some(2.5), ..of(8, (1, 2)) };
        check(
            &cores(&granted),
            "ok       cores      2 of the machine's 8 by a CPU quota of 2.5; 1 rank on this host, 2 threads",
        );
        let crowded = Cores { is_crowded: true, ..granted };
        check(
            &cores(&crowded),
            "warning  cores      2 of the machine's 8 by a CPU quota of 2.5; 1 rank on this host; raise",
        );
    }

    #[test]
    fn each_finding_has_a_threshold() {
        check(&memory(4 << 30, 1), "ok       memory     4.0 GiB available");
        check(&memory(4 << 30, 2), "warning  memory     4.0 GiB available; DistilBERT-base");
        check(&shared(1 << 30, 1 << 30, 2), "ok       /dev/shm   1.00 GiB, 1.00 GiB free");
        check(&shared(64 << 20, 64 << 20, 1), "warning  /dev/shm   0.06 GiB, 0.06 GiB free; ranks");
        check(&locked(None), "ok       memlock    unlimited");
        check(&locked(Some(8 << 20)), "ok       memlock    8192 KiB; ");
    }

    #[test]
    fn the_environment_tells_the_scheduler() {
        let environment = |variables: &[(&str, &str)]| -> Environment {
            variables.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect()
        };
        check(&scheduler(&environment(&[])), "ok       scheduler  none");
        let slurm = environment(&[("SLURM_JOB_ID", "7"), ("SLURM_NTASKS_PER_NODE", "4(x2)")]);
        check(&scheduler(&slurm), "ok       scheduler  Slurm (SLURM_JOB_ID=7)");
        assert!(findings(&environment(&[]), &of(8, (1, 8))).len() >= 4);
    }
}
