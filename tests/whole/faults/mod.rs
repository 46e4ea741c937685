//! Runs that something happens to: calls of the file system fail, processes are killed, two runs meet in
//! one directory.
//!
//! CI tries a sample of the moments; `tests/faults/run.sh` tries all of them and reports the counts.

mod failing;
pub(crate) mod injection;
mod killed;
mod pairs;
mod steady;

use std::fs;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use serde_json::Value;

use crate::program::Workplace;

/// Whether all moments are to be tried, which takes long.
fn are_all_tried() -> bool {
    std::env::var_os("LOCKSTEP_FAULTS").is_some_and(|amount| amount == "all")
}

/// All of some moments, or so many of them, evenly spread.
fn sample<T: Clone>(all: &[T], few: usize) -> Vec<T> {
    let every = if are_all_tried() { 1 } else { all.len().div_ceil(few).max(1) };
    all.iter().step_by(every).cloned().collect()
}

/// Does something for each of some moments, and counts those that passed.
fn each<T: Sync>(what: &str, moments: &[T], check: impl Fn(&T) + Sync) {
    let (next, passed) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let work = || {
        while let Some(moment) = moments.get(next.fetch_add(1, Ordering::Relaxed)) {
            check(moment);
            let count = passed.fetch_add(1, Ordering::Relaxed) + 1;
            if count.is_multiple_of(25) || count == moments.len() {
                println!("{what}: {count} of {} passed", moments.len());
            }
        }
    };
    let workers = if are_all_tried() { 4 } else { 1 };
    thread::scope(|scope| (0..workers).for_each(|_| drop(scope.spawn(work))));
}

/// The weights of a finished run.
fn weights(place: &Workplace) -> Vec<u8> {
    fs::read(place.path("out/model.safetensors")).unwrap()
}

/// Whether each line of a file is a whole JSON value.
fn has_whole_lines(place: &Workplace, name: &str) -> bool {
    let text = fs::read_to_string(place.path(name)).unwrap();
    let is_value = |line: &str| serde_json::from_str::<Value>(line).is_ok();
    (text.is_empty() || text.ends_with('\n')) && text.lines().all(is_value)
}
