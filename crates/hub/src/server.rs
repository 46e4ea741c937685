//! A hub of a few files on 127.0.0.1, which can also misbehave or send elsewhere.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

/// How the server answers.
#[derive(Clone, Copy, Debug)]
pub(super) enum Manner {
    /// As the hub does.
    Proper,
    /// With this status to everything.
    Status(u16),
    /// It breaks off in the middle of this file.
    BreaksOff(&'static str),
    /// It announces one byte fewer of this file than it sends.
    Understates(&'static str),
}

/// What is sent back.
#[derive(Clone, Debug, Default)]
pub(super) struct Reply {
    pub(super) status: u16,
    pub(super) headers: Vec<(&'static str, String)>,
    pub(super) body: Vec<u8>,
    /// So much of the body is announced and not sent.
    pub(super) withheld: usize,
    /// How long the connection stays open behind what is sent.
    pub(super) lingers: Duration,
}

impl Reply {
    pub(super) fn of(status: u16) -> Self {
        Self { status, ..Self::default() }
    }

    /// To another address.
    pub(super) fn to(location: &str) -> Self {
        Self::of(302).with("location", location)
    }

    pub(super) fn with(mut self, name: &'static str, value: &str) -> Self {
        self.headers.push((name, value.to_owned()));
        self
    }

    /// A file as the hub sends it, from the byte on that was asked for.
    pub(super) fn file(head: &str, name: &str, body: &[u8]) -> Self {
        let range = head.split("bytes=").nth(1).and_then(|range| range.split('-').next());
        let from = range.map_or(0, |from| from.parse().unwrap());
        let reply = match range {
            None => Self::of(200),
            Some(_) => Self::of(206)
                .with("content-range", &format!("bytes {from}-{}/{}", body.len() - 1, body.len())),
        };
        let reply = reply.with("etag", &format!("\"{name}-1\"")).with("x-repo-commit", "c0ffee");
        Self { body: body[from..].to_vec(), ..reply }
    }
}

/// A running server; its thread ends with the test's process.
pub(super) struct Server {
    pub(super) endpoint: String,
    requests: Arc<Mutex<Vec<String>>>,
}

pub(super) type Files = &'static [(&'static str, &'static str)];

impl Server {
    /// A hub of these files.
    pub(super) fn start(files: Files, manner: Manner) -> Self {
        Self::answering(move |head| answer(head, files, manner))
    }

    /// A server that answers to the heads of requests, which are in lower case.
    pub(super) fn answering(answer: impl Fn(&str) -> Reply + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let requests = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&requests);
        thread::spawn(move || {
            for mut stream in listener.incoming().flatten() {
                let head = head(&stream);
                if !head.is_empty() {
                    seen.lock().unwrap().push(head.clone());
                    let _ = send(&mut stream, &answer(&head));
                }
            }
        });
        Self { endpoint, requests }
    }

    /// The heads of all requests so far, in lower case.
    pub(super) fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }

    /// How many requests there were for a path that ends so.
    pub(super) fn count(&self, ending: &str) -> usize {
        let ending = format!("{ending} http");
        self.requests().iter().filter(|head| head.contains(&ending)).count()
    }
}

/// The file that a head asks for.
pub(super) fn file_of(head: &str) -> &str {
    let path = head.split_whitespace().nth(1).unwrap();
    path.split('?').next().unwrap().rsplit('/').next().unwrap()
}

fn head(stream: &TcpStream) -> String {
    let reader = BufReader::new(stream.try_clone().unwrap());
    let lines: Vec<String> =
        reader.lines().map_while(Result::ok).take_while(|line| !line.is_empty()).collect();
    lines.join("\n").to_lowercase()
}

fn send(stream: &mut TcpStream, reply: &Reply) -> std::io::Result<()> {
    write!(stream, "HTTP/1.1 {} Yes\r\nconnection: close\r\n", reply.status)?;
    for (name, value) in &reply.headers {
        write!(stream, "{name}: {value}\r\n")?;
    }
    write!(stream, "content-length: {}\r\n\r\n", reply.body.len())?;
    stream.write_all(&reply.body[..reply.body.len() - reply.withheld])?;
    thread::sleep(reply.lingers);
    Ok(())
}

fn answer(head: &str, files: Files, manner: Manner) -> Reply {
    let file = file_of(head);
    let body = files.iter().find(|(name, _)| *name == file).map(|(_, body)| body.as_bytes());
    match (manner, body) {
        (Manner::Status(status), _) => Reply::of(status),
        (_, None) => Reply::of(404),
        (Manner::BreaksOff(name), Some(body)) if name == file => {
            let reply = Reply::file(head, file, body);
            Reply { withheld: reply.body.len().div_ceil(2), ..reply }
        }
        (Manner::Understates(name), Some(body)) if name == file => {
            let less = (body.len() - 1).to_string();
            Reply::file(head, file, body).with("x-linked-size", &less)
        }
        (_, Some(body)) => Reply::file(head, file, body),
    }
}
