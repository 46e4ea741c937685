//! A launcher on each of three machines, which this one stands in for: one is lost, and the run comes to
//! its end on the others.

use std::fs;
use std::net::TcpListener;
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::Ordering;
use std::thread::{scope, sleep};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::hostile::{Attack, besiege, raise_limit, strangers};
use crate::program::{Starter, Workplace, succeed, tiny_run};

const PATIENCE: Duration = Duration::from_secs(120);
const TOKEN: &str = "a long and secret word";
const UPDATES: &str = "40";

/// The flags of the training, which do not depend on the number of machines.
fn training(further: &[&str]) -> Vec<String> {
    let fixed = ["--device", "cpu", "--max-steps", UPDATES, "--global-batch-size", "16"];
    let fixed = [&fixed[..], &["--deterministic"]].concat();
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

#[test]
fn a_run_that_lost_a_machine_ends_on_the_others_with_the_bits_of_an_undisturbed_one() {
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
    let (_, resumed) = all[0].split_once("resumes after update ").unwrap();
    let resumed: u32 = resumed.lines().next().unwrap().parse().unwrap();
    assert!((15..40).contains(&resumed), "{}", all[0]);
    let undisturbed = training(&["--output-dir", "undisturbed"]);
    succeed(place.ranks(Starter::Launcher, 3, &undisturbed).unwrap());
    let weights = |run: &str| fs::read(place.path(run).join("model.safetensors")).unwrap();
    assert!(weights("out") == weights("undisturbed"), "the weights differ");
}

/// The weights of a run of three machines, and what the launcher of node 0 told, among so many
/// strangers at its port, which stays open.
fn among(count: usize) -> (Vec<u8>, String) {
    let (place, port, attack) = (Workplace::new(), free_port(), Attack::default());
    let start = |node| launcher(&place, node, port, "").spawn().unwrap();
    let first = start(0);
    let processes = [first.id()];
    let outputs = scope(|scope| {
        scope.spawn(|| besiege(&processes, count, &attack));
        while attack.ports.load(Ordering::Relaxed) == 0 {
            sleep(Duration::from_millis(5));
        }
        let others = [1, 2].map(start);
        let outputs = others.map(|child| child.wait_with_output().unwrap());
        attack.is_over.store(true, Ordering::Relaxed);
        outputs
    });
    let first = first.wait_with_output().unwrap();
    for output in outputs.iter().chain([&first]) {
        assert_eq!(output.status.code(), Some(0), "{}", told(output));
    }
    (fs::read(place.path("out/model.safetensors")).unwrap(), told(&first))
}

#[test]
fn strangers_at_the_port_of_the_launchers_change_nothing() {
    raise_limit();
    let (quiet, _) = among(0);
    let (besieged, told) = among(strangers());
    assert!(quiet == besieged, "strangers changed the weights: {told}");
    let refused = "connections from 127.0.0.1 that do not know the run's token";
    assert_eq!(told.matches(refused).count(), 1, "{told}");
    assert!(!told.contains("restart"), "{told}");
}
