//! How a rank ends that cannot continue: when another one is lost, or when it fails itself.

use std::thread::sleep;
use std::time::{Duration, Instant};

use lockstep_collective::{How, Lost, Slow, Stall, Timeout, Watch, WatchEvent, WatchHandle};
use lockstep_host::{ExitCode, console, streams};
use lockstep_world::{Rank, Seat};

use crate::FlightLog;
use crate::flight::PATIENCE;

/// The rank that prints for all.
const LEADER: Rank = Rank(0);
/// How long the rank that is the cause may write its record: its exit is to be the first.
const OF_THE_CAUSE: Duration = Duration::from_millis(300);
/// How long a checkpoint that is being written may take to become complete when a peer is lost: less than
/// what starts ranks gives them to end.
const OF_A_CHECKPOINT: Duration = Duration::from_millis(1500);
/// How long a rank that has lost its peers may take to end by itself.
const LAST: Duration = Duration::from_secs(5);

/// What a rank does when its watch sees something.
pub(super) fn on_event(seat: Seat, flight: &FlightLog, event: &WatchEvent) {
    match event {
        WatchEvent::Stalled(lost) => tracing::warn!("{lost}"),
        WatchEvent::Resumed { rank, call, seconds } => tracing::warn!(
            "the other ranks waited {seconds:.0} s for rank {} in call {call}; it has arrived, and \
             the run continues",
            rank.0
        ),
        WatchEvent::Slow(Slow { rank, host, own, others, seconds }) => tracing::warn!(
            "rank {} (host {host}) slows the run: in the last {seconds:.0} s each other rank waited for \
             at least {:.0} % of the time, and this one for {:.0} %",
            rank.0,
            100.0 * others,
            100.0 * own
        ),
        WatchEvent::Lost(lost) => end_with_peer(seat, flight, lost),
    }
}

/// Ends a rank that lost a peer, since its next call would wait for ever. The leader reports the loss
/// for all ranks; if the leader is lost, every rank does.
fn end_with_peer(seat: Seat, flight: &FlightLog, lost: &Lost) {
    let code = match &lost.how {
        How::Failed { code, .. } => ExitCode::of_peers(*code),
        How::Closed | How::Silent(_) | How::Stalled(_) => ExitCode::PeerLost,
    };
    if code != ExitCode::Stopped && (seat.is_leader() || lost.rank == LEADER) {
        let hint = match &lost.how {
            How::Stalled(stall) => of_stall(flight, stall),
            _ => "read the last lines of that rank's output, then start again with --resume auto"
                .to_owned(),
        };
        streams::print_error_line(format_args!("error: {lost}\n  hint: {hint}"));
    }
    if code == ExitCode::PeerLost {
        let patience = if lost.rank == seat.rank() { OF_THE_CAUSE } else { PATIENCE };
        flight.write_within(&lost.to_string(), patience);
    }
    finish_checkpoint(flight);
    console::finish();
    signal_hook::low_level::exit(i32::from(code.number()));
}

/// Waits for the checkpoint that another thread of this rank writes, which would be lost with the process.
fn finish_checkpoint(flight: &FlightLog) {
    const PAUSE: Duration = Duration::from_millis(20);
    let (began, board) = (Instant::now(), flight.recorder().board());
    while board.is_writing() && began.elapsed() < OF_A_CHECKPOINT {
        sleep(PAUSE);
    }
}

fn of_stall(flight: &FlightLog, stall: &Stall) -> String {
    let flag = match stall.timeout {
        Timeout::Startup => "--startup-timeout",
        Timeout::Collective => "--collective-timeout",
        Timeout::Saving => "--save-timeout",
    };
    let compare = flight.directory().map_or_else(String::new, |directory| {
        format!(
            "`trainer doctor flight {}` compares the last calls of all ranks; ",
            directory.display()
        )
    });
    format!(
        "{compare}pass a longer {flag} if the rank was only slow; then start again with --resume auto"
    )
}

/// Makes sure that a rank without its peers exits, also where the memory of a GPU cannot be freed
/// because the GPU waits for one of them.
pub fn end_regardless(watch: WatchHandle, failure: String) {
    std::thread::spawn(move || {
        sleep(LAST);
        watch.fail(&failure, ExitCode::PeerLost.number());
        streams::print_error_line(format_args!("error: {failure}"));
        console::finish();
        signal_hook::low_level::exit(i32::from(ExitCode::PeerLost.number()));
    });
}

/// A panic in one rank must not leave the others waiting.
pub(super) fn fail_on_panic(seat: Seat, watch: &Watch, flight: FlightLog) {
    if seat.world().get() == 1 {
        return;
    }
    let (report, handle) = (std::panic::take_hook(), watch.handle());
    std::panic::set_hook(Box::new(move |panic| {
        report(panic);
        handle.fail("it panicked, which is a bug in lockstep", ExitCode::Bug.number());
        flight.write(&format!("panic: {panic}"));
        signal_hook::low_level::exit(i32::from(ExitCode::Bug.number()));
    }));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_checkpoint_that_is_being_written_is_waited_for_and_not_without_end() {
        let flight = FlightLog::new(Seat::SOLO, None);
        let board = flight.recorder().board().clone();
        let began = Instant::now();
        finish_checkpoint(&flight);
        board.note_writing(true);
        let writer = std::thread::spawn(move || {
            sleep(Duration::from_millis(100));
            board.note_writing(false);
        });
        finish_checkpoint(&flight);
        assert!(writer.is_finished() || began.elapsed() >= Duration::from_millis(100));
        flight.recorder().board().note_writing(true);
        finish_checkpoint(&flight);
        assert!(began.elapsed() >= OF_A_CHECKPOINT);
    }
}
