//! GPUs: what can be asked of them where there are none, and the contract where there are.
//!
//! Several ranks may share one GPU, for these tests only: each process then wants another
//! `NCCL_HOSTID`, so that NCCL takes them for machines and connects them by sockets.

use std::time::Duration;

use lockstep_collective::{
    Audited, Collective, CollectiveError, GpuPart, Mpi, Nccl, NcclId, PhaseBoard, Solo, Threads,
    Timeouts,
};
use lockstep_testkit::skip;

use crate::checks::{are_sums, keeps_every_promise, sums_are_exact, values};
use crate::mpi::{check, check_behind};

/// A rank with the GPU 0.
fn join(company: Box<dyn Collective>) -> Result<Nccl, CollectiveError> {
    Nccl::join(company, 0, Timeouts::default(), PhaseBoard::default())
}

/// The error of a library that is not there is no failure of a test.
fn is_missing(error: &CollectiveError) -> bool {
    let is_missing = matches!(error, CollectiveError::Missing { .. });
    if is_missing {
        skip(error);
    }
    is_missing
}

#[test]
fn what_is_missing_is_told_with_a_remedy() {
    match join(Box::new(Solo)) {
        Ok(mut ranks) => sums_are_exact(&mut ranks, 5),
        Err(error) => {
            let told = error.to_string();
            let remedies = ["install it", "install libnccl2", "GPU 0 cannot be used"];
            assert!(remedies.iter().any(|words| told.contains(words)), "{told}");
        }
    }
}

#[test]
fn the_id_reaches_all_threads() {
    let ids = Threads::run(3, |mut ranks| NcclId::share(&mut ranks));
    match &ids[0] {
        Err(error) => {
            assert!(is_missing(error), "{error}");
            for other in &ids[1..] {
                assert!(matches!(other, Err(CollectiveError::Library { .. })), "{other:?}");
            }
        }
        Ok(id) => {
            assert_eq!(ids.len(), 3);
            assert!(ids.iter().all(|other| other.as_ref().unwrap() == id));
            assert_ne!(*id, NcclId::new().unwrap(), "two ids are the same");
        }
    }
}

#[test]
fn the_id_reaches_all_processes() {
    check("nccl::rank_that_hears_the_id", [3]);
}

#[test]
fn nccl_keeps_every_promise() {
    if let Err(error) = join(Box::new(Solo)) {
        // A GPU that is there and fails is no reason to skip.
        let has_no_gpu = error.to_string().contains("NO_DEVICE");
        assert!(has_no_gpu || matches!(error, CollectiveError::Missing { .. }), "{error}");
        skip(error);
        return;
    }
    let as_a_host = ["sh", "-c", "NCCL_HOSTID=$OMPI_COMM_WORLD_RANK exec \"$0\" \"$@\""];
    check_behind(&as_a_host, "nccl::rank_that_checks_all", [1, 2, 4]);
}

#[test]
#[ignore = "one rank: the_id_reaches_all_processes starts it under mpirun"]
fn rank_that_hears_the_id() {
    let mut ranks = Audited::new(Mpi::join().unwrap());
    match NcclId::share(&mut ranks) {
        Ok(id) => {
            let mine = u64::from(format!("{id:?}").bytes().map(u32::from).sum::<u32>());
            let all = ranks.all_gather(&[mine]).unwrap();
            assert!(all.iter().all(|&theirs| theirs == mine), "{all:?}");
            println!("the id was heard");
        }
        Err(error) => assert!(is_missing(&error) || !ranks.seat().is_leader(), "{error}"),
    }
    println!("kept by {}", ranks.seat());
    Box::new(ranks).leave().unwrap();
}

#[test]
#[ignore = "one rank: nccl_keeps_every_promise starts it under mpirun"]
fn rank_that_checks_all() {
    let mut ranks = join(Box::new(Audited::new(Mpi::join().unwrap()))).unwrap();
    keeps_every_promise(&mut ranks);
    started_sums_are_exact(&mut ranks);
    println!("kept by {}", ranks.seat());
    Box::new(ranks).leave().unwrap();
}

/// Sums that were started read what comes before them on the stream of the values, and what comes
/// after them there reads the sums.
fn started_sums_are_exact(ranks: &mut Nccl) {
    let stream = ranks.stream().context().new_stream().unwrap();
    let given = values(ranks, 100_000);
    for _ in 0..3 {
        let mut values = stream.clone_htod(&given).unwrap();
        let events = [(); 2].map(|()| stream.record_event(None).unwrap());
        let parts =
            [0..7, 7..7, 7..90_000].map(|values| GpuPart { values, behind: events.each_ref() });
        ranks.start_sums_on_gpu(&mut values, &parts).unwrap();
        let found = stream.clone_dtoh(&values).unwrap();
        stream.synchronize().unwrap();
        are_sums(ranks, &found, 0..90_000);
        assert_eq!(found[90_000..], given[90_000..], "no part, and no sum");
        ranks.check(Duration::ZERO).unwrap();
    }
}
