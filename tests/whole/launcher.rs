//! The launcher and its ranks, with shell scripts in the trainer's place: what is shown, who is
//! blamed, which signals arrive, and that no process remains.

use std::fs;
use std::os::unix::fs::symlink;
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command, Output, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process, test_kill_process};
use tempfile::TempDir;

/// A launcher with a shell for a trainer beside it, which runs the script `train`.
pub(crate) struct Post(TempDir);

impl Post {
    pub(crate) fn new(script: &str) -> Self {
        // Linked, and read by a shell: a file that was just written may be busy when it is started.
        let post = Self(TempDir::new_in(env!("CARGO_TARGET_TMPDIR")).unwrap());
        let path = |name| post.0.path().join(name);
        fs::hard_link(env!("CARGO_BIN_EXE_launcher"), path("launcher")).unwrap();
        symlink("/bin/sh", path("trainer")).unwrap();
        fs::write(path("train"), script).unwrap();
        post
    }

    fn start(&self, flags: &str) -> Child {
        self.command(flags).spawn().unwrap()
    }

    /// The launcher, with nothing of the environment but what a shell needs.
    pub(crate) fn command(&self, flags: &str) -> Command {
        let mut command = Command::new(self.0.path().join("launcher"));
        command.args(flags.split_whitespace()).args(["--", "train", "x.toml"]);
        command.current_dir(self.0.path()).env_clear().env("PATH", "/usr/bin:/bin");
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    fn run(&self, flags: &str) -> Output {
        self.start(flags).wait_with_output().unwrap()
    }

    /// Waits until all of `ranks` have written a file of their rank's name, with their number.
    fn wait_for(&self, ranks: u32) -> Vec<Pid> {
        let patience = Instant::now() + Duration::from_secs(30);
        let pid = |rank| {
            fs::read_to_string(self.0.path().join(format!("{rank}"))).ok()?.trim().parse().ok()
        };
        loop {
            let pids: Option<Vec<i32>> = (0..ranks).map(pid).collect();
            if let Some(pids) = pids {
                return pids.into_iter().filter_map(Pid::from_raw).collect();
            }
            assert!(Instant::now() < patience, "the ranks did not start");
            sleep(Duration::from_millis(5));
        }
    }
}

const TWO: &str = "--start local --nproc-per-node 2";
const THREE: &str = "--start local --nproc-per-node 3";

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Lines in an order that does not depend on who was faster.
fn sorted(bytes: &[u8]) -> Vec<String> {
    let mut lines: Vec<String> = text(bytes).lines().map(str::to_owned).collect();
    lines.sort();
    lines
}

#[test]
fn each_rank_knows_its_seat_and_its_lines_carry_its_number() {
    let script = "echo $RANK $LOCAL_RANK $WORLD_SIZE $LOCAL_WORLD_SIZE $MASTER_ADDR $0 $@\nprintf e >&2\n\
                  test -n \"$MASTER_PORT\"";
    let output = Post::new(script).run(TWO);
    assert_eq!(output.status.code(), Some(0));
    let expected =
        ["[rank 0] 0 0 2 2 127.0.0.1 train x.toml", "[rank 1] 1 1 2 2 127.0.0.1 train x.toml"];
    assert_eq!(sorted(&output.stdout), expected);
    assert_eq!(sorted(&output.stderr), ["[rank 0] e", "[rank 1] e"]);
}

#[test]
fn one_rank_is_started_as_it_is() {
    let output = Post::new("echo \"$RANK|$0 $@\"; exit 3").run("--nproc-per-node 1");
    assert_eq!(output.status.code(), Some(3));
    assert_eq!(text(&output.stdout), "|train x.toml\n");
}

#[test]
fn the_first_rank_that_fails_is_named_and_none_stays() {
    let check = |failing: &str, others: &str, code: i32, expected: &str| {
        let post = Post::new(&format!(
            "{others}\nsleep 600 & echo $$ > $RANK.new; mv $RANK.new $RANK\n\
             if test $RANK = 1; then while ! test -f 0 || ! test -f 2; do sleep 0.01; done\n\
             echo some words >&2; {failing}; fi\nwait; sleep 600"
        ));
        let (start, launcher) = (Instant::now(), post.start(THREE));
        let pids = post.wait_for(3);
        let output = launcher.wait_with_output().unwrap();
        let told = text(&output.stderr);
        assert!(start.elapsed() < Duration::from_secs(10), "{failing}: {:?}", start.elapsed());
        assert_eq!(output.status.code(), Some(code), "{failing}: {told}");
        assert!(told.contains(expected), "{failing}: {told}");
        for pid in pids {
            assert!(test_kill_process(pid).is_err(), "{failing}: {pid:?} is still there");
        }
    };
    let words = "its last line on the standard error: some words";
    let first = "launcher: first failure: rank 1";
    check("exit 7", "", 7, &format!("{first} exited with code 7; {words}"));
    check("echo ------ >&2; exit 7", "", 7, &format!("{first} exited with code 7; {words}"));
    check("kill -9 $$", "", 137, &format!("{first} was killed by signal 9 (SIGKILL); {words}"));
    check("kill -9 $$", "trap 'exit 5' TERM", 5, &format!("{first} was killed by signal 9"));
    check(
        "exit 3",
        "trap '' TERM",
        3,
        &format!("{first} exited with code 3 (data error); {words}"),
    );
}

#[test]
fn signals_are_passed_on_and_all_ranks_may_finish() {
    for (signal, name) in [(Signal::TERM, "TERM"), (Signal::INT, "INT"), (Signal::USR1, "USR1")] {
        let post = Post::new(&format!(
            "trap 'sleep 0.$RANK; echo stopped by {name}; exit 75' {name}\n\
             echo $$ > $RANK.new; mv $RANK.new $RANK\nwhile :; do sleep 0.01; done"
        ));
        let launcher = post.start(&format!("{THREE} --max-restarts 3"));
        post.wait_for(3);
        kill_process(Pid::from_child(&launcher), signal).unwrap();
        let output = launcher.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(75), "{name}: {}", text(&output.stderr));
        let expected = (0..3).map(|rank| format!("[rank {rank}] stopped by {name}"));
        assert_eq!(sorted(&output.stdout), expected.collect::<Vec<_>>());
    }
}

#[test]
fn a_second_signal_ends_it_with_all_ranks() {
    let post = Post::new(
        "trap '' TERM\nsetsid sleep 600 &\necho $! > $(($RANK + 2))\necho $$ > $RANK.new\n\
         mv $RANK.new $RANK\nwhile :; do sleep 0.01; done",
    );
    let launcher = post.start(TWO);
    let pids = post.wait_for(4);
    for _ in 0..2 {
        kill_process(Pid::from_child(&launcher), Signal::TERM).unwrap();
        sleep(Duration::from_millis(200));
    }
    let start = Instant::now();
    let output = launcher.wait_with_output().unwrap();
    assert!(start.elapsed() < Duration::from_secs(5));
    assert_eq!(output.status.code(), Some(137), "{}", text(&output.stderr));
    assert_eq!(output.status.signal(), None);
    for pid in pids {
        assert!(test_kill_process(pid).is_err(), "{pid:?} is still there");
    }
}

#[test]
fn a_failed_run_is_started_again_from_its_newest_checkpoint() {
    let post = Post::new(
        "if test $RANK = 0; then echo run >> runs; test $(wc -l < runs) = 3 || exit 1; fi\n\
         echo $0 $@; while test $(wc -l < runs) != 3; do sleep 0.01; done",
    );
    let output = post.run(&format!("{TWO} --max-restarts 3"));
    let told = text(&output.stderr);
    assert!(told.contains("restart 2 of 3, from the newest checkpoint"), "{told}");
    assert_eq!(output.status.code(), Some(0), "{told}");
    assert!(text(&output.stdout).contains("train x.toml --set run.resume=auto"), "{told}");
    let failing = Post::new("exit 1").run(&format!("{TWO} --max-restarts 2"));
    assert_eq!(text(&failing.stderr).matches("restart").count(), 2);
    assert_eq!(failing.status.code(), Some(1));
}
