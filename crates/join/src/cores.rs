//! How many threads a rank computes with: its share of the cores it may use.

use lockstep_world::Seat;

use super::roster::Roster;

/// A number of threads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Threads(usize);

impl Threads {
    /// The share of the rank at `seat`: a core that k ranks of one machine may use counts 1/k for
    /// each of them. So ranks that were bound to cores of their own take all of these, and others
    /// share what there is.
    pub(super) fn of(roster: &Roster, seat: Seat) -> Self {
        let Some(place) = roster.place(seat) else { return Self(1) };
        let ranks_on = |core: &usize| {
            roster.neighbours(seat).filter(|place| place.cores.contains(core)).count()
        };
        let share: f64 = place.cores.iter().map(|core| 1.0 / ranks_on(core) as f64).sum();
        // Thirds add up to a little less than one.
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a number of cores"
        )]
        Self(((share + 1e-6) as usize).max(1))
    }

    /// Makes them the number of this process's pool, unless the user has set one, or the pool is
    /// in use. The calling thread is one of them: handing each operation to a thread that has to
    /// wake up first, and waiting for it, took several percent of an update.
    pub(super) fn use_them(self) {
        let pool = rayon::ThreadPoolBuilder::new().use_current_thread();
        let pool = match std::env::var_os("RAYON_NUM_THREADS") {
            None => pool.num_threads(self.0),
            Some(_) => pool,
        };
        let _ = pool.build_global();
    }

    /// For people: what the pool really has.
    pub(super) fn told(self) -> String {
        match rayon::current_num_threads() {
            1 => "1 thread".to_owned(),
            threads => format!("{threads} threads"),
        }
    }
}

#[cfg(test)]
mod tests {
    use lockstep_host::Equipment;
    use lockstep_world::{Rank, WorldSize};

    use super::super::roster::RankInfo;
    use super::*;

    fn check(ranks: &[(&str, &[usize])], expected: &[usize]) {
        let place = |(machine, cores): &(&str, &[usize])| RankInfo {
            equipment: Equipment { machine: (*machine).to_owned(), ..Equipment::default() },
            cores: cores.to_vec(),
            cores_of_machine: 8,
        };
        let roster = Roster::of(ranks.iter().map(place).collect());
        let world = WorldSize::new(ranks.len()).unwrap();
        let seats = (0..ranks.len()).map(|rank| Seat::new(Rank(rank), world).unwrap());
        let found: Vec<_> = seats.map(|seat| Threads::of(&roster, seat).0).collect();
        assert_eq!(found, expected, "{ranks:?}");
    }

    #[test]
    fn a_core_is_shared_by_those_who_may_use_it() {
        let all: &[usize] = &[0, 1, 2, 3, 4, 5, 6, 7];
        check(&[("a", all)], &[8]);
        check(&[("a", all), ("a", all), ("a", all)], &[2, 2, 2]);
        check(&[("a", &[0]), ("a", &[1])], &[1, 1]);
        check(&[("a", &all[..4]), ("a", &all[4..]), ("b", all)], &[4, 4, 8]);
        check(&[("a", &all[..2]); 4], &[1, 1, 1, 1]);
        check(&[("a", &[])], &[1]);
        check(&[("a", &all[..3]); 3], &[1, 1, 1]);
    }
}
