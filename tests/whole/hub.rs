//! A model from a hub on this machine, whose weights lie on another server, as the real hub's do.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::sleep;
use std::time::{Duration, Instant};

use lockstep_testkit::reference;
use rustix::process::{Pid, Signal, kill_process};

use crate::program::Workplace;

const FILES: [&str; 4] =
    ["config.json", "tokenizer.json", "tokenizer_config.json", "model.safetensors"];

/// A server; its thread ends with the test's process.
struct Server {
    address: String,
    heads: Arc<Mutex<Vec<String>>>,
}

impl Server {
    fn start(answer: impl Fn(&str, &mut TcpStream) + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let heads = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&heads);
        std::thread::spawn(move || {
            for mut stream in listener.incoming().flatten() {
                let lines = BufReader::new(stream.try_clone().unwrap()).lines();
                let lines = lines.map_while(Result::ok).take_while(|line| !line.is_empty());
                let head = lines.collect::<Vec<_>>().join("\n").to_lowercase();
                seen.lock().unwrap().push(head.clone());
                answer(&head, &mut stream);
            }
        });
        Self { address, heads }
    }

    fn heads(&self) -> Vec<String> {
        self.heads.lock().unwrap().clone()
    }
}

/// A store of the tiny model, which stops in the middle of the weights while it `stalls`.
fn store(stalls: Arc<AtomicBool>) -> Server {
    Server::start(move |head, stream| {
        let name = head.split_whitespace().nth(1).unwrap().rsplit('/').next().unwrap();
        let body = fs::read(reference("tiny").join(name)).unwrap();
        let from = head
            .split("bytes=")
            .nth(1)
            .map_or(0, |text| text.split('-').next().unwrap().parse::<usize>().unwrap());
        let (status, last, all) = (if from > 0 { 206 } else { 200 }, body.len() - 1, body.len());
        let rest = &body[from..];
        let _ = write!(
            stream,
            "HTTP/1.1 {status} Yes\r\nconnection: close\r\ncontent-length: {}\r\n\
             content-range: bytes {from}-{last}/{all}\r\n\r\n",
            rest.len()
        );
        if name == "model.safetensors" && stalls.load(Ordering::SeqCst) {
            let _ = stream.write_all(&rest[..rest.len() / 2]);
            // Until the other end is gone.
            let _ = stream.read(&mut [0]);
        } else {
            let _ = stream.write_all(rest);
        }
    })
}

/// A hub that has everything elsewhere.
fn hub(store: &Server) -> Server {
    let elsewhere = store.address.clone();
    Server::start(move |head, stream| {
        let name = head.split_whitespace().nth(1).unwrap().rsplit('/').next().unwrap();
        let size = fs::metadata(reference("tiny").join(name)).map_or(0, |file| file.len());
        let _ = if FILES.contains(&name) {
            write!(
                stream,
                "HTTP/1.1 302 Found\r\nconnection: close\r\nlocation: {elsewhere}/signed/{name}\r\n\
                 x-repo-commit: 0123456789abcdef0123456789abcdef01234567\r\n\
                 x-linked-etag: \"{name}-1\"\r\nx-linked-size: {size}\r\ncontent-length: 0\r\n\r\n"
            )
        } else {
            write!(stream, "HTTP/1.1 404 No\r\nconnection: close\r\ncontent-length: 0\r\n\r\n")
        };
    })
}

fn train(place: &Workplace, hub: &Server) -> Command {
    let rows = reference("golden/rows.tsv").display().to_string();
    let line = ["train", "--model", "lab/tiny", "--train-file", &rows, "--max-steps", "1"];
    let mut command = place.trainer(&[&line[..], &["--output-dir", "out"]].concat());
    command.env_remove("HF_HUB_OFFLINE").env("HF_ENDPOINT", &hub.address);
    command.env("HF_HOME", place.path("hf")).env("HF_TOKEN", "secret");
    command
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
    let blobs = place.path("hf/hub/models--lab--tiny/blobs");
    let partial = blobs.join("model.safetensors-1.incomplete");
    let half = size_of(&reference("tiny/model.safetensors")) / 2;

    let child = train(&place, &hub).spawn().unwrap();
    let patience = Instant::now() + Duration::from_secs(60);
    while size_of(&partial) < half {
        assert!(Instant::now() < patience, "no half of the weights in a minute");
        sleep(Duration::from_millis(5));
    }
    let asked = Instant::now();
    kill_process(Pid::from_child(&child), Signal::TERM).unwrap();
    let ended = child.wait_with_output().unwrap();
    let told = String::from_utf8_lossy(&ended.stderr).into_owned();
    assert_eq!(ended.status.code(), Some(75), "{told}");
    assert!(asked.elapsed() < Duration::from_secs(5), "{:?}", asked.elapsed());

    stalls.store(false, Ordering::SeqCst);
    let ended = train(&place, &hub).output().unwrap();
    assert!(ended.status.success(), "{}", String::from_utf8_lossy(&ended.stderr));
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
fn a_disk_that_fills_up_in_a_download_is_no_unreadable_model() {
    let store = store(Arc::new(AtomicBool::new(false)));
    let hub = hub(&store);
    let place = Workplace::new();
    let blobs = place.path("hf/hub/models--lab--tiny/blobs");
    fs::create_dir_all(&blobs).unwrap();
    let partial = blobs.join("model.safetensors-1.incomplete");
    std::os::unix::fs::symlink("/dev/full", partial).unwrap();
    let ended = train(&place, &hub).output().unwrap();
    let told = String::from_utf8_lossy(&ended.stderr).into_owned();
    assert_eq!(ended.status.code(), Some(1), "{told}");
    assert!(told.contains("free some space"), "{told}");
}
