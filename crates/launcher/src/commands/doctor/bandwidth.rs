//! How fast ranks sum: what limits data-parallel training first.
//!
//! The two figures are those of nccl-tests (its doc/PERFORMANCE.md): the algorithm's bandwidth is the
//! size of the buffer over the time; the bus's is that times 2 (n - 1) / n, what a ring of n ranks
//! sends over each link, so that it can be compared with a link's own speed at any number of ranks.

use std::time::Instant;

use lockstep_collective::{Collective, CollectiveError};

use super::finding::Finding;

/// 64 MiB of f32, a quarter of DistilBERT's gradients.
const VALUES: usize = 16 << 20;
const ROUNDS: u32 = 5;

/// What was measured.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Bandwidth {
    ranks: usize,
    bytes: f64,
    seconds: f64,
}

impl Bandwidth {
    /// Bytes of the buffer a second.
    fn algorithm(self) -> f64 {
        self.bytes / self.seconds
    }

    /// Bytes over each link a second.
    fn bus(self) -> f64 {
        let ranks = self.ranks as f64;
        self.algorithm() * 2.0 * (ranks - 1.0) / ranks
    }
}

/// What is said of the world the doctor was started in.
pub(super) fn finding(collective: &mut dyn Collective) -> Finding {
    const SUBJECT: &str = "all-reduce";
    match bandwidth(collective, VALUES) {
        Ok(None) => Finding::ok(
            SUBJECT,
            "not measured with one rank; `mpirun -n 2 trainer doctor` measures it",
        ),
        Ok(Some(found)) => Finding::ok(
            SUBJECT,
            format!(
                "{} ranks, {:.0} MiB: {:.1} ms, {:.2} GB/s algorithm, {:.2} GB/s bus bandwidth",
                found.ranks,
                found.bytes / f64::from(1 << 20),
                1e3 * found.seconds,
                found.algorithm() / 1e9,
                found.bus() / 1e9
            ),
        ),
        Err(error) => {
            Finding::missing(SUBJECT, error.to_string(), "training on several ranks would fail too")
        }
    }
}

/// Sums `values` zeros over all ranks, several times; nothing where there is one rank.
///
/// # Errors
/// The collective's.
fn bandwidth(
    collective: &mut dyn Collective,
    values: usize,
) -> Result<Option<Bandwidth>, CollectiveError> {
    let ranks = collective.seat().world().get();
    if ranks == 1 {
        return Ok(None);
    }
    let mut buffer = vec![0.0; values];
    collective.all_reduce_sum(&mut buffer)?;
    collective.barrier()?;
    let start = Instant::now();
    for _ in 0..ROUNDS {
        collective.all_reduce_sum(&mut buffer)?;
    }
    let seconds = start.elapsed().as_secs_f64() / f64::from(ROUNDS);
    Ok(Some(Bandwidth { ranks, bytes: 4.0 * values as f64, seconds }))
}

#[cfg(test)]
mod tests {
    use lockstep_collective::{Solo, Threads};

    use super::*;

    #[test]
    fn the_formulas_are_those_of_nccl_tests() {
        let check = |ranks, algorithm: f64, bus: f64| {
            let found = Bandwidth { ranks, bytes: 8e9, seconds: 2.0 };
            assert_eq!((found.algorithm(), found.bus()), (algorithm, bus));
        };
        check(2, 4e9, 4e9);
        check(4, 4e9, 6e9);
        check(8, 4e9, 7e9);
    }

    #[test]
    fn several_ranks_are_measured_and_one_is_not() {
        assert_eq!(bandwidth(&mut Solo, 10).unwrap(), None);
        let found = Threads::run(3, |mut world| bandwidth(&mut world, 1000).unwrap().unwrap());
        for found in found {
            assert_eq!((found.ranks, found.bytes), (3, 4000.0));
            assert!(found.seconds > 0.0);
        }
    }
}
