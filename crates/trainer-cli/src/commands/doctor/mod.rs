//! `trainer doctor`: looks at everything a training needs, and says what to do about each thing.

mod bandwidth;
mod finding;
pub(super) mod flight;
mod libraries;
mod machine;

use std::collections::BTreeMap;
use std::io::Write;
use std::time::Duration;

use lockstep_collective::Timeouts;
use lockstep_flags::{Command, CommandLine, Entries, Words};
use lockstep_gpu::IS_BUILT_IN;
use lockstep_host::gpus::{self, Driver, DriverError};
use lockstep_host::mpirun::{self, Flavour, Mpirun};
use lockstep_host::{DeviceChoice, Environment, ExitCode, Process, Sharing, Wish};
use lockstep_join::{FlightLog, JoinOptions, ProcessGroup, Starter};
use lockstep_settings::keys;

use crate::failure::Failure;
use finding::{Finding, Verdict};
use libraries::Libraries;

static ENTRIES: &Entries = &[&keys::DEVICE];

/// The command.
pub(super) static COMMAND: Command = Command {
    name: "doctor",
    about: "Check what this machine has and lacks for a training",
    usage: "trainer doctor [--device cuda] | trainer doctor flight DIR [--json]",
    entries: || ENTRIES,
    words: Words::None("doctor takes flags only"),
    after: || {
        "It exits with 0 where training is possible, and with 4 where it is not on the device\n\
         that --device names.\n\n\
         `trainer doctor flight DIR` compares the flight records of a run's ranks."
            .to_owned()
    },
};

/// How long a rank may be silent before it counts as lost.
const PATIENCE: Duration = Duration::from_secs(10);

/// How long a rank may let others wait.
const TIMEOUTS: Timeouts = Timeouts {
    startup: Some(Duration::from_secs(600)),
    collective: Some(Duration::from_secs(60)),
    saving: None,
};

/// Runs the command. Its exit code is 0 where training is possible on the device that is asked for.
///
/// # Errors
/// A faulty command line.
pub(crate) fn run(
    process: &Process,
    line: CommandLine,
    out: &mut dyn Write,
) -> Result<ExitCode, Failure> {
    let config = COMMAND.read(line, &[])?;
    let device = config.get(&keys::DEVICE)?;
    let wish = Wish { device: DeviceChoice::Cpu, sharing: Sharing::Refused };
    let starter = Starter::of(&process.environment)?;
    let flight = FlightLog::new(starter.seat(), None);
    let options = JoinOptions {
        environment: &process.environment,
        patience: PATIENCE,
        timeouts: TIMEOUTS,
        facts: &BTreeMap::new(),
        flight: &flight,
    };
    let Some(world) = ProcessGroup::join(&starter, wish, &options)? else {
        return Ok(ExitCode::Done);
    };
    let ProcessGroup { mut collective, ledger, watch, cores, .. } = world;
    let on_gpus = of_gpus(&process.environment);
    let is_possible =
        device != DeviceChoice::Cuda || on_gpus.iter().all(|each| each.verdict != Verdict::Missing);
    let mut findings = on_gpus;
    findings.push(Libraries::of(&process.environment).nccl());
    findings.push(of_mpi(mpirun::find(&process.environment).as_ref(), cfg!(feature = "mpi")));
    findings.extend(machine::findings(&process.environment, &cores));
    findings.push(bandwidth::finding(&mut *collective, &ledger));
    if collective.seat().is_leader() {
        let lines: String = findings.iter().map(|finding| format!("{finding}\n")).collect();
        super::tell(out, &format!("{lines}{}", conclusion(is_possible)))?;
    }
    collective.leave()?;
    watch.leave();
    Ok(if is_possible { ExitCode::Done } else { ExitCode::Device })
}

/// Everything that `--device cuda` cannot do without.
fn of_gpus(environment: &Environment) -> Vec<Finding> {
    let driver = gpus::driver();
    let seen = gpus::visible(environment).unwrap_or_default().len();
    let build = if IS_BUILT_IN {
        Finding::ok("build", "has CUDA")
    } else {
        Finding::missing(
            "build",
            "has no CUDA",
            "launch/cuda.sh builds programs with CUDA; this one trains on CPUs",
        )
    };
    vec![build, of_driver(&driver), of_visible(seen), Libraries::of(environment).cuda()]
}

fn of_driver(driver: &Result<Option<Driver>, DriverError>) -> Finding {
    match driver {
        Ok(Some(driver)) => {
            let (major, minor) = (driver.cuda / 1000, driver.cuda % 1000 / 10);
            let gpus = driver.gpus.iter().map(|gpu| {
                format!(", {} {} ({} GiB)", gpu.index, gpu.name, gpu.memory_bytes >> 30)
            });
            let gpus: String = gpus.collect();
            Finding::ok("driver", format!("{}, CUDA {major}.{minor}{gpus}", driver.version))
        }
        Ok(None) => Finding::missing(
            "driver",
            "no libnvidia-ml.so.1",
            "install NVIDIA's driver, or give the container its GPUs (docker run --gpus all)",
        ),
        Err(error) => Finding::missing("driver", error.to_string(), ""),
    }
}

fn of_visible(gpus: usize) -> Finding {
    match gpus {
        0 => Finding::missing("GPUs", "none visible", "see CUDA_VISIBLE_DEVICES"),
        gpus => Finding::ok("GPUs", format!("{gpus} visible")),
    }
}

fn of_mpi(mpirun: Option<&Mpirun>, is_built_in: bool) -> Finding {
    let build = if is_built_in { "built in" } else { "not in this build" };
    match mpirun {
        Some(mpirun) if !is_built_in => Finding::warning(
            "MPI",
            format!("{build}; {} at {}", mpirun.version, mpirun.path.display()),
            "ranks started by mpirun cannot find each other: build with the default features",
        ),
        Some(mpirun) => {
            let facts = format!("{build}; {} at {}", mpirun.version, mpirun.path.display());
            match mpirun.flavour {
                Flavour::OpenMpi => Finding::ok("MPI", facts),
                Flavour::Other => Finding::warning(
                    "MPI",
                    facts,
                    "check that mpirun belongs to the MPI that this program was built with",
                ),
            }
        }
        None => Finding::warning(
            "MPI",
            format!("{build}; mpirun is not on the PATH"),
            "install it to start ranks on several machines (Debian: openmpi-bin); the launcher starts \
             ranks on one machine without it",
        ),
    }
}

fn conclusion(is_possible: bool) -> &'static str {
    if is_possible {
        "training is possible\n"
    } else {
        "training on GPUs is not possible; install what is missing, or pass --device cpu\n"
    }
}

#[cfg(test)]
mod tests {
    use lockstep_host::gpus::Gpu;

    use super::*;

    fn check(finding: &Finding, expected: &str) {
        let told = finding.to_string();
        assert!(told.starts_with(expected), "{told}");
    }

    #[test]
    fn each_finding_says_what_to_do() {
        let gpu = Gpu {
            index: 0,
            uuid: "GPU-1".to_owned(),
            name: "NVIDIA H200".to_owned(),
            memory_bytes: 139 << 30,
        };
        let driver = Driver { version: "580.95".to_owned(), cuda: 13010, gpus: vec![gpu] };
        check(
            &of_driver(&Ok(Some(driver))),
            "ok       driver     580.95, CUDA 13.1, 0 NVIDIA H200 (139 GiB)",
        );
        check(&of_driver(&Ok(None)), "missing  driver     no libnvidia-ml.so.1; install NVIDIA's");
        check(&of_visible(0), "missing  GPUs       none visible; see CUDA_VISIBLE_DEVICES");
        check(&of_visible(2), "ok       GPUs       2 visible");
        let mpirun = |flavour| Mpirun {
            path: "/usr/bin/mpirun".into(),
            flavour,
            version: "Open MPI 4.1.4".to_owned(),
        };
        let open = mpirun(Flavour::OpenMpi);
        check(
            &of_mpi(Some(&open), true),
            "ok       MPI        built in; Open MPI 4.1.4 at /usr/bin",
        );
        check(&of_mpi(Some(&open), false), "warning  MPI        not in this build; Open MPI");
        check(&of_mpi(Some(&mpirun(Flavour::Other)), true), "warning  MPI        built in; ");
        check(
            &of_mpi(None, true),
            "warning  MPI        built in; mpirun is not on the PATH; install it",
        );
    }

    #[test]
    fn without_gpus_cpus_can_still_train() {
        let check = |words: &[&str], expected: (ExitCode, &str)| {
            let arguments: Vec<String> = words.iter().map(|&word| word.to_owned()).collect();
            let hidden = ("CUDA_VISIBLE_DEVICES".to_owned(), String::new());
            let environment = [hidden].into_iter().collect();
            let process = Process { arguments: Vec::new(), environment };
            let mut out = Vec::new();
            let code = run(&process, COMMAND.parse(&arguments), &mut out).unwrap();
            let told = String::from_utf8(out).unwrap();
            assert!(code == expected.0 && told.contains(expected.1), "{words:?}: {told}");
        };
        check(&[], (ExitCode::Done, "\ntraining is possible\n"));
        check(&["--device", "cpu"], (ExitCode::Done, "\ntraining is possible\n"));
        check(&["--device", "cuda"], (ExitCode::Device, "\ntraining on GPUs is not possible; "));
    }
}
