//! Models and data sets from a hub on this machine, whose large files lie on another server, as the
//! real hub's do.

mod data_sets;
mod ranks;
mod server;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::sleep;
use std::time::{Duration, Instant};

use lockstep_testkit::reference;
use rustix::process::{Pid, Signal, kill_process};

use crate::program::Workplace;
use server::{Server, hub, store};

/// The variables under which a command asks this hub.
fn asking(mut command: Command, place: &Workplace, hub: &Server) -> Command {
    command.env_remove("HF_HUB_OFFLINE").env("HF_ENDPOINT", &hub.address);
    command.env("HF_HOME", place.path("hf")).env("HF_TOKEN", "secret");
    command
}

fn line_of(output: &str) -> Vec<String> {
    let rows = reference("golden/rows.tsv").display().to_string();
    let line = ["train", "--model", "lab/tiny", "--train-file", &rows, "--max-steps", "1"];
    let further = ["--device", "cpu", "--output-dir", output];
    line.iter().chain(&further).map(|word| (*word).to_owned()).collect()
}

fn train(place: &Workplace, hub: &Server) -> Command {
    asking(place.trainer(&line_of("out")), place, hub)
}

/// What has come of the weights.
fn partial(place: &Workplace) -> Option<PathBuf> {
    let blobs = fs::read_dir(place.path("hf/hub/models--lab--tiny/blobs")).ok()?;
    let paths = blobs.map(|entry| entry.unwrap().path());
    let is_partial = |path: &PathBuf| {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        name.starts_with("model.safetensors-1.") && name.ends_with(".incomplete")
    };
    paths.into_iter().find(is_partial)
}

fn wait_for_half(place: &Workplace) -> u64 {
    let half = size_of(&reference("tiny/model.safetensors")) / 2;
    let patience = Instant::now() + Duration::from_secs(60);
    while partial(place).is_none_or(|partial| size_of(&partial) < half) {
        assert!(Instant::now() < patience, "no half of the weights in a minute");
        sleep(Duration::from_millis(5));
    }
    half
}

/// How a command ended: its exit code and what it said.
fn ended(child: Child) -> (Option<i32>, String) {
    let output = child.wait_with_output().unwrap();
    (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
}

fn size_of(path: &Path) -> u64 {
    fs::metadata(path).map_or(0, |file| file.len())
}

#[test]
fn a_stop_in_a_download_is_heard_and_the_same_command_goes_on_from_there() {
    let stalls = Arc::new(AtomicBool::new(true));
    let store = store(Arc::clone(&stalls));
    let hub = hub(&store);
    let place = Workplace::new();

    let child = train(&place, &hub).spawn().unwrap();
    let half = wait_for_half(&place);
    let asked = Instant::now();
    kill_process(Pid::from_child(&child), Signal::TERM).unwrap();
    let (code, told) = ended(child);
    assert_eq!(code, Some(75), "{told}");
    assert!(asked.elapsed() < Duration::from_secs(5), "{:?}", asked.elapsed());

    stalls.store(false, Ordering::SeqCst);
    let (code, told) = ended(train(&place, &hub).spawn().unwrap());
    assert_eq!(code, Some(0), "{told}");
    let range = format!("range: bytes={half}-");
    assert!(store.heads().iter().any(|head| head.contains(&range)), "{:?}", store.heads());
    // Who we are is the hub's to know and no store's.
    assert!(hub.heads().iter().all(|head| head.contains("authorization: bearer secret")));
    assert!(!store.heads().iter().any(|head| head.contains("secret")));

    let asked = hub.heads().len();
    let again = train(&place, &hub).args(["--overwrite-output-dir"]).output().unwrap();
    assert!(again.status.success(), "{}", String::from_utf8_lossy(&again.stderr));
    assert_eq!(hub.heads().len(), asked, "what is there needs no network");
}

#[test]
fn a_process_that_waits_continues_the_download_of_one_that_is_killed() {
    let stalls = Arc::new(AtomicBool::new(true));
    let store = store(Arc::clone(&stalls));
    let hub = hub(&store);
    let place = Workplace::new();
    let mut first = train(&place, &hub).spawn().unwrap();
    let half = wait_for_half(&place);
    let second = asking(place.trainer(&line_of("second")), &place, &hub).spawn().unwrap();
    // It says for what it waits after five seconds, and asks the hub for nothing meanwhile.
    let asked = hub.heads().len();
    sleep(Duration::from_secs(6));
    assert_eq!(hub.heads().len(), asked);
    stalls.store(false, Ordering::SeqCst);
    first.kill().unwrap();
    first.wait().unwrap();
    let (code, told) = ended(second);
    assert_eq!(code, Some(0), "{told}");
    let waits = "waiting for another process, which downloads the model `lab/tiny`: ";
    assert!(told.contains(waits), "{told}");
    let range = format!("range: bytes={half}-");
    assert!(store.heads().iter().any(|head| head.contains(&range)), "{:?}", store.heads());
    assert!(partial(&place).is_none(), "nothing is left behind");
}

#[test]
fn a_disk_that_fills_up_in_a_download_is_no_unreadable_model() {
    let stalls = Arc::new(AtomicBool::new(true));
    let store = store(Arc::clone(&stalls));
    let hub = hub(&store);
    let place = Workplace::new();
    let mut first = train(&place, &hub).spawn().unwrap();
    wait_for_half(&place);
    first.kill().unwrap();
    first.wait().unwrap();
    let partial = partial(&place).unwrap();
    fs::remove_file(&partial).unwrap();
    std::os::unix::fs::symlink("/dev/full", partial).unwrap();
    stalls.store(false, Ordering::SeqCst);
    let (code, told) = ended(train(&place, &hub).spawn().unwrap());
    assert_eq!(code, Some(1), "{told}");
    assert!(told.contains("free some space"), "{told}");
}
