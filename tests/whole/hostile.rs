//! Strangers at every port of a run, while its ranks start and train: the run does not notice.
//!
//! `LOCKSTEP_HOSTILE=200 cargo test --release --test whole hostile -- --nocapture` has 200 at each port.

use std::collections::BTreeSet;
use std::fs;
use std::io::Write;
use std::net::{Ipv4Addr, Shutdown, TcpStream};
use std::process::Child;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use lockstep_testkit::free_port;
use rustix::net::sockopt::set_socket_linger;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::program::{Workplace, tiny_run};

const RANKS: u32 = 3;
const UPDATES: &str = "60";
/// The strangers at each port, unless a variable says how many.
const STRANGERS: usize = 20;
/// How long a run may take to do what is waited for.
const PATIENCE: Duration = Duration::from_secs(60);

/// What strangers have done.
#[derive(Default)]
pub(crate) struct Attack {
    pub(crate) is_over: AtomicBool,
    /// The ports at which all of them were, and their connections.
    pub(crate) ports: AtomicU64,
    connections: AtomicU64,
}

/// A run's ranks.
struct Ranks {
    place: Workplace,
    port: u16,
    children: Vec<Child>,
}

impl Ranks {
    fn new() -> Self {
        Self { place: Workplace::new(), port: free_port(), children: Vec::new() }
    }

    fn start(&mut self, rank: u32) {
        let further = ["--device", "cpu", "--max-steps", UPDATES, "--save-strategy", "no"];
        let mut command = self.place.trainer(&tiny_run("tiny", &further));
        command.env("RANK", rank.to_string()).env("WORLD_SIZE", RANKS.to_string());
        command.env("MASTER_ADDR", "127.0.0.1").env("MASTER_PORT", self.port.to_string());
        command.env("LOCKSTEP_TOKEN", "a long and secret word");
        self.children.push(command.spawn().unwrap());
    }

    fn processes(&self) -> Vec<u32> {
        self.children.iter().map(Child::id).collect()
    }

    /// Waits for the first update; gives how long it took.
    fn first_update(&self) -> Duration {
        let began = Instant::now();
        while self.place.metrics("out", "update").is_empty() {
            assert!(began.elapsed() < PATIENCE, "the ranks did not start");
            thread::sleep(Duration::from_millis(2));
        }
        began.elapsed()
    }

    /// Waits for the good end of all; gives the weights, and what they wrote to the standard error.
    fn finish(self) -> (Vec<u8>, String) {
        let mut told = String::new();
        for child in self.children {
            let output = child.wait_with_output().unwrap();
            let err = String::from_utf8_lossy(&output.stderr).into_owned();
            assert!(output.status.success(), "{}: {err}", output.status);
            told += &err;
        }
        (fs::read(self.place.path("out/model.safetensors")).unwrap(), told)
    }
}

/// The TCP ports at which these processes listen.
fn listening(processes: &[u32]) -> BTreeSet<u16> {
    let mut ports = BTreeSet::new();
    for process in processes {
        let links = fs::read_dir(format!("/proc/{process}/fd")).into_iter().flatten().flatten();
        let links = links.filter_map(|entry| fs::read_link(entry.path()).ok());
        let sockets: BTreeSet<String> = links
            .filter_map(|link| {
                Some(link.to_str()?.strip_prefix("socket:[")?.strip_suffix(']')?.to_owned())
            })
            .collect();
        for table in ["tcp", "tcp6"] {
            let table = fs::read_to_string(format!("/proc/{process}/net/{table}"));
            for line in table.unwrap_or_default().lines().skip(1) {
                let fields: Vec<_> = line.split_whitespace().collect();
                let is_listening = fields.get(3) == Some(&"0A");
                if is_listening && fields.get(9).is_some_and(|inode| sockets.contains(*inode)) {
                    let port = fields[1].rsplit(':').next().unwrap();
                    ports.insert(u16::from_str_radix(port, 16).unwrap());
                }
            }
        }
    }
    ports
}

/// What strangers say first, by their kind; the last is how a rank begins.
fn words() -> Vec<Vec<u8>> {
    let knock = br#"{"Knock":{"nonce":[1,2],"run":{"parts":{},"is_name":false},"has_token":true}}"#;
    let greeting = [&u32::try_from(knock.len()).unwrap().to_le_bytes()[..], knock].concat();
    vec![
        b"GET / HTTP/1.1\r\nHost: x\r\n\r\n".to_vec(),
        vec![0xff; 16_000],
        u32::MAX.to_le_bytes().to_vec(),
        greeting[..20].to_vec(),
        greeting,
    ]
}

/// Strangers who stay: those who say nothing, and those who send a byte a second.
#[derive(Default)]
struct Guests {
    idle: Vec<TcpStream>,
    slow: Vec<TcpStream>,
}

/// Comes to a port as `count` strangers of all kinds.
fn visit(port: u16, count: usize, attack: &Attack, guests: &mut Guests) {
    let words = words();
    let kinds = words.len() + 4;
    for number in 0..count {
        let Ok(mut stream) = TcpStream::connect((Ipv4Addr::LOCALHOST, port)) else { break };
        attack.connections.fetch_add(1, Ordering::Relaxed);
        match number % kinds {
            // One that resets the connection at once.
            0 => set_socket_linger(&stream, Some(Duration::ZERO)).unwrap(),
            1 => {
                let _ = stream.shutdown(Shutdown::Write);
                guests.idle.push(stream);
            }
            2 => guests.idle.push(stream),
            3 => guests.slow.push(stream),
            kind => {
                let _ = stream.write_all(&words[kind - 4]);
                guests.slow.push(stream);
            }
        }
    }
}

/// Finds the ports of these processes until the attack is over, and comes to each.
pub(crate) fn besiege(processes: &[u32], count: usize, attack: &Attack) {
    let (mut known, mut guests) = (BTreeSet::new(), Guests::default());
    let mut last = Instant::now();
    while !attack.is_over.load(Ordering::Relaxed) {
        for port in listening(processes) {
            if known.insert(port) {
                visit(port, count, attack, &mut guests);
                attack.ports.fetch_add(1, Ordering::Relaxed);
            }
        }
        if last.elapsed() > Duration::from_secs(1) {
            last = Instant::now();
            guests.slow.retain_mut(|stream| stream.write_all(&[0]).is_ok());
        }
        thread::sleep(Duration::from_millis(1));
    }
}

/// How many strangers there are at each port.
pub(crate) fn strangers() -> usize {
    let number = std::env::var("LOCKSTEP_HOSTILE").ok().and_then(|text| text.parse().ok());
    number.unwrap_or(STRANGERS)
}

/// Lets the connections of all ports be open at once.
pub(crate) fn raise_limit() {
    let limit = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit }).unwrap();
}

/// A run among so many strangers at each port.
struct End {
    weights: Vec<u8>,
    /// From the start of its last rank to its first update.
    start: Duration,
    /// What its ranks wrote to the standard error.
    told: String,
    connections: u64,
    ports: u64,
}

fn run(strangers: usize) -> End {
    let mut ranks = Ranks::new();
    let attack = Attack::default();
    (0..RANKS - 1).for_each(|rank| ranks.start(rank));
    let start = thread::scope(|scope| {
        let (processes, attack) = (ranks.processes(), &attack);
        scope.spawn(move || besiege(&processes, strangers, attack));
        // The rendezvous and the ports for neighbours have all their strangers before the last rank.
        let began = Instant::now();
        while attack.ports.load(Ordering::Relaxed) < 3 && began.elapsed() < PATIENCE {
            thread::sleep(Duration::from_millis(5));
        }
        ranks.start(RANKS - 1);
        let last = ranks.processes().split_off(2);
        scope.spawn(move || besiege(&last, strangers, attack));
        let took = ranks.first_update();
        // They stay for a part of the training.
        thread::sleep(Duration::from_millis(500));
        let processes = ranks.processes();
        assert!(listening(&processes).is_empty(), "a port stayed open while the ranks trained");
        attack.is_over.store(true, Ordering::Relaxed);
        took
    });
    let (weights, told) = ranks.finish();
    let [connections, ports] =
        [&attack.connections, &attack.ports].map(|n| n.load(Ordering::Relaxed));
    End { weights, start, told, connections, ports }
}

#[test]
fn strangers_at_every_port_change_nothing() {
    raise_limit();
    let strangers = strangers();
    let quiet = run(0);
    let besieged = run(strangers);
    let End { start, connections, ports, .. } = &besieged;
    println!(
        "{connections} hostile connections to {ports} ports; the first update came {start:.2?} after \
         the last rank's start, and {:.2?} without them",
        quiet.start
    );
    assert!(*ports >= 3 && *connections >= 3 * strangers as u64, "{ports} {connections}");
    assert!(quiet.weights == besieged.weights, "strangers changed the weights");
    let refused = "connections from 127.0.0.1 that do not know the run's token";
    assert_eq!(besieged.told.matches(refused).count(), 1, "{}", besieged.told);
    assert!(!quiet.told.contains("refused"), "{}", quiet.told);
}
