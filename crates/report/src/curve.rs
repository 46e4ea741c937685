//! A curve of any length in bounded memory.
//!
//! Neighbouring updates share a bucket that keeps their minimum, mean and maximum. Where the buckets
//! become too many, two and two are joined, so that no peak is ever lost.

/// Buckets of a curve at most: about one for each pixel of a figure.
const MOST: usize = 512;

/// The values of one quantity by update.
#[derive(Clone, Debug)]
pub(crate) struct Curve {
    buckets: Vec<Bucket>,
    /// Updates that a whole bucket spans.
    span: u64,
}

/// The values of neighbouring updates.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Bucket {
    /// The first update and the last one.
    pub(crate) steps: [u64; 2],
    pub(crate) least: f64,
    pub(crate) most: f64,
    sum: f64,
    count: u64,
}

impl Default for Curve {
    fn default() -> Self {
        Self { buckets: Vec::new(), span: 1 }
    }
}

impl Curve {
    /// Adds the value of an update. What is not finite has no place in a figure.
    pub(crate) fn push(&mut self, step: u64, value: f64) {
        if !value.is_finite() {
            return;
        }
        let new = Bucket { steps: [step; 2], least: value, most: value, sum: value, count: 1 };
        let span = self.span;
        match self.buckets.last_mut() {
            Some(last) if step / span == last.steps[0] / span => last.join(new),
            _ => self.buckets.push(new),
        }
        if self.buckets.len() > MOST {
            self.halve();
        }
    }

    /// Joins two and two until there is room.
    fn halve(&mut self) {
        while self.buckets.len() > MOST {
            self.span = self.span.saturating_mul(2);
            let span = self.span;
            self.buckets.dedup_by(|next, kept| {
                let is_near = next.steps[0] / span == kept.steps[0] / span;
                if is_near {
                    kept.join(*next);
                }
                is_near
            });
        }
    }

    pub(crate) fn buckets(&self) -> &[Bucket] {
        &self.buckets
    }
}

impl Bucket {
    fn join(&mut self, later: Self) {
        self.steps[1] = later.steps[1];
        self.least = self.least.min(later.least);
        self.most = self.most.max(later.most);
        self.sum += later.sum;
        self.count += later.count;
    }

    pub(crate) fn mean(&self) -> f64 {
        self.sum / self.count as f64
    }

    /// The middle of its updates.
    pub(crate) fn middle(&self) -> f64 {
        (self.steps[0] as f64 + self.steps[1] as f64) / 2.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_curve_keeps_its_peaks_and_its_mean() {
        for count in [1_u64, 511, 512, 513, 10_000, 1_000_000] {
            let mut curve = Curve::default();
            for step in 1..=count {
                curve.push(step, if step == count / 3 + 1 { 100.0 } else { (step % 7) as f64 });
            }
            let buckets = curve.buckets();
            assert!(buckets.len() <= MOST && (count < 512 || buckets.len() >= MOST / 2 - 1));
            assert_eq!(buckets[0].steps[0], 1);
            assert_eq!(buckets[buckets.len() - 1].steps[1], count);
            assert!(buckets.windows(2).all(|two| two[0].steps[1] + 1 == two[1].steps[0]));
            assert_eq!(buckets.iter().filter(|bucket| bucket.most == 100.0).count(), 1);
            assert_eq!(buckets.iter().map(|bucket| bucket.count).sum::<u64>(), count);
            assert!(buckets.iter().all(|one| one.least <= one.mean() && one.mean() <= one.most));
        }
    }

    #[test]
    fn steps_far_apart_and_values_without_a_place_do_no_harm() {
        let mut curve = Curve::default();
        for step in (0..2000).map(|step| step << 50).chain([u64::MAX, 0, 5]) {
            curve.push(step, f64::NAN);
            curve.push(step, 1.0);
        }
        assert!(curve.buckets().len() <= MOST);
    }
}
