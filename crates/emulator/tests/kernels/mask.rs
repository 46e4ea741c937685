//! The keys of masks, and the factors that follow from them, have the bits of the CPU's.

#![expect(clippy::cast_possible_truncation, reason = "sizes and values of tests are small")]

use candle_core::{DType, Device, Tensor};
use lockstep_emulator::{Emulator, Grid, RawArgument, in_every_order};
use lockstep_kernels::{Dropout, dropout};
use lockstep_program::PassNumbers;
use lockstep_world::{Purpose, Seed};

use crate::numbers::{bits, mask_numbers};

const DROPOUT: Seed = Seed(0x0123_4567_89AB_CDEF);

/// Examples with so many tokens each, in buffers of `rows`.
struct Batch {
    lengths: Vec<usize>,
    rows: usize,
    blocks: usize,
}

impl Batch {
    /// For each row its segment and its position.
    fn places(&self) -> Vec<(usize, u32)> {
        let of_segment = |(s, &length)| (0..length as u32).map(move |position| (s, position));
        self.lengths.iter().enumerate().flat_map(of_segment).collect()
    }

    fn example(segment: usize) -> u64 {
        (segment as u64 + 3) * 0x1_0000_0007
    }

    /// Of a site, the keys that the CPU's masks are made of: one a row, or one a segment.
    fn seeds(&self, site: usize) -> Vec<Seed> {
        let outputs = 2 + 2 * self.blocks;
        let number = if site < outputs { site } else { (1 << 32) + site - outputs };
        let seed = DROPOUT.derive(Purpose::DropoutSite, number as u64);
        let key = |(segment, position): (usize, u32)| {
            let seed = seed.derive(Purpose::DropoutExample, Self::example(segment));
            seed.derive(Purpose::DropoutPosition, u64::from(position))
        };
        let is_of_last = match site.checked_sub(outputs) {
            Some(block) => block == self.blocks - 1,
            None => site >= 2 * self.blocks,
        };
        if site == 1 || is_of_last {
            (0..self.lengths.len()).map(|segment| key((segment, 0))).collect()
        } else {
            self.places().into_iter().map(key).collect()
        }
    }

    fn step(&self) -> PassNumbers {
        let (rows, segments) = (self.places().len() as i32, self.lengths.len() as i32);
        PassNumbers { rows, segments, dropout: DROPOUT.0, ..PassNumbers::default() }
    }

    /// What the kernel writes, (sites, rows).
    fn keys(&self, device: &Emulator) -> Vec<u64> {
        // Nothing reads behind the last token.
        let places = self.places();
        let segments: Vec<i32> = places.iter().map(|&(segment, _)| segment as i32).collect();
        let positions: Vec<i32> = places.iter().map(|&(_, position)| position as i32).collect();
        let examples: Vec<u64> = (0..self.lengths.len()).map(Self::example).collect();
        let sites = 2 + 3 * self.blocks;
        let keys = device.poisoned::<u64>(sites * self.rows);
        let arguments: [RawArgument; 7] = [
            device.buffer(&[self.step()]).into(),
            device.buffer(&segments).into(),
            device.buffer(&positions).into(),
            device.buffer(&examples).into(),
            keys.into(),
            (self.rows as i32).into(),
            (self.blocks as i32).into(),
        ];
        let blocks = [self.rows.div_ceil(256) as u32, sites as u32];
        device.launch("mask_keys", Grid { blocks, threads: 256, shared: 0 }, &arguments).unwrap();
        device.read(&keys)
    }
}

#[test]
fn keys_are_those_of_the_cpu() {
    let batch = |lengths: &[usize], rows, blocks| Batch { lengths: lengths.into(), rows, blocks };
    for batch in [
        batch(&[], 32, 1),
        batch(&[1], 32, 1),
        batch(&[12, 9, 31, 1, 7, 22, 14, 5], 128, 2),
        batch(&[200, 1, 512, 55], 768, 6),
        batch(&[16, 16], 32, 3),
    ] {
        let keys = in_every_order(|device| batch.keys(device));
        for (site, keys) in keys.chunks_exact(batch.rows).enumerate() {
            let mut expected: Vec<u64> =
                batch.seeds(site).iter().map(|seed| seed.bits(0)).collect();
            expected.resize(batch.rows, 0);
            assert!(keys == expected, "site {site}, {:?}", batch.lengths);
        }
    }
}

/// A head whose hidden values are one shows its factors.
fn factors(device: &Emulator, keys: &[u64], rate: f32, width: usize) -> Vec<f32> {
    let rows = keys.len();
    let (threshold, scale) = mask_numbers(rate);
    let step = PassNumbers { segments: rows as i32, ..PassNumbers::default() };
    let zeros = device.buffer(&vec![0.0_f32; width]);
    let active = device.poisoned::<f32>(rows * width);
    let arguments: [RawArgument; 18] = [
        device.buffer(&[step]).into(),
        device.buffer(&vec![1.0_f32; rows * width]).into(),
        zeros.into(),
        zeros.into(),
        zeros.into(),
        device.buffer(&vec![0_i32; rows]).into(),
        device.buffer(keys).into(),
        threshold.into(),
        scale.into(),
        1_i32.into(),
        active.into(),
        device.poisoned::<f32>(rows).into(),
        device.poisoned::<f64>(rows).into(),
        device.poisoned::<f32>(rows).into(),
        device.poisoned::<f32>(rows * width).into(),
        (rows as i32).into(),
        (width as i32).into(),
        1_i32.into(),
    ];
    let grid = Grid { blocks: [rows as u32, 1], threads: 128, shared: (width as u32 + 1) * 4 + 64 };
    device.launch("head_loss", grid, &arguments).unwrap();
    device.read(&active)
}

#[test]
fn factors_are_those_of_the_cpu() {
    let batch = Batch { lengths: vec![5, 3, 9], rows: 17, blocks: 2 };
    let keys = in_every_order(|device| batch.keys(device));
    for (site, rate, width) in [(0, 0.1, 768), (1, 0.5, 384), (2, 0.2, 8), (5, 0.9375, 1024)] {
        let seeds = batch.seeds(site);
        let keys = &keys[site * batch.rows..][..seeds.len()];
        let got = in_every_order(|device| factors(device, keys, rate, width));
        let ones = Tensor::ones((seeds.len(), width), DType::F32, &Device::Cpu).unwrap();
        let expected = dropout(&ones, &Dropout { rate, keys: seeds.into() }).unwrap();
        let expected = expected.flatten_all().unwrap().to_vec1::<f32>().unwrap();
        assert!(bits(&got) == bits(&expected), "site {site}");
        assert!(got.contains(&0.0), "something is dropped");
    }
}
