//! Ranks that mpirun starts: this test program starts itself, one process a rank.
//!
//! The tests that a rank runs are ignored elsewhere. A rank whose check fails ends without
//! MPI_Finalize, upon which mpirun ends the others and fails.

use std::process::Command;

use lockstep_collective::{Audited, Collective, CollectiveError, Mpi};
use lockstep_testkit::skip;

use crate::checks::{LARGEST, keeps_every_promise, sums_are_exact};

/// More ranks than cores, as root, in a container: what mpirun refuses or does badly unless told.
/// Other MPI libraries than Open MPI (its versions 4 and 5) do not look at these.
const ANYWHERE: [(&str, &str); 6] = [
    ("OMPI_ALLOW_RUN_AS_ROOT", "1"),
    ("OMPI_ALLOW_RUN_AS_ROOT_CONFIRM", "1"),
    ("OMPI_MCA_rmaps_base_oversubscribe", "1"),
    ("OMPI_MCA_mpi_yield_when_idle", "1"),
    ("OMPI_MCA_btl_vader_single_copy_mechanism", "none"),
    ("PRTE_MCA_rmaps_default_mapping_policy", ":oversubscribe"),
];

/// Runs the ignored test `name` as each rank of a world of each size.
pub(crate) fn check(name: &str, sizes: impl IntoIterator<Item = usize>) {
    check_behind(&[], name, sizes);
}

/// The same, where each rank is started by the words `before`.
pub(crate) fn check_behind(before: &[&str], name: &str, sizes: impl IntoIterator<Item = usize>) {
    if !cfg!(feature = "mpi") {
        skip("this build has no MPI");
        return;
    }
    for size in sizes {
        let program = std::env::current_exe().unwrap();
        let mut mpirun = Command::new("mpirun");
        mpirun.envs(ANYWHERE).args(["-n", &size.to_string()]).args(before).arg(program);
        mpirun.args(["--ignored", "--exact", "--nocapture", name]);
        let Ok(done) = mpirun.output() else {
            skip("there is no mpirun");
            return;
        };
        let said = [done.stdout, done.stderr].concat();
        let said = String::from_utf8_lossy(&said);
        assert!(done.status.success(), "{size} ranks, {}:\n{said}", done.status);
        let skipped = said.lines().find_map(|line| line.strip_prefix("skipped ")?.split_once(": "));
        if let Some((_rank, reason)) = skipped {
            skip(reason);
        }
        for rank in 0..size {
            let signed = format!("kept by rank {rank} of {size}");
            assert!(said.contains(&signed), "{size} ranks, not {signed}:\n{said}");
        }
    }
}

#[test]
fn mpi_keeps_every_promise() {
    check("mpi::rank_that_checks_all", 1..=4);
}

#[test]
fn compared_calls_over_mpi_keep_every_promise() {
    check("mpi::rank_that_compares_and_checks_all", [3]);
}

#[test]
fn mpi_sums_the_largest_buffer() {
    check("mpi::rank_that_sums_the_largest_buffer", [2]);
}

#[test]
fn calls_over_mpi_that_differ_are_named() {
    check("mpi::rank_that_calls_something_else", [3]);
}

#[test]
#[ignore = "one rank: mpi_keeps_every_promise starts it under mpirun"]
fn rank_that_checks_all() {
    as_rank(|ranks| ranks, keeps_every_promise);
}

#[test]
#[ignore = "one rank: compared_calls_over_mpi_keep_every_promise starts it under mpirun"]
fn rank_that_compares_and_checks_all() {
    as_rank(Audited::new, keeps_every_promise);
}

#[test]
#[ignore = "one rank: mpi_sums_the_largest_buffer starts it under mpirun"]
fn rank_that_sums_the_largest_buffer() {
    as_rank(|ranks| ranks, |ranks| sums_are_exact(ranks, LARGEST));
}

#[test]
#[ignore = "one rank: calls_over_mpi_that_differ_are_named starts it under mpirun"]
fn rank_that_calls_something_else() {
    as_rank(Audited::new, |ranks| {
        ranks.barrier().unwrap();
        let error = match ranks.seat().rank().0 {
            2 => ranks.all_gather(&[1]).map(drop),
            _ => ranks.all_reduce_sum(&mut [0.0; 10]),
        };
        let error = error.unwrap_err();
        assert!(matches!(error, CollectiveError::Diverged { .. }), "{error}");
        for call in ["call 2, all_reduce_sum of 10 f32", "rank 2: call 2, all_gather of 1 u64"] {
            assert!(error.to_string().contains(call), "{error}");
        }
    });
}

fn as_rank<C: Collective>(dressed: impl FnOnce(Mpi) -> C, work: impl FnOnce(&mut C)) {
    let mut ranks = dressed(Mpi::join().unwrap());
    work(&mut ranks);
    println!("kept by {}", ranks.seat());
    Box::new(ranks).leave().unwrap();
}
