//! How many threads a rank computes with: its share of the cores it may use.

use lockstep_world::Seat;

use super::binding::Binding;
use super::quota::Quota;
use super::roster::{RankInfo, Roster};

/// What a rank may use of its machine.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Cores {
    /// Its share of them.
    pub threads: usize,
    /// Whether that share is less than one.
    pub is_crowded: bool,
    /// Those it may run on.
    pub allowed: usize,
    /// Those there are.
    pub of_machine: usize,
    /// What its container grants it and its neighbours there, where that is less.
    pub granted: Option<f64>,
    /// The ranks of its machine.
    pub ranks: usize,
    /// Who keeps it to those it may run on.
    pub binding: Binding,
}

impl Cores {
    /// The share of the rank at `seat`: a core that k ranks of one machine may use counts 1/k for
    /// each of them. So ranks that were bound to cores of their own take all of these, and others
    /// share what there is. What a container grants is shared by the ranks in it.
    pub(super) fn of(roster: &Roster, seat: Seat) -> Self {
        let nowhere = RankInfo::default();
        let place = roster.place(seat).unwrap_or(&nowhere);
        let count = |is_meant: &dyn Fn(&RankInfo) -> bool| {
            roster.neighbours(seat).filter(|other| is_meant(other)).count().max(1)
        };
        let of_core = |core| 1.0 / count(&|other| other.cores.contains(core)) as f64;
        let of_quota = |quota: &Quota| {
            let is_in_it = |other: &Quota| other.group == quota.group;
            quota.cores / count(&|other| other.quotas.iter().any(is_in_it)) as f64
        };
        let unbound: f64 = place.cores.iter().map(of_core).sum();
        let share = place.quotas.iter().map(of_quota).fold(unbound, f64::min);
        let allowed = place.cores.len();
        let granted = place.quotas.iter().map(|quota| quota.cores).fold(f64::INFINITY, f64::min);
        Self {
            threads: whole(share),
            is_crowded: share + ROUNDING < 1.0,
            allowed,
            of_machine: place.cores_of_machine,
            granted: Some(granted).filter(|granted| *granted < allowed as f64),
            ranks: count(&|_| true),
            binding: place.binding,
        }
    }

    /// Those it may use at once, as `std::thread::available_parallelism` counts them.
    pub fn usable(&self) -> usize {
        self.granted.map_or(self.allowed, whole)
    }

    /// Makes them the number of this process's pool, unless the user has set one, or the pool is
    /// in use. The calling thread is one of them: handing each operation to a thread that has to
    /// wake up first, and waiting for it, took several percent of an update.
    pub(super) fn use_them(self) {
        let pool = rayon::ThreadPoolBuilder::new().use_current_thread();
        let pool = match std::env::var_os("RAYON_NUM_THREADS") {
            None => pool.num_threads(self.threads),
            Some(_) => pool,
        };
        let _ = pool.build_global();
    }

    /// The threads that the pool has, in words.
    pub(super) fn pool_size(self) -> String {
        match rayon::current_num_threads() {
            1 => "1 thread".to_owned(),
            threads => format!("{threads} threads"),
        }
    }

    /// The CPU quota of a container in words; empty where there is none.
    pub(super) fn quota(self) -> String {
        let quota = |granted| format!(" (CPU quota: {granted:.1} cores)");
        self.granted.map(quota).unwrap_or_default()
    }
}

/// Thirds add up to a little less than one.
const ROUNDING: f64 = 1e-6;

/// At least one.
fn whole(cores: f64) -> usize {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a number of cores"
    )]
    let whole = (cores + ROUNDING) as usize;
    whole.max(1)
}

#[cfg(test)]
mod tests {
    use lockstep_host::Equipment;
    use lockstep_world::{Rank, WorldSize};

    use super::*;

    fn check(ranks: &[(&str, &[usize])], expected: &[usize]) {
        let place = |(machine, cores): &(&str, &[usize])| RankInfo {
            equipment: Equipment { machine: (*machine).to_owned(), ..Equipment::default() },
            cores: cores.to_vec(),
            cores_of_machine: 8,
            ..RankInfo::default()
        };
        let roster = Roster::of(ranks.iter().map(place).collect());
        let world = WorldSize::new(ranks.len()).unwrap();
        let seats = (0..ranks.len()).map(|rank| Seat::new(Rank(rank), world).unwrap());
        let found: Vec<_> = seats.map(|seat| Cores::of(&roster, seat).threads).collect();
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

    fn check_quotas(ranks: &[(&str, &[(&str, f64)])], expected: &[usize]) {
        let quota = |(group, cores): &(&str, f64)| Quota { group: (*group).into(), cores: *cores };
        let place = |(machine, quotas): &(&str, &[(&str, f64)])| RankInfo {
            equipment: Equipment { machine: (*machine).to_owned(), ..Equipment::default() },
            cores: (0..8).collect(),
            quotas: quotas.iter().map(quota).collect(),
            ..RankInfo::default()
        };
        let roster = Roster::of(ranks.iter().map(place).collect());
        let world = WorldSize::new(ranks.len()).unwrap();
        let seats = (0..ranks.len()).map(|rank| Seat::new(Rank(rank), world).unwrap());
        let found: Vec<_> = seats.map(|seat| Cores::of(&roster, seat).threads).collect();
        assert_eq!(found, expected, "{ranks:?}");
    }

    #[test]
    fn a_quota_is_shared_by_the_ranks_of_its_group() {
        check_quotas(&[("a", &[("1", 2.5)])], &[2]);
        check_quotas(&[("a", &[("1", 0.1)])], &[1]);
        check_quotas(&[("a", &[("1", 99.0)])], &[8]);
        check_quotas(&[("a", &[("1", 4.0)]), ("a", &[("1", 4.0)])], &[2, 2]);
        // Two containers of one machine, and two machines whose groups have one number.
        check_quotas(&[("a", &[("1", 3.0)]), ("a", &[("2", 2.0)])], &[3, 2]);
        check_quotas(&[("a", &[("1", 3.0)]), ("b", &[("1", 3.0)])], &[3, 3]);
        // Tasks with groups of their own in the group of a job.
        let job: (&str, f64) = ("job", 4.0);
        check_quotas(&[("a", &[("1", 3.0), job]), ("a", &[("2", 9.0), job])], &[2, 2]);
        check_quotas(&[("a", &[]), ("a", &[("2", 1.0)])], &[4, 1]);
    }

    #[test]
    fn what_is_usable_is_what_the_standard_library_counts() {
        let usable = |granted| {
            let roster = Roster::of(vec![RankInfo::default()]);
            Cores { allowed: 4, granted, ..Cores::of(&roster, Seat::SOLO) }.usable()
        };
        assert_eq!([None, Some(2.5), Some(0.1)].map(usable), [4, 2, 1]);
    }
}
