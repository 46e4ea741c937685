//! Records of made-up runs.

use std::fs;
use std::path::Path;

use lockstep_collective::{CallRecord, CallState, FlightRecord, Phase, Verb};

use super::super::comparison::Comparison;
use super::super::files;
use super::*;

fn call(number: u64, bytes: u64, state: CallState) -> CallRecord {
    let verb = if number.is_multiple_of(2) { Verb::AllGather } else { Verb::AllReduceSum };
    let ended = (state == CallState::Complete).then_some(2.0);
    CallRecord { number, verb, bytes, state, phase: Phase::Summing, update: 7, started: 1.0, ended }
}

/// The record of a rank of three that has begun `calls`.
fn record(rank: usize, calls: u64) -> FlightRecord {
    let state = |number| if number == calls { CallState::Waiting } else { CallState::Complete };
    FlightRecord {
        version: FlightRecord::VERSION,
        run: "a".to_owned(),
        rank,
        world: 3,
        host: format!("h{rank}"),
        process: 1,
        reason: "rank 2 was \u{1b}[31m lost".to_owned(),
        written: 3.0,
        phase: Phase::Computing,
        update: 7,
        calls: (1..=calls).map(|number| call(number, 8 * number, state(number))).collect(),
    }
}

fn write(folder: &Path, record: &FlightRecord) {
    let path = folder.join(format!("rank-{}.json", record.rank));
    fs::write(path, serde_json::to_vec(record).unwrap()).unwrap();
}

fn compared(folder: &Path) -> Comparison {
    Comparison::of(files::read(folder).unwrap())
}

#[test]
fn the_rank_that_stood_still_is_named() {
    let folder = tempfile::tempdir().unwrap();
    [record(0, 9), record(1, 9), record(2, 8)].iter().for_each(|it| write(folder.path(), it));
    let told = text(&compared(folder.path()));
    let expected = "rank 2 did not reach call 9, all_reduce_sum of update 7, which other ranks had \
                    begun:\n  rank 2 (host h2) was computing gradients, update 7\n";
    assert!(told.contains(expected), "{told}");
    assert!(told.contains("rank 2 was \\u{1b}[31m lost"), "{told}");
    assert!(!told.contains("diverged") && !told.contains("no record"), "{told}");
    let json: serde_json::Value = serde_json::from_str(&json(&compared(folder.path()))).unwrap();
    assert_eq!((&json["stalled"]["ranks"][0], &json["stalled"]["call"]), (&2.into(), &9.into()));
}

#[test]
fn the_first_call_that_differs_is_named_and_missing_ranks_are() {
    let folder = tempfile::tempdir().unwrap();
    let mut odd = record(1, 9);
    odd.calls[5].bytes = 1;
    odd.calls[6].bytes = 1;
    [record(0, 9), odd].iter().for_each(|it| write(folder.path(), it));
    let told = text(&compared(folder.path()));
    assert!(told.contains("diverged at call 6:\n  rank 0: all_gather of 48 bytes"), "{told}");
    assert!(told.contains("no record of rank 2: of 3 ranks"), "{told}");
}

#[test]
fn a_run_without_a_fault_has_none() {
    let folder = tempfile::tempdir().unwrap();
    (0..3).for_each(|rank| write(folder.path(), &record(rank, 4)));
    // Written on a signal, a moment later.
    write(folder.path(), &FlightRecord { written: 1.5, ..record(2, 3) });
    let told = text(&compared(folder.path()));
    assert!(told.contains("all 3 ranks made the same calls, and none stood still"), "{told}");
}

#[test]
fn a_record_of_an_earlier_time_is_no_proof() {
    let folder = tempfile::tempdir().unwrap();
    [record(0, 9), record(1, 9)].iter().for_each(|it| write(folder.path(), it));
    let early = FlightRecord { written: 0.5, reason: "SIGUSR2".to_owned(), ..record(2, 4) };
    let late = |rank| FlightRecord { written: 13.5, ..record(rank, 9) };
    (0..2).for_each(|rank| write(folder.path(), &late(rank)));
    write(folder.path(), &early);
    let told = text(&compared(folder.path()));
    let expected = "the record of rank 2 was written 13 s before the latest one (SIGUSR2)";
    assert!(told.contains(expected) && !told.contains("made the same calls"), "{told}");
}

#[test]
fn damaged_and_strange_files_are_left_out_by_name() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), &record(0, 4));
    let of_another_run = FlightRecord { run: "b".to_owned(), written: 1.0, ..record(1, 4) };
    write(folder.path(), &of_another_run);
    let path = |name: &str| folder.path().join(name);
    fs::write(path("rank-2.json"), "{\"version\":1").unwrap();
    fs::write(path("rank-3.json"), vec![b' '; 2 << 20]).unwrap();
    fs::write(path("rank-4.json"), serde_json::to_vec(&record(7, 1)).unwrap()).unwrap();
    let vast = FlightRecord { world: usize::MAX, ..record(5, 1) };
    write(folder.path(), &vast);
    write(folder.path(), &FlightRecord { version: 9, ..record(6, 1) });
    fs::create_dir(path("rank-8.json")).unwrap();
    fs::write(path("rank-x.json"), "").unwrap();
    fs::write(path("rank-9.json"), "[".repeat(100_000)).unwrap();
    let found = compared(folder.path());
    assert_eq!((found.ranks.len(), found.left_out.len()), (1, 8), "{:?}", found.left_out);
    for (place, expected) in [
        "rank-2.json: it is not a flight record",
        "rank-3.json: it is longer than 1024 KiB",
        "rank-4.json: it is the record of rank 7",
        "rank-5.json: rank 5 of 18446744073709551615",
        "rank-6.json: it has version 9",
        "rank-8.json: it is not a regular file",
        "rank-9.json: it is not a flight record",
        "rank-1.json: it is of another run",
    ]
    .iter()
    .enumerate()
    {
        assert!(found.left_out[place].starts_with(expected), "{:?}", found.left_out);
    }
}

#[test]
fn a_directory_without_records_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    for (path, code) in [(folder.path().to_owned(), 2), (folder.path().join("none"), 2)] {
        assert_eq!(files::read(&path).unwrap_err().code().number(), code);
    }
    fs::write(folder.path().join("rank-0.json"), "x").unwrap();
    assert_eq!(files::read(folder.path()).unwrap_err().code().number(), 3);
}
