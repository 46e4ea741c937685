//! Buckets that follow each other, as one region of values and its parts.

use std::ops::Range;

use lockstep_program::Region;

/// The region that holds all buckets, and where each one's f32 values are in it; none where a gap or
/// an overlap is between two.
pub(super) fn ranges(buckets: &[Region]) -> Option<(Region, Vec<Range<usize>>)> {
    let mut whole = Region { bytes: 0, ..*buckets.first()? };
    let mut ranges = Vec::new();
    for bucket in buckets {
        if bucket.address != whole.address + whole.bytes as u64 {
            return None;
        }
        let start = whole.bytes / 4;
        ranges.push(start..start + bucket.bytes / 4);
        whole.bytes += bucket.bytes;
    }
    Some((whole, ranges))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_are_parts_of_one_region() {
        let region = |address, bytes| Region { address, bytes };
        let buckets = [region(256, 16), region(272, 0), region(272, 32)];
        let parts = vec![0..4, 4..4, 4..12];
        assert_eq!(ranges(&buckets), Some((region(256, 48), parts)));
        assert_eq!(ranges(&[region(256, 16), region(276, 4)]), None);
        assert_eq!(ranges(&[region(256, 16), region(268, 4)]), None);
        assert_eq!(ranges(&[]), None);
    }
}
