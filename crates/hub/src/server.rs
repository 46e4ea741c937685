//! A hub of a few files on 127.0.0.1, which can also misbehave.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

/// How the server answers.
#[derive(Clone, Copy, Debug)]
pub(super) enum Manner {
    /// As the hub does.
    Proper,
    /// With this status to everything.
    Status(u16),
    /// It breaks off in the middle of this file.
    BreaksOff(&'static str),
    /// It announces fewer bytes of this file than it has.
    Understates(&'static str),
}

/// A running server; its thread ends with the test's process.
pub(super) struct Server {
    pub(super) endpoint: String,
    requests: Arc<Mutex<Vec<String>>>,
}

type Files = &'static [(&'static str, &'static str)];

impl Server {
    pub(super) fn start(files: Files, manner: Manner) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let requests = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&requests);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                answer(stream, files, manner, &seen);
            }
        });
        Self { endpoint, requests }
    }

    /// The heads of all requests so far, in lower case.
    pub(super) fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }
}

fn answer(mut stream: TcpStream, files: Files, manner: Manner, seen: &Mutex<Vec<String>>) {
    let reader = BufReader::new(stream.try_clone().unwrap());
    let lines: Vec<String> =
        reader.lines().map_while(Result::ok).take_while(|line| !line.is_empty()).collect();
    let head = lines.join("\n").to_lowercase();
    let file = lines[0].split_whitespace().nth(1).unwrap().rsplit('/').next().unwrap().to_owned();
    let from: usize =
        head.split("bytes=").nth(1).unwrap().split('-').next().unwrap().parse().unwrap();
    let probes = head.contains("bytes=0-0");
    seen.lock().unwrap().push(head);
    let body = files.iter().find(|(name, _)| *name == file).map(|(_, body)| body.as_bytes());
    let _ = match (manner, body) {
        (Manner::Status(status), _) => write!(stream, "HTTP/1.1 {status} No\r\n{EMPTY}"),
        (_, None) => write!(stream, "HTTP/1.1 404 Not Found\r\n{EMPTY}"),
        (manner, Some(body)) => {
            let total = match manner {
                Manner::Understates(name) if name == file => body.len() - 1,
                _ => body.len(),
            };
            let sent = if probes { &body[..1] } else { &body[from..] };
            let breaks = matches!(manner, Manner::BreaksOff(name) if name == file && !probes);
            let kept = if breaks { &sent[..sent.len() / 2] } else { sent };
            write!(
                stream,
                "HTTP/1.1 206 Partial Content\r\ncontent-length: {}\r\n\
                 content-range: bytes {from}-{}/{total}\r\netag: \"{file}-1\"\r\n\
                 x-repo-commit: c0ffee\r\nconnection: close\r\n\r\n",
                sent.len(),
                from + sent.len() - 1
            )
            .and_then(|()| stream.write_all(kept))
        }
    };
}

const EMPTY: &str = "content-length: 0\r\nconnection: close\r\n\r\n";
