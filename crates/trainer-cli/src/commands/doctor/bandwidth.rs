//! How fast ranks sum: what limits data-parallel training first.

use lockstep_collective::{Collective, CollectiveError, Ledger, Tally};

use super::super::bandwidths;
use super::finding::Finding;

/// 64 MiB of f32, a quarter of DistilBERT's gradients.
const VALUES: usize = 16 << 20;
const ROUNDS: u32 = 5;

/// The bandwidth of sums over the ranks that the doctor was started with.
pub(super) fn finding(collective: &mut dyn Collective, ledger: &Ledger) -> Finding {
    const SUBJECT: &str = "all-reduce";
    match measure(collective, ledger, VALUES) {
        Ok(None) => Finding::ok(
            SUBJECT,
            "not measured with one rank; run `mpirun -n 2 trainer doctor` to measure it",
        ),
        Ok(Some(found)) => {
            let ranks = collective.seat().world().get();
            Finding::ok(SUBJECT, format!("{ranks} ranks, {}", in_words(found)))
        }
        Err(error) => Finding::missing(
            SUBJECT,
            error.to_string(),
            "training on several ranks will fail as well",
        ),
    }
}

fn in_words(found: Tally) -> String {
    let calls = found.calls as f64;
    format!(
        "{:.0} MiB: {:.1} ms, {}",
        found.bytes as f64 / calls / f64::from(1 << 20),
        1e3 * found.time.as_secs_f64() / calls,
        bandwidths(found)
    )
}

/// Sums `values` zeros over all ranks, several times; nothing where there is one rank.
///
/// # Errors
/// The collective's.
fn measure(
    collective: &mut dyn Collective,
    ledger: &Ledger,
    values: usize,
) -> Result<Option<Tally>, CollectiveError> {
    if collective.seat().world().get() == 1 {
        return Ok(None);
    }
    let mut buffer = vec![0.0; values];
    collective.all_reduce_sum(&mut buffer)?;
    collective.barrier()?;
    let before = ledger.read().all_reduce_sum;
    for _ in 0..ROUNDS {
        collective.all_reduce_sum(&mut buffer)?;
    }
    Ok(Some(ledger.read().all_reduce_sum.since(before)))
}

#[cfg(test)]
mod tests {
    use lockstep_collective::{Solo, Threads, Timed};

    use super::*;

    #[test]
    fn several_ranks_are_measured_and_one_is_not() {
        let (mut alone, ledger) = Timed::new(Solo);
        assert_eq!(measure(&mut alone, &ledger, 10).unwrap(), None);
        let found = Threads::run(3, |world| {
            let (mut world, ledger) = Timed::new(world);
            measure(&mut world, &ledger, 1000).unwrap().unwrap()
        });
        for found in found {
            assert_eq!((found.calls, found.bytes), (5, 20_000));
            assert!(in_words(found).starts_with("0 MiB: "), "{}", in_words(found));
            let bus = found.bus_bandwidth().unwrap() / found.algorithm_bandwidth().unwrap();
            assert!((bus - 4.0 / 3.0).abs() < 1e-9, "{bus}");
        }
    }
}
