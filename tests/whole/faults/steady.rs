//! A long run needs no more memory, descriptors or threads than a short one.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::Child;
use std::thread::sleep;
use std::time::Duration;

use lockstep_testkit::reference;

use super::are_all_tried;
use crate::program::{Workplace, tiny_run};

/// What a process has.
#[derive(Clone, Copy, Debug)]
struct Possessions {
    resident_kib: u64,
    threads: u64,
    descriptors: usize,
}

impl Possessions {
    /// The fewest of some looks, since a checkpoint may be under way.
    fn of(child: &Child) -> Option<Self> {
        const LOOKS: usize = 60;
        let look = |_| {
            sleep(Duration::from_millis(3));
            Self::now(child.id())
        };
        let fewest = |one: Self, other: Self| Self {
            resident_kib: one.resident_kib.min(other.resident_kib),
            threads: one.threads.min(other.threads),
            descriptors: one.descriptors.min(other.descriptors),
        };
        (0..LOOKS).filter_map(look).reduce(fewest)
    }

    fn now(process: u32) -> Option<Self> {
        let status = fs::read_to_string(format!("/proc/{process}/status")).ok()?;
        let number = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name))?;
            line.split_whitespace().next()?.parse().ok()
        };
        Some(Self {
            resident_kib: number("VmRSS:")?,
            threads: number("Threads:")?,
            descriptors: fs::read_dir(format!("/proc/{process}/fd")).ok()?.count(),
        })
    }
}

/// Lines of a file so far.
fn lines(path: &Path) -> usize {
    fs::File::open(path).map_or(0, |file| BufReader::new(file).lines().count())
}

#[test]
fn memory_threads_and_descriptors_do_not_grow() {
    const CHECKPOINTS: usize = 50;
    const LOOKS: usize = 10;
    let updates = if are_all_tried() { 5000 } else { 300 };
    let every = (updates / CHECKPOINTS).to_string();
    let rows = reference("golden/rows.tsv").canonicalize().unwrap().display().to_string();
    let total = updates.to_string();
    let fixed = ["--max-steps", &total, "--learning-rate", "1e-3", "--validation-file", &rows];
    let cadence = ["--eval-strategy", "steps", "--eval-steps", &every, "--save-strategy", "steps"];
    let saving = ["--save-steps", &every, "--save-total-limit", "2"];
    let place = Workplace::new();
    let run = tiny_run("tiny", &[&fixed[..], &cadence, &saving].concat());
    // A pipe that nothing reads would be full, and the run wait, after some 3,500 updates.
    let console = fs::File::create(place.path("console")).unwrap();
    let mut child = place.trainer(&run).stdout(console).spawn().unwrap();
    let mut found = Vec::new();
    for look in 1..LOOKS {
        let due = updates * look / LOOKS;
        while lines(&place.path("out/metrics.jsonl")) < due {
            assert!(child.try_wait().unwrap().is_none(), "the run ended before update {due}");
            sleep(Duration::from_millis(20));
        }
        if let Some(possessions) = Possessions::of(&child) {
            println!("after {due} updates: {possessions:?}");
            found.push(possessions);
        }
    }
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    let (early, last) = (&found[..4], found[found.len() - 1]);
    assert!(early.iter().any(|first| last.threads <= first.threads), "{found:?}");
    assert!(early.iter().any(|first| last.descriptors <= first.descriptors), "{found:?}");
    assert!(last.resident_kib <= early[0].resident_kib + 32 * 1024, "{found:?}");
}
