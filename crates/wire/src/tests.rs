//! A door, those who belong there, and those who do not.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use super::*;

const SOON: Duration = Duration::from_secs(10);

fn token(text: &str) -> Token {
    Token::new(text)
}

fn pass(token: Option<&Token>, run: &str) -> Pass {
    Pass::of_run(DoorPurpose::Rendezvous, token, RunIdentity::named("RUN", run))
}

/// A door for this pass, during `visit`; gives its port's visitors and it.
fn opened<T: Send>(
    pass: Pass,
    visit: impl FnOnce(u16) -> T + Send,
) -> (Vec<String>, T, Door<String>) {
    let mut door = Door::open(Ipv4Addr::LOCALHOST.into(), 0, pass).unwrap();
    let port = door.port().unwrap();
    let (mut came, is_over) = (Vec::new(), AtomicBool::new(false));
    let visited = thread::scope(|scope| {
        let visitor = scope.spawn(|| {
            let visited = visit(port);
            is_over.store(true, Ordering::Relaxed);
            visited
        });
        while !is_over.load(Ordering::Relaxed) {
            for (word, mut line) in door.look() {
                line.send(&format!("{word} to you"));
                line.flush_until(Instant::now() + SOON);
                came.push(word);
            }
        }
        visitor.join().unwrap()
    });
    (came, visited, door)
}

fn dial(port: u16) -> TcpStream {
    TcpStream::connect(("127.0.0.1", port)).unwrap()
}

/// What a visitor with this pass is answered.
fn visit(port: u16, pass: &Pass) -> Result<Option<String>, NoEntry> {
    let mut line = knock(dial(port), pass, &"hello".to_owned(), Instant::now() + SOON)?;
    Ok(line.wait(Instant::now() + SOON))
}

#[test]
fn those_who_know_the_key_come_in_and_all_others_learn_why_not() {
    let (ours, other) = (token("a long and secret word"), token("another long word"));
    let check = |asked: Option<&Token>, known: Option<&Token>, run: &str, expected: &str| {
        let (came, found, mut door) =
            opened(pass(asked, "a"), |port| visit(port, &pass(known, run)));
        let found = match found {
            Ok(word) => word.unwrap_or_default(),
            Err(NoEntry::Other(run)) => format!("another run: {run}"),
            Err(no) => format!("{no:?}"),
        };
        assert_eq!(found, expected, "{asked:?} {known:?} {run}");
        let is_in = expected.starts_with("hello");
        assert_eq!(came.len(), usize::from(is_in));
        let end = Instant::now() + SOON;
        while !is_in && run == "a" && door.refused().count() == 0 && Instant::now() < end {
            door.look();
        }
        assert_eq!(door.refused().count(), u64::from(!is_in && run == "a"));
        assert_eq!(door.refused().other().is_some(), run != "a");
    };
    check(Some(&ours), Some(&ours), "a", "hello to you");
    check(None, None, "a", "hello to you");
    check(Some(&ours), None, "a", "TokenWanted");
    check(None, Some(&ours), "a", "TokenUnknown");
    check(Some(&ours), Some(&other), "a", "TokenDiffers");
    check(None, None, "b", "another run: RUN=a");
    check(Some(&ours), Some(&other), "b", "another run: RUN=a");
}

/// Strangers of every kind, who stay until they are dropped: `count` of each.
fn strangers(port: u16, count: usize, greeting: &[u8]) -> Vec<TcpStream> {
    let mut stay = Vec::new();
    for _ in 0..count {
        for bytes in [
            &b""[..],
            b"G",
            b"GET / HTTP/1.1\r\n\r\n",
            &[0xff; 9000],
            &u32::MAX.to_le_bytes(),
            &[0, 0, 0, 0],
            &greeting[..greeting.len() / 2],
            greeting,
        ] {
            let mut stream = dial(port);
            let _ = stream.write_all(bytes);
            stay.push(stream);
        }
        let half = dial(port);
        half.shutdown(std::net::Shutdown::Write).unwrap();
        stay.push(half);
        drop(dial(port));
    }
    stay
}

/// What a visitor sends first, as one that listens on its way would have it.
fn overheard(pass: &Pass) -> Vec<u8> {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let mut bytes = vec![0; 4000];
    thread::scope(|scope| {
        scope.spawn(|| {
            let end = Instant::now() + Duration::from_millis(300);
            knock(dial(port), pass, &"hello".to_owned(), end).map(|_| ())
        });
        let count = listener.accept().unwrap().0.read(&mut bytes).unwrap();
        bytes.truncate(count);
    });
    bytes
}

#[test]
fn strangers_hold_up_none_who_belong_there_and_all_are_counted() {
    let token = token("a long and secret word");
    let ours = pass(Some(&token), "a");
    let greeting = overheard(&ours);
    // More than there are places, and none of them leaves.
    let ((came, (stay, took), mut door), theirs) = (
        opened(ours.clone(), |port| {
            let stay = strangers(port, 40, &greeting);
            let began = Instant::now();
            for _ in 0..5 {
                assert_eq!(visit(port, &ours).unwrap().unwrap(), "hello to you");
            }
            (stay, began.elapsed())
        }),
        40 * 10,
    );
    assert_eq!(came.len(), 5);
    println!("five ranks came in after {took:?}");
    drop(stay);
    let end = Instant::now() + SOON;
    while door.refused().count() < theirs && Instant::now() < end {
        assert!(door.look().is_empty());
    }
    let expected = "refused 400 connections from 127.0.0.1 that do not know the run's token";
    assert_eq!(door.refused().to_string(), expected);
}

#[test]
fn an_answer_holds_for_its_own_challenge_only() {
    // A visitor's whole talk, played to the door once more.
    let token = token("a long and secret word");
    let ours = pass(Some(&token), "a");
    let (came, _, _) = opened(ours.clone(), |port| {
        let between = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let there = between.local_addr().unwrap().port();
        let talk = thread::scope(|scope| {
            let visitor = scope.spawn(|| visit(there, &ours).unwrap());
            let (mut theirs, mut door) = (between.accept().unwrap().0, dial(port));
            let pass_on = |from: &mut TcpStream, to: &mut TcpStream| {
                let mut bytes = vec![0; 4000];
                let count = from.read(&mut bytes).unwrap();
                bytes.truncate(count);
                to.write_all(&bytes).unwrap();
                bytes
            };
            let knock = pass_on(&mut theirs, &mut door);
            pass_on(&mut door, &mut theirs);
            let answer = pass_on(&mut theirs, &mut door);
            pass_on(&mut door, &mut theirs);
            assert_eq!(visitor.join().unwrap().unwrap(), "hello to you");
            [knock, answer]
        });
        let mut again = dial(port);
        again.write_all(&talk.concat()).unwrap();
        let mut answer = Vec::new();
        let _ = again.read_to_end(&mut answer);
        assert!(!String::from_utf8_lossy(&answer).contains("to you"));
    });
    assert_eq!(came, ["hello"]);
}
