//! What the flight record costs: the time to note a call, beside an update of the smallest model on one
//! core, which makes as many calls as that of a large one.

#![expect(clippy::print_stdout, reason = "a program that prints a report")]

use std::error::Error;
use std::hint::black_box;
use std::time::Instant;

use lockstep_collective::{Audited, Collective, FlightRecorder, Solo, Threads};

const CALLS: u32 = 2_000_000;
const RANKS: usize = 2;
/// Values of a sum, as of a block of the built-in model.
const VALUES: usize = 50_000;
const SUMS: u32 = 2_000;

fn main() -> Result<(), Box<dyn Error>> {
    let bare = nanoseconds(&mut Solo)?;
    let noted = nanoseconds(&mut Audited::with(Solo, FlightRecorder::default()))?;
    println!("a call of one rank: {bare:.1} ns, noted {noted:.1} ns");
    // The comparison of a call is older than the record, so both sides have it.
    let times = Threads::run(RANKS, |ranks| {
        let mut ranks = Audited::new(ranks);
        let mut values = vec![1.0_f32; VALUES];
        let began = Instant::now();
        let outcome = (0..SUMS).try_for_each(|_| ranks.all_reduce_sum(&mut values));
        outcome.map(|()| began.elapsed().as_secs_f64() / f64::from(SUMS) * 1e9)
    });
    let sum = times.into_iter().next().ok_or("no rank")??;
    println!(
        "a compared sum of {VALUES} values over {RANKS} threads: {sum:.0} ns, of which the record {:.3} %",
        100.0 * (noted - bare) / sum
    );
    Ok(())
}

/// The time of a call without values.
fn nanoseconds(ranks: &mut dyn Collective) -> Result<f64, Box<dyn Error>> {
    let mut best = f64::INFINITY;
    for _ in 0..5 {
        let began = Instant::now();
        for _ in 0..CALLS {
            black_box(&mut *ranks).barrier()?;
        }
        best = best.min(began.elapsed().as_secs_f64() / f64::from(CALLS) * 1e9);
    }
    Ok(best)
}
