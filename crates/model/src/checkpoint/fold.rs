//! Token types folded into positions.
//!
//! A text is all of token type 0, so that type's row is a part of each position's. The sum is made once
//! when a file is read. In a file that is written the row of type 0 is zero and the others are relative
//! to it: the positions have their bits, a reader adds nothing to them, and every difference between two
//! types is what it was.

use candle_core::{Result, Tensor};

/// What a file has besides the rows that learn.
pub(super) struct Tables {
    /// The rows before the first position of a text.
    pub(super) before: Tensor,
    /// The rows of the token types, relative to type 0.
    pub(super) token_types: Tensor,
}

/// The position rows that learn, (P,D), and the rest of `places` (U+P,D) and `token_types` (T,D), where U rows
/// are `unused`.
pub(super) fn folded(
    places: &Tensor,
    token_types: &Tensor,
    unused: usize,
) -> Result<(Tensor, Tables)> {
    let (rows, _) = places.dims2()?;
    let first = token_types.narrow(0, 0, 1)?;
    let is_zero = first.flatten_all()?.to_vec1::<f32>()?.iter().all(|value| *value == 0.0);
    // A sum with zero would give -0 other bits.
    let (places, token_types) = match is_zero {
        true => (places.clone(), token_types.clone()),
        false => (places.broadcast_add(&first)?, token_types.broadcast_sub(&first)?),
    };
    let before = places.narrow(0, 0, unused)?.force_contiguous()?;
    let learned = places.narrow(0, unused, rows - unused)?.force_contiguous()?;
    Ok((learned, Tables { before, token_types }))
}

#[cfg(test)]
mod tests {
    use candle_core::Device;

    use super::*;

    #[test]
    fn sums_and_differences_stay_and_a_second_fold_changes_no_bit() {
        let places = Tensor::new(&[[1.0_f32, -0.0], [3.0, 4.0], [0.1, 0.7]], &Device::Cpu).unwrap();
        let token_types = Tensor::new(&[[0.3_f32, 0.5], [2.0, 1.0]], &Device::Cpu).unwrap();
        let (learned, Tables { before, token_types }) = folded(&places, &token_types, 1).unwrap();
        let bits = |tensor: &Tensor| -> Vec<u32> {
            let values = tensor.flatten_all().unwrap().to_vec1::<f32>().unwrap();
            values.into_iter().map(f32::to_bits).collect()
        };
        let expected = [3.0_f32 + 0.3, 4.0 + 0.5, 0.1 + 0.3, 0.7 + 0.5].map(f32::to_bits);
        assert_eq!(bits(&learned), expected);
        assert_eq!(bits(&token_types), [0.0_f32, 0.0, 2.0 - 0.3, 1.0 - 0.5].map(f32::to_bits));
        let whole = Tensor::cat(&[&before, &learned], 0).unwrap();
        let (again, tables) = folded(&whole, &token_types, 1).unwrap();
        assert_eq!(bits(&again), bits(&learned));
        assert_eq!(bits(&tables.before), bits(&before));
        assert_eq!(bits(&tables.token_types), bits(&token_types));
        let negative = Tensor::new(&[[-0.0_f32, 1.0]], &Device::Cpu).unwrap();
        let (kept, _) = folded(&negative, &token_types, 0).unwrap();
        assert_eq!(bits(&kept), bits(&negative));
    }
}
