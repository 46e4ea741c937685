//! A signal ends a run in an orderly way, and the run goes on from there.

use std::fs;
use std::thread::sleep;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::program::{Workplace, metrics, tiny_run};

const RUN: [&str; 4] = ["--num-train-epochs", "30", "--save-strategy", "no"];

fn stopped_by(signal: Signal) -> Workplace {
    let place = Workplace::new();
    let mut child = place.trainer(&tiny_run("tiny", &RUN)).spawn().unwrap();
    let patience = Instant::now() + Duration::from_secs(120);
    while metrics(&place.path("out"), "update").len() < 10 {
        assert!(Instant::now() < patience, "no ten updates in two minutes");
        sleep(Duration::from_millis(2));
    }
    kill_process(Pid::from_child(&child), signal).unwrap();
    let status = child.wait().unwrap();
    assert_eq!(status.code(), Some(75), "{signal:?}: {status}");
    place
}

#[test]
fn a_signalled_run_leaves_a_checkpoint_and_goes_on_with_the_same_bits() {
    let weights = |place: &Workplace| fs::read(place.path("out/model.safetensors")).unwrap();
    let alone = Workplace::new();
    alone.succeed(&tiny_run("tiny", &RUN));
    for signal in [Signal::TERM, Signal::INT, Signal::USR1] {
        let place = stopped_by(signal);
        place.succeed(&tiny_run("tiny", &[&RUN[..], &["--resume", "auto"]].concat()));
        assert!(weights(&place) == weights(&alone), "{signal:?}: other weights");
    }
}
