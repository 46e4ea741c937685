//! A world of one: every verb is the identity.

use lockstep_world::{Rank, Seat};

use crate::{Collective, CollectiveError, check_root};

/// The only rank there is.
#[derive(Clone, Copy, Debug, Default)]
pub struct Solo;

impl Collective for Solo {
    fn seat(&self) -> Seat {
        Seat::SOLO
    }

    fn all_reduce_sum(&mut self, _values: &mut [f32]) -> Result<(), CollectiveError> {
        Ok(())
    }

    fn sum_by_tree(&mut self) -> Result<(), CollectiveError> {
        Ok(())
    }

    fn broadcast(&mut self, _values: &mut [f32], root: Rank) -> Result<(), CollectiveError> {
        check_root(root, self.seat())
    }

    fn all_gather(&mut self, values: &[u64]) -> Result<Vec<u64>, CollectiveError> {
        Ok(values.to_vec())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_verb_is_the_identity() {
        let mut values = [1.5, -2.0];
        Solo.all_reduce_sum(&mut values).unwrap();
        Solo.broadcast(&mut values, Rank(0)).unwrap();
        assert_eq!(values, [1.5, -2.0]);
        assert_eq!(Solo.all_gather(&[7, 8]).unwrap(), [7, 8]);
        Solo.barrier().unwrap();
        let error = Solo.broadcast(&mut values, Rank(1)).unwrap_err();
        assert_eq!(error.to_string(), "cannot broadcast from rank 1: this is rank 0 of 1");
    }
}
