//! Loops that become vector instructions, chosen when the program runs.
//!
//! A [`Kernel`] is plain Rust over slices. Inside [`vectorised`] the compiler may use AVX-512, AVX2
//! or NEON where the processor has them. Sums are kept in [`LANES`] partial sums whatever the width
//! of a register is, and products are never fused with sums, so that results do not depend on the
//! instruction set.

/// The number of partial sums: four registers of AVX2, enough to hide an addition's latency.
pub(crate) const LANES: usize = 32;

/// A loop over slices, with all that it reads and writes.
pub(crate) trait Kernel {
    /// What the loop returns.
    type Output;

    /// Runs the loop.
    ///
    /// Implementations are marked `#[inline(always)]`, as is all that they call: only what ends up
    /// inside [`vectorised`] is compiled for the processor's instructions. A closure or a function
    /// handed over would stay outside when it is large, and run at a quarter of the speed.
    fn run(self) -> Self::Output;
}

/// Runs `kernel` compiled for the best instruction set of this processor.
pub(crate) fn vectorised<K: Kernel>(kernel: K) -> K::Output {
    pulp::Arch::new().dispatch(OnAnyProcessor(kernel))
}

struct OnAnyProcessor<K>(K);

impl<K: Kernel> pulp::WithSimd for OnAnyProcessor<K> {
    type Output = K::Output;

    #[inline(always)]
    fn with_simd<S: pulp::Simd>(self, _: S) -> K::Output {
        self.0.run()
    }
}

/// `Σ term([x, y, …])` over the values of slices of one length.
#[inline(always)]
pub(crate) fn sum<const N: usize>(slices: [&[f32]; N], term: impl Fn([f32; N]) -> f32) -> f32 {
    let mut sums = [0.0; LANES];
    let parts = slices.map(|slice| slice.as_chunks::<LANES>());
    let blocks = parts.iter().map(|(blocks, _)| blocks.len()).min().unwrap_or(0);
    for i in 0..blocks {
        let block = parts.map(|(blocks, _)| &blocks[i]);
        for (lane, sum) in sums.iter_mut().enumerate() {
            *sum += term(block.map(|values| values[lane]));
        }
    }
    let rest = parts.iter().map(|(_, rest)| rest.len()).min().unwrap_or(0);
    for (lane, sum) in sums.iter_mut().enumerate().take(rest) {
        *sum += term(parts.map(|(_, values)| values[lane]));
    }
    fold(sums)
}

/// Adds `y` to `x`, value by value.
#[inline(always)]
pub(crate) fn add(x: &mut [f32], y: &[f32]) {
    for (x, &y) in x.iter_mut().zip(y) {
        *x += y;
    }
}

/// [`add`] as a kernel of its own.
pub(crate) struct Add<'a>(pub(crate) &'a mut [f32], pub(crate) &'a [f32]);

impl Kernel for Add<'_> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        add(self.0, self.1);
    }
}

/// Adds the upper half of the partial sums to the lower until one is left.
#[inline(always)]
fn fold(mut sums: [f32; LANES]) -> f32 {
    let mut half = LANES / 2;
    while half > 0 {
        for i in 0..half {
            sums[i] += sums[i + half];
        }
        half /= 2;
    }
    sums[0]
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Sum<'a>(&'a [f32]);

    impl Kernel for Sum<'_> {
        type Output = f32;

        #[inline(always)]
        fn run(self) -> f32 {
            sum([self.0, self.0], |[x, y]| 3.0 * x - y)
        }
    }

    #[test]
    fn sums_see_every_value() {
        for len in [0, 1, 31, 32, 33, 100] {
            let x: Vec<f32> = (1..=len).map(|i| i as f32).collect();
            let expected = (len * (len + 1) / 2) as f32;
            assert_eq!(sum([&x], |[x]| x), expected, "{len}");
            assert_eq!(vectorised(Sum(&x)), 2.0 * expected, "{len}");
        }
    }
}
