//! Ranks that meet over the loopback: threads stand in for processes, each with its own sockets.

use std::io::Write;
use std::net::{TcpListener, TcpStream};
use std::sync::Mutex;
use std::thread;
use std::time::Duration;

use lockstep_collective::{
    Audited, Collective, CollectiveError, FlightRecorder, Meeting, MeetingPlace, Patience,
    PeerRemedy, Phase, RunIdentity, Tcp, Token,
};
use lockstep_testkit::free_port;
use lockstep_world::{Rank, Seat, WorldSize};

use crate::checks::{LARGEST, keeps_every_promise, sums_are_exact};

const PATIENCE: Duration = Duration::from_secs(30);
const SHORT: Duration = Duration::from_millis(600);

fn seat(rank: usize, size: usize) -> Seat {
    Seat::new(Rank(rank), WorldSize::new(size).unwrap()).unwrap()
}

/// A port that is free just now.
fn place() -> MeetingPlace {
    MeetingPlace { host: "localhost".to_owned(), port: free_port() }
}

/// A rank of a run without a name.
fn meet(seat: Seat, place: &MeetingPlace, limit: Duration) -> Result<Tcp, CollectiveError> {
    Tcp::meet(seat, &place.clone().into(), &Patience { limit, tell: &|_| {} })
}

/// What `work` gives on each rank of a world of `size`.
fn run<T: Send>(size: usize, work: impl Fn(Tcp) -> T + Sync) -> Vec<T> {
    let place = place();
    thread::scope(|scope| {
        let (place, work) = (&place, &work);
        let start =
            |rank| scope.spawn(move || work(meet(seat(rank, size), place, PATIENCE).unwrap()));
        let ranks: Vec<_> = (0..size).map(start).collect();
        ranks.into_iter().map(|rank| rank.join().unwrap()).collect()
    })
}

#[test]
fn tcp_keeps_every_promise() {
    for size in 1..=4 {
        run(size, |mut ranks| {
            keeps_every_promise(&mut ranks);
            Box::new(ranks).leave().unwrap();
        });
    }
}

#[test]
fn compared_calls_over_tcp_keep_every_promise() {
    run(3, |ranks| {
        let mut ranks = Audited::new(ranks);
        keeps_every_promise(&mut ranks);
        Box::new(ranks).leave().unwrap();
    });
}

#[test]
fn tcp_sums_the_largest_buffer() {
    run(2, |mut ranks| sums_are_exact(&mut ranks, LARGEST));
}

#[test]
fn a_rank_that_is_gone_is_named() {
    let errors = run(3, |mut ranks| {
        if ranks.seat().rank() == Rank(1) {
            return String::new();
        }
        let error = ranks.all_reduce_sum(&mut vec![1.0; 4_000_000]).unwrap_err();
        assert_eq!(error.remedy(), Some(PeerRemedy::Resume));
        error.to_string()
    });
    let expected = "rank 1 (127.0.0.1) was lost during all_reduce_sum";
    assert!(errors.iter().any(|error| error.contains(expected)), "{errors:?}");
}

/// Whichever of four ranks makes another call, whenever and of which kind, all ranks say which.
#[test]
fn a_rank_with_another_call_is_named_in_every_phase() {
    const TRIES: usize = 20;
    let phases = [Phase::Starting, Phase::Summing, Phase::Evaluating, Phase::Saving];
    for (number, phase) in phases.into_iter().enumerate() {
        for attempt in 0..TRIES {
            let (odd, kind) = (Rank(attempt % 4), (attempt / 4 + number) % 4);
            let errors = run(4, |ranks| {
                let recorder = FlightRecorder::default();
                recorder.board().enter(phase, 3);
                let mut ranks = Audited::with(ranks, recorder);
                ranks.barrier().unwrap();
                let outcome = match kind {
                    _ if ranks.seat().rank() != odd => ranks.all_reduce_sum(&mut [0.0; 10]),
                    0 => ranks.all_gather(&[1]).map(drop),
                    1 => ranks.all_reduce_sum(&mut [0.0; 9]),
                    2 => ranks.broadcast(&mut [0.0; 10], Rank(0)),
                    _ => ranks.barrier(),
                };
                outcome.unwrap_err()
            });
            for error in errors {
                assert!(matches!(error, CollectiveError::Diverged { .. }), "{error}");
                let expected = format!("rank {}: call 2", odd.0);
                assert!(error.to_string().contains(&expected), "{phase:?}, {kind}: {error}");
            }
        }
    }
}

/// Starts rank 0 of three with a short patience, lets `others` do something, and gives its error.
fn refused(others: impl FnOnce(&MeetingPlace)) -> String {
    let place = place();
    thread::scope(|scope| {
        let leader = scope.spawn(|| meet(seat(0, 3), &place, SHORT));
        others(&place);
        let error = leader.join().unwrap().unwrap_err();
        assert!(matches!(error, CollectiveError::NotMet { .. }), "{error}");
        error.to_string()
    })
}

#[test]
fn ranks_that_never_come_are_named() {
    let error = refused(|_| {});
    assert!(
        error.contains("rank 0 of 3") && error.contains("rank 1, 2 never connected"),
        "{error}"
    );
    assert!(error.contains("MASTER_ADDR") && error.contains("localhost:"), "{error}");
    let error = meet(seat(1, 2), &place(), SHORT).unwrap_err().to_string();
    assert!(
        error.contains("rank 0 was not reachable in time; last error: Connection refused"),
        "{error}"
    );
}

#[test]
fn strangers_take_no_seat() {
    let error = refused(|place| {
        for bytes in [&b"GET / HTTP/1.1\r\n\r\n"[..], &[0xff; 9000], &[0, 0, 0, 0], b""] {
            if let Ok(mut stream) = dial(place) {
                let _ = stream.write_all(bytes);
            }
        }
    });
    assert!(error.contains("rank 1, 2 never connected"), "{error}");
}

fn dial(place: &MeetingPlace) -> std::io::Result<TcpStream> {
    let mut last = TcpStream::connect(("127.0.0.1", place.port));
    for _ in 0..50 {
        if last.is_ok() {
            break;
        }
        thread::sleep(Duration::from_millis(5));
        last = TcpStream::connect(("127.0.0.1", place.port));
    }
    last
}

#[test]
fn a_rank_that_was_started_wrongly_is_refused() {
    let check = |theirs: Seat, expected: &str| {
        refused(|place| {
            let error = meet(theirs, place, SHORT).unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        });
    };
    check(seat(1, 4), "this run has 3 ranks, but the rank was started for 4");
    refused(|place| {
        thread::scope(|scope| {
            let twins: Vec<_> =
                (0..2).map(|_| scope.spawn(|| meet(seat(1, 3), place, SHORT / 2))).collect();
            let errors = twins.into_iter().map(|twin| twin.join().unwrap().unwrap_err());
            let errors: Vec<_> = errors.map(|error| error.to_string()).collect();
            let told = errors.iter().filter(|error| error.contains("two have the same RANK"));
            assert_eq!(told.count(), 1, "{errors:?}");
        });
    });
}

/// What each of two ranks with these tokens says of it; nothing for those that met.
fn met_with(tokens: [Option<&str>; 2]) -> [String; 2] {
    let place = place();
    thread::scope(|scope| {
        let ranks = [0, 1].map(|rank| {
            let token = tokens[rank].map(Token::new);
            let meeting = Meeting { token, ..place.clone().into() };
            scope.spawn(move || {
                let patience = Patience { limit: 2 * SHORT, tell: &|_| {} };
                Tcp::meet(seat(rank, 2), &meeting, &patience).err().map(|error| error.to_string())
            })
        });
        ranks.map(|rank| rank.join().unwrap().unwrap_or_default())
    })
}

#[test]
fn ranks_with_one_token_meet_and_others_learn_why_not() {
    let (a, b) = (Some("a long and secret word"), Some("another secret word"));
    assert_eq!(met_with([a, a]), ["", ""]);
    let check = |tokens, of_leader: &str, of_other: &str| {
        let [leader, other] = met_with(tokens);
        assert!(leader.contains("rank 1 never connected; refused 1 connection from"), "{leader}");
        assert!(leader.contains(of_leader), "{leader}");
        assert!(other.contains(of_other), "{other}");
        assert!(!leader.contains("secret") && !other.contains("secret"), "{leader} {other}");
    };
    let unknown = "that does not know the run's token";
    check([a, None], unknown, "rank 0 has a token (LOCKSTEP_TOKEN), and this rank was started wi");
    check([a, b], unknown, "rank 0 has another token (LOCKSTEP_TOKEN) than this rank");
    check(
        [None, a],
        "that has a token, and there is none here",
        "this rank has a token (LOCKSTEP_TOKEN), and rank 0 was started without one",
    );
}

/// A meeting of the run of that name.
fn of_run(place: &MeetingPlace, name: &str) -> Meeting {
    Meeting { run: RunIdentity::named("LOCKSTEP_RUN_ID", name), ..place.clone().into() }
}

#[test]
fn runs_that_share_a_port_never_meet_and_all_come_to_their_end() {
    const RUNS: usize = 4;
    let place = place();
    // The ranks of all runs come interleaved; each sum tells whose ranks met.
    let sums = thread::scope(|scope| {
        let place = &place;
        let start = |number: usize| {
            scope.spawn(move || {
                let (run, rank) = (number % RUNS, number / RUNS);
                thread::sleep(Duration::from_millis(20 * number as u64));
                let (tell, limit) = (&|_: &str| {}, PATIENCE);
                let meeting = of_run(place, &run.to_string());
                let mut ranks =
                    Tcp::meet(seat(1 - rank, 2), &meeting, &Patience { limit, tell }).unwrap();
                let mut sum = [(1 << (4 * run)) as f32];
                ranks.all_reduce_sum(&mut sum).unwrap();
                Box::new(ranks).leave().unwrap();
                (run, sum[0])
            })
        };
        let all: Vec<_> = (0..2 * RUNS).map(start).collect();
        all.into_iter().map(|rank| rank.join().unwrap()).collect::<Vec<_>>()
    });
    for (run, sum) in sums {
        assert_eq!(sum, 2.0 * (1 << (4 * run)) as f32, "run {run}");
    }
}

#[test]
fn a_rank_that_finds_another_run_only_is_told_both_names() {
    let place = place();
    let tell = &|_: &str| {};
    thread::scope(|scope| {
        let meeting = of_run(&place, "mine");
        let leader = scope
            .spawn(move || Tcp::meet(seat(0, 2), &meeting, &Patience { limit: 4 * SHORT, tell }));
        let theirs = of_run(&place, "theirs");
        for rank in [0, 1] {
            let patience = Patience { limit: SHORT, tell };
            let error = Tcp::meet(seat(rank, 2), &theirs, &patience).unwrap_err().to_string();
            let both = "rank 0 of another run (LOCKSTEP_RUN_ID=mine) listens on it; this run is \
                        LOCKSTEP_RUN_ID=theirs";
            assert!(rank == 0 || error.contains(both), "{error}");
        }
        let error = leader.join().unwrap().unwrap_err().to_string();
        let expected = "rank 1 never connected; a rank of another run from 127.0.0.1 was rejected";
        assert!(error.contains(expected), "{error}");
    });
}

#[test]
fn a_rank_that_waits_says_for_whom_and_why_nothing_comes() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let silent = silent.local_addr().unwrap().port();
    let at = |host: &str, port| MeetingPlace { host: host.to_owned(), port };
    let cases = [
        (
            1,
            at("nowhere.invalid", 9),
            "s for rank 0 at nowhere.invalid:9: the name does not resolve",
        ),
        (1, place(), "Connection refused (os error 111): nothing listens on it yet"),
        (0, place(), "for rank 1"),
        (0, at("localhost", silent), "another program listens on it"),
    ];
    let limit = Duration::from_millis(5_500);
    thread::scope(|scope| {
        for (rank, place, expected) in &cases {
            scope.spawn(move || {
                let told = Mutex::new(String::new());
                let tell = &|words: &str| told.lock().unwrap().push_str(words);
                let patience = Patience { limit, tell };
                let meeting = place.clone().into();
                let _ = Tcp::meet(seat(*rank, 2), &meeting, &patience).unwrap_err();
                let told = told.lock().unwrap();
                assert!(told.contains(&format!("rank {rank} of 2 has waited 5 s ")), "{told}");
                assert!(told.contains(expected), "{expected}: {told}");
            });
        }
    });
}
