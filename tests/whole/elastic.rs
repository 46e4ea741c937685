//! A launcher on each of three machines, which this one stands in for: one is lost, and the run comes to
//! its end on the others.

use std::fs;
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::Ordering;
use std::thread::{scope, sleep};
use std::time::{Duration, Instant};

use lockstep_testkit::free_port;
use rustix::process::{Pid, Signal, kill_process};

use crate::hostile::{Attack, besiege, raise_limit, strangers};
use crate::launcher::Post;
use crate::lost_ranks::{has_variable, ranks_of};
use crate::program::{Starter, Workplace, succeed, tiny_run};

const PATIENCE: Duration = Duration::from_secs(120);
const TOKEN: &str = "a long and secret word";
const UPDATES: usize = 300;

/// The flags of the training, which do not depend on the number of machines.
fn training(further: &[&str]) -> Vec<String> {
    let updates = UPDATES.to_string();
    let fixed = ["--device", "cpu", "--max-steps", &updates, "--global-batch-size", "16"];
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

/// The ranks that a launcher has started; it also asks mpirun for its version.
fn started(launcher: &Child) -> Vec<Pid> {
    let is_rank = |pid: &Pid| has_variable(*pid, |entry| entry.starts_with(b"RANK="));
    ranks_of(launcher).into_iter().filter(is_rank).collect()
}

/// Kills a launcher and its ranks, as the loss of their machine does.
fn lose(launcher: &Child) {
    let ranks = started(launcher);
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
    for expected in [
        "node 2 (host ",
        "restart 1 of 2, from the newest checkpoint; machines connected: 2 of 2 to 3",
    ] {
        assert!(all[0].contains(expected), "{}", all[0]);
    }
    assert!(!all.concat().contains(TOKEN), "{all:?}");
    assert_eq!(place.metrics("out", "update").len(), UPDATES, "{}", all[0]);
    let (_, resumed) = all[0].split_once("resumes after update ").unwrap();
    let resumed: usize = resumed.lines().next().unwrap().parse().unwrap();
    assert!((15..UPDATES).contains(&resumed), "{}", all[0]);
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

/// Starts launchers of three machines with a script in the trainer's place, each with its own flags and
/// token.
fn scripted(post: &Post, nodes: [(&str, &str); 3]) -> [Child; 3] {
    let port = free_port();
    let mut number = 0;
    nodes.map(|(flags, token)| {
        let place = format!("--master-addr 127.0.0.1 --master-port {port} --node-rank {number}");
        let mut command = post.command(&format!("--nnodes 3 {place} {flags}"));
        if !token.is_empty() {
            command.env("LOCKSTEP_TOKEN", token);
        }
        number += 1;
        command.spawn().unwrap()
    })
}

/// The exit codes of launchers, and what each wrote.
fn ends(launchers: [Child; 3]) -> [(Option<i32>, String); 3] {
    launchers.map(|child| {
        let output = child.wait_with_output().unwrap();
        (output.status.code(), told(&output))
    })
}

const ONE: (&str, &str) = ("--nproc-per-node 1", TOKEN);

#[test]
fn ranks_are_numbered_by_their_machines() {
    let script = "echo rank $RANK $LOCAL_RANK $WORLD_SIZE $LOCAL_WORLD_SIZE $MASTER_ADDR";
    let found = ends(scripted(&Post::new(script), [ONE, ("--nproc-per-node 2", TOKEN), ONE]));
    let all: String = found.iter().map(|(_, told)| told.as_str()).collect();
    assert!(found.iter().all(|(code, _)| *code == Some(0)), "{all}");
    for rank in ["0 0 4 1", "1 0 4 2", "2 1 4 2", "3 0 4 1"] {
        let number = &rank[..1];
        let line = format!("[rank {number}] rank {rank} 127.0.0.1\n");
        assert_eq!(all.matches(&line).count(), 1, "{line}: {all}");
    }
}

#[test]
fn ranks_that_fail_are_started_again_on_all_machines_as_often_as_is_allowed() {
    let script = "case \"$*\" in *resume=auto*) exit $SECOND;; esac\n\
                  test $RANK = 1 && exit 1\nexec sleep 60";
    for (second, code, again) in [(0, 0, 1), (1, 1, 1), (3, 3, 1)] {
        let post = Post::new(&format!("SECOND={second}\n{script}"));
        let flags = ("--nproc-per-node 1 --max-restarts 1", TOKEN);
        let found = ends(scripted(&post, [flags; 3]));
        let first = &found[0].1;
        assert!(found.iter().all(|(found, _)| *found == Some(code)), "{found:?}");
        let restart = "the ranks of node 1 (host ";
        assert!(first.contains(restart) && first.contains(") failed with code 1; rest"), "{first}");
        assert_eq!(first.matches("restart 1 of 1").count(), again, "{first}");
    }
}

#[test]
fn without_node_0_all_end_and_say_why() {
    let post = Post::new("exec sleep 600");
    let all = scripted(&post, [ONE; 3]);
    let began = Instant::now();
    while all.iter().any(|launcher| started(launcher).is_empty()) {
        assert!(began.elapsed() < PATIENCE, "the ranks did not start");
        sleep(Duration::from_millis(5));
    }
    let [first, second, third] = all;
    lose(&first);
    let [_, second, third] = ends([first, second, third]);
    for (code, told) in [second, third] {
        assert_eq!(code, Some(5), "{told}");
        assert!(
            told.contains("was lost: it is gone; a run cannot continue without node 0"),
            "{told}"
        );
    }
}

#[test]
fn a_signal_to_node_0_before_the_start_ends_all_with_75() {
    let post = Post::new("exec sleep 600");
    let port = free_port();
    let [first, second] = [0, 1].map(|node| {
        let place = format!("--master-addr 127.0.0.1 --master-port {port} --node-rank {node}");
        let flags = format!("--nnodes 3 {place} --nproc-per-node 1");
        post.command(&flags).env("LOCKSTEP_TOKEN", TOKEN).spawn().unwrap()
    });
    // Three machines are needed, so these two wait. There is no sign of a connection to look for.
    sleep(Duration::from_secs(2));
    kill_process(Pid::from_child(&first), Signal::TERM).unwrap();
    for launcher in [first, second] {
        let output = launcher.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(75), "{}", told(&output));
    }
}

#[test]
fn a_launcher_with_another_token_or_none_says_so() {
    let post = Post::new("exec sleep 60");
    let other = ("--nproc-per-node 1", "another secret word");
    let [mut first, second, third] = scripted(&post, [ONE, other, ("--nproc-per-node 1", "")]);
    for (launcher, expected) in [
        (second, "node 0 has another token (LOCKSTEP_TOKEN) than this node"),
        (third, "node 0 has a token (LOCKSTEP_TOKEN), and this node was started without one"),
    ] {
        let output = launcher.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(5), "{}", told(&output));
        assert!(told(&output).contains(expected), "{}", told(&output));
    }
    first.kill().unwrap();
    first.wait().unwrap();
}
