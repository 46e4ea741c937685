//! The two servers that play the hub.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use lockstep_testkit::reference;

const FILES: [&str; 4] =
    ["config.json", "tokenizer.json", "tokenizer_config.json", "model.safetensors"];

/// A server; its thread ends with the test's process.
pub(super) struct Server {
    pub(super) address: String,
    heads: Arc<Mutex<Vec<String>>>,
}

impl Server {
    pub(super) fn start(answer: impl Fn(&str, &mut TcpStream) + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let heads = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&heads);
        let answer = Arc::new(answer);
        std::thread::spawn(move || {
            for mut stream in listener.incoming().flatten() {
                let lines = BufReader::new(stream.try_clone().unwrap()).lines();
                let lines = lines.map_while(Result::ok).take_while(|line| !line.is_empty());
                let head = lines.collect::<Vec<_>>().join("\n").to_lowercase();
                seen.lock().unwrap().push(head.clone());
                let answer = Arc::clone(&answer);
                std::thread::spawn(move || answer(&head, &mut stream));
            }
        });
        Self { address, heads }
    }

    /// The heads of all requests so far, in lower case.
    pub(super) fn heads(&self) -> Vec<String> {
        self.heads.lock().unwrap().clone()
    }
}

/// A store of the tiny model, which stops in the middle of the weights while it `stalls`.
pub(super) fn store(stalls: Arc<AtomicBool>) -> Server {
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
pub(super) fn hub(store: &Server) -> Server {
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

/// The body of an answer, with these lines in its head.
pub(super) fn send(stream: &mut TcpStream, head: &str, body: &[u8]) {
    let length = body.len();
    let lines = format!("HTTP/1.1 {head}connection: close\r\ncontent-length: {length}\r\n\r\n");
    let _ = stream.write_all(&[lines.as_bytes(), body].concat());
}
