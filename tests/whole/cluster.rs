//! Whole clusters on one machine, where it can have them: the scripts of `tests/cluster`.

use std::path::Path;
use std::process::Command;

use crate::program::{has_mpi, skip_as_told};

/// Runs a script with the `trainer`; it says what it saw, and why it did nothing.
fn run(script: &str, further: &[&str]) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cluster").join(script);
    let mut command = Command::new(path);
    let output = command.arg(env!("CARGO_BIN_EXE_trainer")).args(further).output().unwrap();
    let told = String::from_utf8_lossy(&output.stdout).into_owned();
    skip_as_told(&told);
    assert!(output.status.success(), "{told}\n{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn a_batch_job_is_requeued_after_its_warning_and_ends_well() {
    if has_mpi() {
        run("slurm.sh", &[]);
    }
}

#[test]
fn the_runs_in_steps_of_one_job_never_meet() {
    if has_mpi() {
        run("slurm.sh", &["steps"]);
    }
}

#[test]
fn two_hosts_train_over_mpi_and_a_cut_cable_names_the_lost_one() {
    if has_mpi() {
        run("hosts.sh", &["mpirun"]);
    }
}

#[test]
fn a_run_of_three_hosts_ends_on_two_when_one_is_lost() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cluster/elastic.sh");
    let programs = Path::new(env!("CARGO_BIN_EXE_launcher")).parent().unwrap();
    let output = Command::new(path).arg(programs).arg("kill").output().unwrap();
    let told = String::from_utf8_lossy(&output.stdout).into_owned();
    skip_as_told(&told);
    assert!(output.status.success(), "{told}\n{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn two_hosts_train_over_tcp_and_a_cut_cable_names_the_lost_one() {
    run("hosts.sh", &["tcp"]);
}
