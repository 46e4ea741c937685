//! The files of `launch/` and the scripts of `tests/`, executed as far as a machine without a cluster
//! or a GPU lets them be.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use lockstep_testkit::skip;
use rustix::process::{Pid, Signal, kill_process};

use crate::lost_ranks::wait_for_updates;
use crate::program::{Workplace, has_mpi, skip_as_told, tiny_run};

fn launch() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("launch")
}

/// What `cargo xtask gpu` runs, from `launch/`.
const GPU: &str = "../tests/gpu/run.sh";

fn programs() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_trainer")).parent().unwrap()
}

fn told(output: &Output) -> String {
    [&output.stdout[..], &output.stderr].iter().map(|text| String::from_utf8_lossy(text)).collect()
}

/// A script in a directory of its own, on a machine whose batch system says so much.
fn script(place: &Workplace, name: &str, variables: &[(&str, &str)]) -> Command {
    let mut command = Command::new("bash");
    command.arg(launch().join(name)).current_dir(place.path("")).env_clear();
    command.env("PATH", format!("{}:/usr/bin:/bin", place.path("bin").display()));
    command.env("HOME", "/tmp").env("LOCKSTEP_BIN", programs());
    for variable in ["OMPI_ALLOW_RUN_AS_ROOT", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM"] {
        command.env(variable, "1");
    }
    command.env("OMPI_MCA_mpi_yield_when_idle", "1");
    command.envs(variables.iter().copied());
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// The arguments behind `train` of a run of four ranks that is long enough to be interrupted.
fn long_run(further: &[&str]) -> Vec<String> {
    let fixed = [["--device", "cpu"], ["--num-train-epochs", "800"], ["--save-strategy", "no"]];
    tiny_run("tiny", &[&fixed.concat(), further].concat()).split_off(1)
}

/// Writes a file with a line for each of two ranks on this machine.
fn two_slots(place: &Workplace, name: &str) -> String {
    let path = place.path(name);
    fs::write(&path, "localhost\nlocalhost\n").unwrap();
    path.display().to_string()
}

fn warn(child: &Child) {
    kill_process(Pid::from_child(child), Signal::USR1).unwrap();
}

#[test]
fn every_script_is_one() {
    let folders = ["", "../tests/gpu", "../tests/cluster"].map(|folder| launch().join(folder));
    for entry in folders.iter().flat_map(|folder| fs::read_dir(folder).unwrap()) {
        let path = entry.unwrap().path();
        let is_script = path.extension().is_some_and(|end| end == "sh" || end == "sbatch");
        if is_script {
            let output = Command::new("bash").arg("-n").arg(&path).output().unwrap();
            assert!(output.status.success(), "{path:?}: {}", told(&output));
        }
    }
    for name in ["quickstart.sh", "test.sh", "local.sh", "mpirun.sh", "cuda.sh"] {
        let output = script(&Workplace::new(), name, &[]).arg("--help").output().unwrap();
        assert!(told(&output).starts_with("usage: launch/"), "{name}: {}", told(&output));
    }
    let output = script(&Workplace::new(), GPU, &[]).arg("--help").output().unwrap();
    assert!(told(&output).starts_with("usage: cargo xtask gpu"), "{}", told(&output));
}

#[test]
fn on_one_machine_the_launcher_starts_what_it_is_told() {
    let check = |arguments: &[&str], expected: &[&str]| {
        let output = script(&Workplace::new(), "local.sh", &[]).args(arguments).output().unwrap();
        assert!(output.status.success(), "{arguments:?}: {}", told(&output));
        for words in expected {
            assert!(told(&output).contains(words), "{arguments:?}: {}", told(&output));
        }
    };
    check(&["--dry-run", "--", "configs/sst2.toml"], &["train configs/sst2.toml"]);
    let two = ["--dry-run", "--start", "local", "--nproc-per-node", "2", "--", "a.toml"];
    check(&two, &["train a.toml", "MASTER_ADDR"]);
}

#[test]
fn a_build_or_a_machine_without_gpus_is_not_measured_on_them() {
    let output = script(&Workplace::new(), GPU, &[]).output().unwrap();
    assert_eq!(output.status.code(), Some(4), "{}", told(&output));
    assert!(told(&output).contains("training on GPUs is not possible"), "{}", told(&output));
}

#[test]
fn a_host_file_is_enough_for_mpirun_and_a_warning_stops_it() {
    if !has_mpi() {
        return;
    }
    let place = Workplace::new();
    fs::write(place.path("hosts"), "localhost slots=2\n").unwrap();
    let mut command = script(&place, "mpirun.sh", &[]);
    let child = command.arg("hosts").args(long_run(&[])).spawn().unwrap();
    wait_for_updates(&place, 10);
    kill_process(Pid::from_child(&child), Signal::TERM).unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(75), "{}", told(&output));
    assert!(told(&output).contains("rank 0 of 2"), "{}", told(&output));
    let missing = script(&place, "mpirun.sh", &[]).args(["nowhere", "a.toml"]).output().unwrap();
    assert_eq!(missing.status.code(), Some(2), "{}", told(&missing));
}

/// PBS's own commands are not here: `qsub` is a script that notes what it is given.
#[test]
fn a_pbs_job_submits_the_next_when_its_time_is_up() {
    if !has_mpi() {
        return;
    }
    let place = Workplace::new();
    fs::create_dir(place.path("bin")).unwrap();
    fs::write(place.path("bin/qsub"), "#!/bin/bash\nprintf '%s\\n' \"$@\" > submitted\n").unwrap();
    Command::new("chmod").arg("755").arg(place.path("bin/qsub")).status().unwrap();
    let (nodes, arguments) = (two_slots(&place, "nodes"), long_run(&[]).join(" "));
    let here = place.path("").display().to_string();
    let job = |seconds| {
        let variables = [
            ("PBS_O_WORKDIR", &*here),
            ("PBS_NODEFILE", &nodes),
            ("LOCKSTEP_ARGUMENTS", &arguments),
            ("LOCKSTEP_SECONDS", seconds),
        ];
        script(&place, "pbs.sh", &variables).output().unwrap()
    };
    let first = job("4");
    assert_eq!(first.status.code(), Some(0), "{}", told(&first));
    let submitted = fs::read_to_string(place.path("submitted")).expect("nothing was submitted");
    assert!(submitted.contains(&format!("LOCKSTEP_ARGUMENTS={arguments}")), "{submitted}");
    let done = place.metrics("out", "update").len();
    let second = job("600");
    assert_eq!(second.status.code(), Some(0), "{}", told(&second));
    assert!(0 < done && done < place.metrics("out", "update").len(), "{}", told(&second));
}

#[test]
fn an_lsf_job_ends_with_the_code_that_queues_it_again() {
    if !has_mpi() {
        return;
    }
    let place = Workplace::new();
    let (hosts, arguments) = (two_slots(&place, "hosts"), long_run(&[]).join(" "));
    let variables = [("LSB_DJOB_HOSTFILE", &*hosts), ("LOCKSTEP_ARGUMENTS", &arguments)];
    let child = script(&place, "lsf.sh", &variables).spawn().unwrap();
    wait_for_updates(&place, 10);
    warn(&child);
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(75), "{}", told(&output));
    let text = fs::read_to_string(launch().join("lsf.sh")).unwrap();
    assert!(text.contains("#BSUB -Q 75\n"));
}

#[test]
fn kubernetes_would_take_its_files() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let own = root.join("venv/bin/python3");
    let python = if own.exists() { own } else { PathBuf::from("python3") };
    let Ok(output) = Command::new(python).arg(root.join("tests/cluster/kubernetes.py")).output()
    else {
        skip("there is no python3");
        return;
    };
    skip_as_told(&told(&output));
    assert!(output.status.success(), "{}", told(&output));
}

/// No image is built here; but what a recipe copies and starts is there.
#[test]
fn recipes_name_what_exists() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let text = fs::read_to_string(launch().join("apptainer.def")).unwrap();
    let copied = text.lines().filter_map(|line| line.trim().split_once(" /lockstep/"));
    let paths: Vec<&str> = copied.map(|(path, _)| path).filter(|p| !p.contains(' ')).collect();
    assert!(paths.len() > 5, "{paths:?}");
    for path in paths {
        assert!(root.join(path).exists(), "{path}");
    }
    for recipe in ["Dockerfile", "apptainer.def"] {
        let text = fs::read_to_string(launch().join(recipe)).unwrap();
        let manifest = fs::read_to_string(root.join("Cargo.toml")).unwrap();
        let [theirs, oldest] = [minor(&text, "rust:1."), minor(&manifest, "rust-version = \"1.")];
        assert!(theirs >= oldest, "{recipe}: Rust 1.{theirs} is older than 1.{oldest}");
        for program in ["trainer", "launcher"] {
            assert!(text.contains(&format!("/lockstep/target/release/{program}")), "{recipe}");
        }
    }
}

/// The number behind the first `prefix`.
fn minor(text: &str, prefix: &str) -> u32 {
    let (_, rest) = text.split_once(prefix).unwrap();
    rest.split(|c: char| !c.is_ascii_digit()).next().unwrap().parse().unwrap()
}

/// Slurm's own commands are not here: `srun` is a script that starts one rank, or cannot.
#[test]
fn a_slurm_job_does_not_believe_a_0_of_a_step_that_did_not_start() {
    let place = Workplace::new();
    fs::create_dir(place.path("bin")).unwrap();
    let srun = |text: &str| {
        fs::write(place.path("bin/srun"), format!("#!/bin/bash\n{text}\n")).unwrap();
        Command::new("chmod").arg("755").arg(place.path("bin/srun")).status().unwrap();
    };
    let trainer = programs().join("trainer").display().to_string();
    let variables = [("SLURM_JOB_ID", "7"), ("LOCKSTEP_TRAINER", &*trainer)];
    let job = || {
        let mut command = script(&place, "slurm.sbatch", &variables);
        command.args(tiny_run("tiny", &["--max-steps", "2"]).split_off(1)).output().unwrap()
    };
    srun("echo 'srun: error: Unable to create step' >&2");
    let output = job();
    assert_eq!(output.status.code(), Some(1), "{}", told(&output));
    assert!(told(&output).contains("no run has ended: out/all_results.json"), "{}", told(&output));
    srun("exec \"${@:3}\"");
    let output = job();
    assert_eq!(output.status.code(), Some(0), "{}", told(&output));
    // What an earlier job left is no result of this one.
    srun("exit 0");
    let mut old = Command::new("touch");
    old.args(["-d", "2 hours ago"]).arg(place.path("out/all_results.json"));
    assert!(old.status().unwrap().success());
    let output = job();
    assert_eq!(output.status.code(), Some(1), "{}", told(&output));
}
