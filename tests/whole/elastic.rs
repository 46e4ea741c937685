//! A launcher on each of three machines, which this one stands in for: one is lost, and the run comes to
//! its end on the others.

use std::fs;
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::program::{Starter, Workplace, succeed, tiny_run};

const PATIENCE: Duration = Duration::from_secs(120);
const TOKEN: &str = "a long and secret word";
const UPDATES: &str = "40";

/// The flags of the training, which do not depend on the number of machines.
fn training(further: &[&str]) -> Vec<String> {
    let fixed = ["--device", "cpu", "--max-steps", UPDATES, "--global-batch-size", "12"];
    let saved = ["--save-strategy", "steps", "--save-steps", "5", "--save-total-limit", "100"];
    tiny_run("tiny", &[&fixed[..], &saved, further].concat())
}

/// A launcher of one machine.
fn launcher(place: &Workplace, node: usize, port: u16, flags: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_launcher"));
    let own = format!(
        "--nnodes 2:3 --nproc-per-node 1 --node-rank {node} --master-addr 127.0.0.1 --master-port \
         {port} --join-window 1 {flags} --"
    );
    command.args(own.split_whitespace()).args(training(&[]));
    command.current_dir(place.path("")).env_clear().env("PATH", "/usr/bin:/bin");
    command.env("LOCKSTEP_TOKEN", TOKEN).env("NO_COLOR", "1").env("HF_HUB_OFFLINE", "1");
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// The processes whose parent this is.
fn children_of(parent: u32) -> Vec<Pid> {
    let parent = parent.to_string();
    let entries = fs::read_dir("/proc").unwrap().flatten();
    let numbers = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok());
    let is_child = |number: &i32| {
        let stat = fs::read_to_string(format!("/proc/{number}/stat")).unwrap_or_default();
        let rest = stat.rsplit_once(')').map(|(_, rest)| rest.to_owned()).unwrap_or_default();
        rest.split_whitespace().nth(1) == Some(&parent)
    };
    numbers.filter(is_child).filter_map(Pid::from_raw).collect()
}

/// Kills a launcher and its ranks, as the loss of their machine does.
fn lose(launcher: &Child) {
    let ranks = children_of(launcher.id());
    assert_eq!(ranks.len(), 1);
    for pid in ranks.into_iter().chain([Pid::from_child(launcher)]) {
        kill_process(pid, Signal::KILL).unwrap();
    }
}

fn wait_for_update(place: &Workplace, update: usize) {
    let began = Instant::now();
    while place.metrics("out", "update").len() < update {
        assert!(began.elapsed() < PATIENCE, "update {update} never came");
        sleep(Duration::from_millis(5));
    }
}

fn told(output: &Output) -> String {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    format!("{}\n{}\n{}", output.status, text(&output.stdout), text(&output.stderr))
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap().flatten() {
        fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
    }
}

/// The checkpoint from which a run was resumed, by its output.
fn resumed_from(told: &str) -> String {
    let (_, rest) = told.split_once("resumes after update ").unwrap_or_else(|| panic!("{told}"));
    let update: u32 = rest.lines().next().unwrap().parse().unwrap();
    assert!((15..40).contains(&update), "{told}");
    format!("checkpoint-{update}")
}

#[test]
fn a_run_that_lost_a_machine_ends_on_the_others_with_the_same_weights() {
    let (place, port) = (Workplace::new(), free_port());
    let start = |node| launcher(&place, node, port, "--max-restarts 2").spawn().unwrap();
    let [first, second, mut third] = [0, 1, 2].map(start);
    wait_for_update(&place, 20);
    lose(&third);
    third.wait().unwrap();
    let outputs = [first, second].map(|child| child.wait_with_output().unwrap());
    let all: Vec<_> = outputs.iter().map(told).collect();
    for output in &outputs {
        assert_eq!(output.status.code(), Some(0), "{all:?}");
    }
    println!("{}", all[0]);
    for expected in
        ["node 2 (host ", "restart 1 of 2, from the newest checkpoint: 2 of 2 to 3 mach"]
    {
        assert!(all[0].contains(expected), "{}", all[0]);
    }
    assert!(!all.concat().contains(TOKEN), "{all:?}");
    assert_eq!(place.metrics("out", "update").len(), 40, "{}", all[0]);
    // The same by hand: two ranks, from the same checkpoint on.
    let from = resumed_from(&String::from_utf8_lossy(&outputs[0].stdout));
    copy(&place.path("out").join(&from), &place.path("hand").join(&from));
    let flags = training(&["--output-dir", "hand", "--resume", "auto"]);
    succeed(place.ranks(Starter::Launcher, 2, &flags).unwrap());
    let weights = |run: &str| fs::read(place.path(run).join("model.safetensors")).unwrap();
    assert!(weights("out") == weights("hand"), "the weights differ");
}
