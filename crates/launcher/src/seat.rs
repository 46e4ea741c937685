//! Which process of how many this is, by what its starter put into the environment.

use lockstep_world::{Rank, Seat, WorldSize};

use crate::process::Environment;

/// The variables for (rank, world) of each starter we know, the more specific ones first.
const STARTERS: [(&str, &str); 4] = [
    ("OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE"),
    ("PMI_RANK", "PMI_SIZE"),
    ("SLURM_PROCID", "SLURM_STEP_NUM_TASKS"),
    ("RANK", "WORLD_SIZE"),
];

/// The seat the environment describes; the only one where it describes none.
pub(crate) fn seat(environment: &Environment) -> Seat {
    let number = |name| environment.get(name).and_then(|text| text.parse::<usize>().ok());
    let described = STARTERS.iter().find_map(|(rank, world)| {
        let (rank, world) = (Rank(number(rank)?), WorldSize::new(number(world)?)?);
        Seat::new(rank, world).ok()
    });
    described.unwrap_or(Seat::SOLO)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_starter_says_who_we_are() {
        let check = |variables: &[(&str, &str)], expected: &str| {
            let variables = variables.iter().map(|(n, v)| (n.to_string(), v.to_string()));
            assert_eq!(seat(&variables.collect()).to_string(), expected);
        };
        check(&[], "rank 0 of 1");
        check(&[("OMPI_COMM_WORLD_RANK", "3"), ("OMPI_COMM_WORLD_SIZE", "4")], "rank 3 of 4");
        check(&[("SLURM_PROCID", "1"), ("SLURM_STEP_NUM_TASKS", "2")], "rank 1 of 2");
        check(&[("SLURM_PROCID", "0"), ("SLURM_NTASKS", "2")], "rank 0 of 1");
        check(&[("MPI_LOCALRANKID", "1"), ("MPI_LOCALNRANKS", "2")], "rank 0 of 1");
        check(&[("RANK", "5"), ("WORLD_SIZE", "2")], "rank 0 of 1");
        check(&[("RANK", "x"), ("WORLD_SIZE", "2")], "rank 0 of 1");
    }
}
