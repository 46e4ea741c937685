//! Watches over threads that stand in for processes.

use std::sync::Mutex;
use std::sync::mpsc::channel;
use std::time::Duration;

use super::*;
use crate::{Phase, Threads};

/// Starts a watch on each of four ranks, lets `act` do something with one, and gives what each of
/// the others is told.
fn told(actor: usize, act: impl Fn(&Watch) + Sync, patience: Duration) -> Vec<String> {
    let kept = Mutex::new(Vec::new());
    let words = Threads::run(4, |mut ranks| {
        let rank = ranks.seat().rank().0;
        let recorder = FlightRecorder::default();
        recorder.board().enter(Phase::Computing, 17);
        let host = format!("h{rank}");
        let settings = WatchSettings {
            host,
            recorder,
            patience: Duration::from_secs(5),
            timeouts: Timeouts::default(),
        };
        let (tell, hear) = channel();
        let watch = Watch::start(&mut ranks, settings, move |event| {
            if let WatchEvent::Lost(lost) = event {
                let _ = tell.send(lost.to_string());
            }
        });
        let watch = watch.unwrap();
        thread::sleep(4 * PAUSE);
        ranks.barrier().unwrap();
        if rank == actor {
            act(&watch);
            return "the actor".to_owned();
        }
        let words = hear.recv_timeout(patience).unwrap_or_default();
        watch.leave();
        kept.lock().unwrap().push(watch);
        words
    });
    assert_eq!(words.len(), 4, "a rank panicked");
    words
}

fn check(actor: usize, act: impl Fn(&Watch) + Sync, expected: &str) {
    // A loss is waited for; that there is none is seen after a second.
    let patience = Duration::from_secs(if expected.is_empty() { 1 } else { 20 });
    for (rank, words) in told(actor, act, patience).iter().enumerate() {
        if rank != actor {
            assert_eq!(words, expected, "rank {rank} of rank {actor}");
        }
    }
}

#[test]
fn a_good_end_is_no_loss() {
    for actor in [0, 2] {
        check(actor, Watch::leave, "");
    }
}

#[test]
fn all_learn_who_was_lost_at_what() {
    for actor in [0, 3] {
        let expected = format!(
            "rank {actor} (host h{actor}) was lost while computing gradients, update 17: its \
             process is gone"
        );
        check(actor, |watch| watch.0.order(None), &expected);
    }
}

#[test]
fn all_learn_why_a_rank_failed() {
    let expected = "rank 1 (host h1) failed while computing gradients, update 17: the disk is full";
    check(1, |watch| watch.handle().fail("the disk is full", 1), expected);
}

#[test]
fn a_long_reason_is_cut() {
    let bytes = serde_json::to_vec(&Frame::failed(&"\u{1}".repeat(100_000), 1)).unwrap();
    assert!((1000..=lockstep_wire::LONGEST).contains(&bytes.len()));
}
