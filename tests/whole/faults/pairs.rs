//! Two runs that start in one output directory at the same moment: one trains, the other is refused.

use std::process::{Child, Command};

use super::{are_all_tried, weights};
use crate::lost_ranks::wait_for_updates;
use crate::program::{Starter, Workplace, succeed, tiny_run};

const SEEDS: [&str; 2] = ["1", "2"];

fn run(place: &Workplace, ranks: usize, seed: &str, further: &[&str]) -> Command {
    let fixed =
        ["--max-steps", "20", "--save-strategy", "steps", "--save-steps", "5", "--seed", seed];
    let arguments = tiny_run("tiny", &[&fixed[..], &["--device", "cpu"], further].concat());
    match ranks {
        1 => place.trainer(&arguments),
        _ => place.ranks(Starter::Launcher, ranks, &arguments).unwrap(),
    }
}

/// The weights of a run that has its directory for itself.
fn alone(ranks: usize, seed: &str) -> Vec<u8> {
    let place = Workplace::new();
    succeed(run(&place, ranks, seed, &[]));
    weights(&place)
}

#[test]
fn of_two_runs_at_once_one_trains_and_the_other_is_refused() {
    let pairs = if are_all_tried() { 46 } else { 4 };
    let expected = [1, 2].map(|ranks| SEEDS.map(|seed| alone(ranks, seed)));
    let (mut trained, mut refused) = (0, 0);
    for pair in 0..pairs {
        let ranks = 1 + pair % 2;
        let how: &[&str] = match pair / 2 % 3 {
            0 => &[],
            1 => &["--resume", "auto"],
            _ => &["--overwrite-output-dir"],
        };
        let place = Workplace::new();
        let both = SEEDS.map(|seed| run(&place, ranks, seed, how).spawn().unwrap());
        let ends = both.map(|child: Child| child.wait_with_output().unwrap());
        let codes = ends.each_ref().map(|end| end.status.code());
        let told = ends.each_ref().map(|end| String::from_utf8_lossy(&end.stderr).into_owned());
        let what = format!("pair {pair}, {ranks} ranks, {how:?}: {codes:?}, {told:?}");
        // The second may also come when the first has ended, and finds its model then.
        let winner =
            codes.iter().position(|code| *code == Some(0)).unwrap_or_else(|| panic!("{what}"));
        match codes[1 - winner] {
            Some(2) => {
                let is_told = ["another run is writing", "not empty"];
                assert!(is_told.iter().any(|words| told[1 - winner].contains(words)), "{what}");
                assert!(weights(&place) == expected[ranks - 1][winner], "{what}: a mixed model");
                refused += 1;
            }
            // One after the other, where it was asked to replace the run that had ended.
            code => assert_eq!((code, pair / 2 % 3), (Some(0), 2), "{what}"),
        }
        trained += 1;
    }
    println!("{pairs} pairs of runs: {trained} trained, in {refused} the other was refused");
}

#[test]
fn a_run_beside_which_another_would_replace_it_ends_undisturbed() {
    let beside = if are_all_tried() { 6 } else { 1 };
    let expected = alone(1, SEEDS[0]);
    for _ in 0..beside {
        let place = Workplace::new();
        let live = run(&place, 1, SEEDS[0], &[]).spawn().unwrap();
        wait_for_updates(&place, 1);
        let other = run(&place, 1, SEEDS[1], &["--overwrite-output-dir"]).output().unwrap();
        let told = String::from_utf8_lossy(&other.stderr);
        let live = live.wait_with_output().unwrap();
        assert_eq!(live.status.code(), Some(0), "{}", String::from_utf8_lossy(&live.stderr));
        if other.status.code() == Some(2) {
            assert!(told.contains("another run is writing"), "{told}");
            assert!(weights(&place) == expected, "the live run was disturbed");
        } else {
            assert_eq!(other.status.code(), Some(0), "{told}");
        }
    }
}
