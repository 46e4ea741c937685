//! The shipped batch file in a real Slurm, where the machine has one.

use std::path::Path;
use std::process::Command;

#[test]
fn a_batch_job_is_requeued_after_its_warning_and_ends_well() {
    if !cfg!(feature = "mpi") {
        println!("skipped: this build has no MPI");
        return;
    }
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cluster/slurm.sh");
    let output = Command::new(script).arg(env!("CARGO_BIN_EXE_trainer")).output().unwrap();
    let told = String::from_utf8_lossy(&output.stdout).into_owned();
    println!("{told}");
    assert!(output.status.success(), "{told}\n{}", String::from_utf8_lossy(&output.stderr));
}
