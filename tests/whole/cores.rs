//! How many cores a rank is given: by a container's quota, by Open MPI, by the user.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::thread::available_parallelism;

use lockstep_testkit::skip;

use crate::program::{Starter, Workplace, has_mpi, tiny_run};

const SHORT: [&str; 7] =
    ["--device", "cpu", "--max-steps", "2", "--save-strategy", "no", "--overwrite-output-dir"];

/// A group of processes of one machine, removed at the end.
struct Group(PathBuf);

impl Group {
    /// Nothing where this machine does not let us make one with a quota of one core.
    fn of_one_core() -> Option<Self> {
        let name = format!("lockstep-test-{}", std::process::id());
        let quotas = [
            ("/sys/fs/cgroup/cpu", "cpu.cfs_quota_us", "100000"),
            ("/sys/fs/cgroup", "cpu.max", "100000 100000"),
        ];
        let made = quotas.into_iter().find_map(|(place, file, quota)| {
            let folder = Path::new(place).join(&name);
            fs::create_dir(&folder).ok()?;
            let group = Self(folder);
            // Nothing is made here: a folder that is no group has no such file.
            let mut file = fs::OpenOptions::new().write(true).open(group.0.join(file)).ok()?;
            std::io::Write::write_all(&mut file, quota.as_bytes()).ok()?;
            Some(group)
        });
        if made.is_none() || cores() < 2 {
            skip("no group of processes can be made, or there is one core");
        }
        made.filter(|_| cores() >= 2)
    }

    fn run(&self, command: &Command) -> Output {
        let mut shell = Command::new("/bin/sh");
        let line = format!("echo $$ > {}/cgroup.procs && exec \"$@\"", self.0.display());
        shell.args(["-c", &line, "sh"]).arg(command.get_program()).args(command.get_args());
        shell.current_dir(command.get_current_dir().unwrap());
        shell.env("OMPI_ALLOW_RUN_AS_ROOT", "1").env("OMPI_ALLOW_RUN_AS_ROOT_CONFIRM", "1");
        shell.output().unwrap()
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        let _ = fs::remove_dir(&self.0);
    }
}

fn cores() -> usize {
    available_parallelism().map_or(1, usize::from)
}

fn told(output: &Output) -> String {
    [&output.stdout[..], &output.stderr].iter().map(|text| String::from_utf8_lossy(text)).collect()
}

#[test]
fn a_quota_is_seen_by_trainer_and_doctor_and_shared_by_ranks() {
    let Some(group) = Group::of_one_core() else { return };
    let place = Workplace::new();
    let check = |command: &Command, expected: &str| {
        let output = group.run(command);
        assert!(told(&output).contains(expected), "{expected}: {}", told(&output));
    };
    check(
        &place.trainer(&["doctor"]),
        "by a CPU quota of 1.0; 1 rank on this host, 1 thread per rank",
    );
    check(&place.trainer(&tiny_run("tiny", &SHORT)), "1 thread (CPU quota: 1.0 cores)");
    let two = place.ranks(Starter::Launcher, 2, &tiny_run("tiny", &SHORT)).unwrap();
    check(&two, "1 thread per rank");
    if has_mpi() {
        let mut two = Command::new("mpirun");
        two.args(["--oversubscribe", "--bind-to", "none", "-n", "2"]);
        two.args([env!("CARGO_BIN_EXE_trainer"), "doctor"]).current_dir(place.path(""));
        check(&two, "by a CPU quota of 1.0; 2 ranks on this host; raise the quota");
    }
}

#[test]
fn only_who_has_an_mpirun_is_told_of_its_option() {
    if !has_mpi() || cores() < 2 {
        return;
    }
    let advice = "start with mpirun --bind-to none";
    let run = |flags: &[&str], further: &[(&str, &str)]| {
        let place = Workplace::new();
        let trainer = place.trainer(&tiny_run("tiny", &SHORT));
        let mut command = Command::new(flags[0]);
        command.args(&flags[1..]).arg(trainer.get_program()).args(trainer.get_args());
        command.current_dir(place.path("")).env_clear().env("PATH", "/usr/bin:/bin");
        command.env("OMPI_ALLOW_RUN_AS_ROOT", "1").env("OMPI_ALLOW_RUN_AS_ROOT_CONFIRM", "1");
        told(&command.envs(further.iter().copied()).output().unwrap())
    };
    let bound = run(&["mpirun", "--bind-to", "core", "-n", "1"], &[]);
    assert!(bound.contains(advice), "{bound}");
    let free = run(&["mpirun", "--bind-to", "none", "-n", "1"], &[]);
    assert!(!free.contains("warning: each rank"), "{free}");
    let by_user = run(&["taskset", "-c", "0"], &[]);
    assert!(!by_user.contains("warning: each rank"), "{by_user}");
    let in_a_job = run(&["taskset", "-c", "0"], &[("SLURM_JOB_ID", "7")]);
    assert!(in_a_job.contains("ask for more cores where the job is submitted"), "{in_a_job}");
}
