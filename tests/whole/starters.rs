//! The same run of two ranks under every starter that this machine has; what it lacks is listed.

use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use lockstep_testkit::{free_port, reference, skip_case};
use rustix::process::{Pid, Signal, kill_process_group};

use crate::program::{Workplace, is_mpi_here, tiny_run};

/// Who starts two ranks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Starter {
    /// torchrun, told nothing of where to meet.
    Torchrun,
    /// torchrun with a meeting place of its own choice.
    TorchrunStandalone,
    /// Two of torchrun's agents, as on two machines.
    TorchrunOnTwo,
    /// Two of torchrun's agents that elect one.
    TorchrunElastic,
    /// torchrun, whose agent lets go of the port.
    TorchrunApart,
    /// Open MPI's mpirun.
    OpenMpi,
    /// MPICH's mpiexec.
    Mpich,
    /// Two shells.
    Hands,
    /// Ours.
    Launcher,
}

const ALL: [Starter; 9] = [
    Starter::Torchrun,
    Starter::TorchrunStandalone,
    Starter::TorchrunOnTwo,
    Starter::TorchrunElastic,
    Starter::TorchrunApart,
    Starter::OpenMpi,
    Starter::Mpich,
    Starter::Hands,
    Starter::Launcher,
];

/// How a run ended: the codes of what was started, and what all said.
struct End {
    codes: Vec<Option<i32>>,
    out: String,
    err: String,
}

impl Starter {
    fn is_torchrun(self) -> bool {
        !matches!(self, Self::OpenMpi | Self::Mpich | Self::Hands | Self::Launcher)
    }

    /// Its program, or why it cannot be used.
    fn program(self) -> Result<PathBuf, String> {
        let name = match self {
            Self::Hands => "sh",
            Self::Launcher => env!("CARGO_BIN_EXE_launcher"),
            Self::OpenMpi if !is_mpi_here() => return Err("this build has no MPI".to_owned()),
            Self::OpenMpi => "/usr/bin/mpirun",
            Self::Mpich => "mpiexec.hydra",
            _ => "torchrun",
        };
        let path = std::env::var_os("PATH").unwrap_or_default();
        let found = std::env::split_paths(&path).map(|folder| folder.join(name));
        found.into_iter().find(|path| path.exists()).ok_or(format!("there is no {name} on PATH"))
    }

    /// The words in front of the ranks' own, of each program that has to be started.
    fn words(self, port: u16) -> Vec<Vec<String>> {
        let (endpoint, port) = (format!("127.0.0.1:{port}"), port.to_string());
        fn torchrun<'a>(words: &[&'a str]) -> Vec<&'a str> {
            [words, &["--no-python"]].concat()
        }
        let of_two = |node| {
            let place = ["--master-addr", "127.0.0.1", "--master-port", &port];
            torchrun(&[&["--nnodes", "2", "--node-rank", node], &place[..]].concat())
        };
        let elastic = ["--nnodes", "2", "--rdzv-backend", "c10d", "--rdzv-endpoint", &endpoint];
        let programs: Vec<Vec<&str>> = match self {
            Self::Torchrun => vec![torchrun(&["--nproc-per-node", "2", "--master-port", &port])],
            Self::TorchrunStandalone | Self::TorchrunApart => {
                vec![torchrun(&["--standalone", "--nproc-per-node", "2"])]
            }
            Self::TorchrunOnTwo => vec![of_two("0"), of_two("1")],
            Self::TorchrunElastic => vec![torchrun(&elastic); 2],
            Self::OpenMpi => vec![vec!["--oversubscribe", "-n", "2"]],
            Self::Mpich => vec![vec!["-n", "2"]],
            Self::Hands => vec![vec!["-c", "exec \"$0\" \"$@\""]; 2],
            Self::Launcher => {
                vec![vec!["--start", "local", "--nproc-per-node", "2", "--"]]
            }
        };
        let owned = |words: Vec<&str>| words.into_iter().map(str::to_owned).collect();
        programs.into_iter().map(owned).collect()
    }

    /// A command of this starter's that becomes one rank or both, the `index`th of its commands.
    fn command(self, place: &Workplace, words: &[String], (index, port): (usize, u16)) -> Command {
        let mut command = Command::new(self.program().unwrap());
        command.args(words).current_dir(place.path(""));
        if self != Self::Launcher {
            command.arg(place.path("rank.sh"));
        }
        for (name, value) in [
            ("NO_COLOR", "1"),
            ("HF_HUB_OFFLINE", "1"),
            ("OMPI_ALLOW_RUN_AS_ROOT", "1"),
            ("OMPI_ALLOW_RUN_AS_ROOT_CONFIRM", "1"),
            ("OMPI_MCA_mpi_yield_when_idle", "1"),
            ("LOCKSTEP_TRAINER_OF_TEST", env!("CARGO_BIN_EXE_trainer")),
        ] {
            command.env(name, value);
        }
        match self {
            Self::TorchrunApart => {
                command.env("TORCH_DISABLE_SHARE_RDZV_TCP_STORE", "1");
            }
            Self::Hands => {
                command.env("RANK", index.to_string()).env("WORLD_SIZE", "2");
                command.env("MASTER_ADDR", "localhost").env("MASTER_PORT", port.to_string());
            }
            _ => {}
        }
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command.process_group(0);
        command
    }

    /// Starts both ranks with these arguments, and waits for the end.
    fn run(self, place: &Workplace, arguments: &[String]) -> Result<End, String> {
        self.program()?;
        let port = free_port();
        let start = |(index, words): (usize, Vec<String>)| {
            let mut command = self.command(place, &words, (index, port));
            command.args(arguments).spawn().unwrap()
        };
        let children: Vec<_> = self.words(port).into_iter().enumerate().map(start).collect();
        let groups: Vec<_> = children.iter().map(Pid::from_child).collect();
        let ends: Vec<Output> =
            children.into_iter().map(|child| child.wait_with_output().unwrap()).collect();
        for group in groups {
            let _ = kill_process_group(group, Signal::KILL);
        }
        let text = |of: fn(&Output) -> &Vec<u8>| {
            ends.iter().map(|end| String::from_utf8_lossy(of(end)).into_owned()).collect()
        };
        let codes = ends.iter().map(|end| end.status.code()).collect();
        Ok(End { codes, out: text(|end| &end.stdout), err: text(|end| &end.stderr) })
    }
}

/// A directory with a script that becomes a rank; what it does before is for `rank 1` alone.
fn workplace(before: &str) -> Workplace {
    let place = Workplace::new();
    let script = format!(
        "#!/bin/sh\nrank=${{RANK:-${{OMPI_COMM_WORLD_RANK:-$PMI_RANK}}}}\n\
         if [ \"$rank\" = 1 ]; then\n{before}\nfi\nexec \"$LOCKSTEP_TRAINER_OF_TEST\" \"$@\"\n"
    );
    fs::write(place.path("rank.sh"), script).unwrap();
    fs::set_permissions(place.path("rank.sh"), fs::Permissions::from_mode(0o755)).unwrap();
    fs::create_dir(place.path("elsewhere")).unwrap();
    place
}

/// Runs all starters there are; `check` looks at each end.
fn under_all(
    starters: &[Starter],
    before: &str,
    flags: &[&str],
    check: impl Fn(Starter, &Workplace, &End),
) {
    for starter in starters {
        let place = workplace(before);
        let rows = reference("golden/rows.tsv").canonicalize().unwrap();
        fs::copy(Path::new(&rows), place.path("rows.tsv")).unwrap();
        let common = ["--device", "cpu", "--train-file", "rows.tsv"];
        match starter.run(&place, &tiny_run("tiny", &[&common[..], flags].concat())) {
            Err(why) => skip_case(format_args!("{starter:?}: {why}")),
            Ok(end) => {
                check(*starter, &place, &end);
                println!("ok: {starter:?}");
            }
        }
    }
}

#[test]
fn two_ranks_train_together_under_every_starter() {
    under_all(&ALL, ":", &["--max-steps", "3"], |starter, place, end| {
        let told = format!("{starter:?}: {:?}\n{}\n{}", end.codes, end.out, end.err);
        assert!(end.codes.iter().all(|code| *code == Some(0)), "{told}");
        assert!(end.out.contains("rank 0 of 2") || end.err.contains("rank 0 of 2"), "{told}");
        assert_eq!(place.metrics("out", "update").len(), 3, "{told}");
    });
}

#[test]
fn a_rank_that_fails_ends_all_with_its_code() {
    // The launcher starts the trainer itself, and so has its own tests.
    let starters = &ALL[..ALL.len() - 1];
    under_all(starters, "cd elsewhere", &["--max-steps", "3"], |starter, _, end| {
        let told = format!("{starter:?}: {:?}\n{}\n{}", end.codes, end.out, end.err);
        assert!(end.err.contains("rows.tsv"), "{told}");
        if starter.is_torchrun() {
            // torchrun itself ends with 1, and says what its ranks ended with.
            assert!(end.codes.iter().all(|code| *code == Some(1)), "{told}");
            assert!(end.err.contains("exitcode  : 3"), "{told}");
        } else {
            assert!(end.codes.iter().all(|code| *code == Some(3)), "{told}");
        }
    });
}

#[test]
fn a_rank_that_is_killed_is_named_and_ends_all() {
    let starters = [
        Starter::Torchrun,
        Starter::TorchrunOnTwo,
        Starter::OpenMpi,
        Starter::Mpich,
        Starter::Hands,
    ];
    let before = "{ while [ ! -s out/metrics.jsonl ]; do sleep 0.1; done; kill -KILL $$; } \
                  >&- 2>&- &";
    let long = ["--num-train-epochs", "100000", "--save-strategy", "no"];
    under_all(&starters, before, &long, |starter, _, end| {
        let told = format!("{starter:?}: {:?}\n{}\n{}", end.codes, end.out, end.err);
        // MPICH's starter kills the others before they can speak, and says why itself.
        let named = if starter == Starter::Mpich { "signal 9" } else { "error: rank 1 (host " };
        assert!(end.err.contains(named) || end.out.contains(named), "{told}");
        assert!(end.codes.iter().all(|code| *code != Some(0)), "{told}");
        if starter == Starter::Hands {
            assert_eq!(end.codes, [Some(5), None], "{told}");
        }
    });
}

/// A rank by hand, of a run of two.
fn rank_by_hand(
    place: &Workplace,
    rank: &str,
    (host, port): (&str, u16),
    flags: &[&str],
) -> Command {
    let mut command = place.trainer(&tiny_run("tiny", &[&["--device", "cpu"], flags].concat()));
    command.env("RANK", rank).env("WORLD_SIZE", "2");
    command.env("MASTER_ADDR", host).env("MASTER_PORT", port.to_string());
    command
}

#[test]
fn runs_by_hand_at_one_port_stay_apart_by_their_names() {
    let (place, port) = (Workplace::new(), free_port());
    let start = |(run, steps, rank): (&str, &str, &str)| {
        let flags = ["--max-steps", steps, "--output-dir", run];
        let mut command = rank_by_hand(&place, rank, ("localhost", port), &flags);
        command.env("LOCKSTEP_RUN_ID", run).spawn().unwrap()
    };
    // The ranks 1 come to the wrong rank 0 first, and one rank 0 finds its port taken.
    let ranks = [("a", "3", "0"), ("b", "5", "1"), ("b", "5", "0"), ("a", "3", "1")].map(|rank| {
        let child = start(rank);
        std::thread::sleep(Duration::from_millis(500));
        child
    });
    for rank in ranks {
        let output = rank.wait_with_output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
    for (run, steps) in [("a", 3), ("b", 5)] {
        assert_eq!(place.metrics(run, "update").len(), steps, "{run}");
    }
}

#[test]
fn a_rank_that_waits_says_for_whom() {
    let check = |host: &str, port: u16, expected: &str| {
        let place = Workplace::new();
        let mut rank = rank_by_hand(&place, "1", (host, port), &[]).spawn().unwrap();
        let mut first = String::new();
        let mut lines = BufReader::new(rank.stderr.take().unwrap());
        lines.read_line(&mut first).unwrap();
        rank.kill().unwrap();
        rank.wait().unwrap();
        assert!(first.contains("rank 1 of 2 has waited 5 s for rank 0 at "), "{first}");
        assert!(first.contains(expected), "{first}");
    };
    check("nowhere.invalid", 1, "the name does not resolve");
    check("localhost", free_port(), "nothing listens on it yet");
}
