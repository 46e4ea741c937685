//! Products block by block: the left factor is packed by all threads, then each takes strips.

use std::ops::Range;

use rayon::prelude::*;

use super::ahead::Ahead;
use super::grid::{Grid, blocks, lines, pairs};
use super::pack::{GROUP, pack};
use super::scratch::{LEFT, Line, PAIRS, RIGHT, lend};
use super::tile::{self, COLUMNS, Finish, Panels, ROWS};
use crate::cpu::matrix::{Matrix, Tile};
use crate::cpu::operands::{Held, Product, Workers};
use crate::cpu::precision::Bf16;

/// About so many values of a left factor are packed at a time, one block at least: 4 MiB, to stay in
/// L3.
const PACKED: usize = 1 << 21;
/// Lanes of the left factor that a task packs: two lines of memory.
const PACKED_LANES: usize = 2 * GROUP;

impl Bf16 {
    /// Multiplies the factors rounded to bf16.
    pub(crate) fn multiply(self, product: Product, target: &mut Tile, held: Held) {
        let Product { left, right, scale, workers, .. } = product;
        assert_eq!((left.rows, right.columns), (target.rows, target.columns));
        assert_eq!(left.columns, right.rows);
        let grid = Grid::new(target, workers);
        let mut finish = Finish { scale, held };
        let blocks = blocks(left.columns);
        let at_once = (PACKED / (left.rows * blocks[0].len()).max(1)).max(1);
        for blocks in blocks.chunks(at_once) {
            let lines = blocks.iter().map(|block| lines(left.rows, GROUP, block)).sum();
            lend(&LEFT, lines, |packed| {
                let left = self.packed(left, blocks, packed, workers);
                let pass = Pass { left: &left, right: right.transposed(), blocks, finish };
                each(workers, grid.tasks(), |task| pass.strip(self, &grid, task));
            });
            finish.held = Held::Kept;
        }
    }

    /// Packs the left factor's blocks one behind the other.
    fn packed<'a>(
        self,
        left: Matrix,
        blocks: &[Range<usize>],
        mut to: &'a mut [Line],
        workers: Workers,
    ) -> Vec<&'a [Line]> {
        let mut packed = Vec::with_capacity(blocks.len());
        let mut tasks = Vec::new();
        for block in blocks {
            let (here, rest) = to.split_at_mut(lines(left.rows, GROUP, block));
            to = rest;
            packed.push(here);
        }
        for (block, to) in blocks.iter().zip(&mut packed) {
            let chunk = PACKED_LANES / PAIRS * pairs(block);
            for (i, to) in to.chunks_mut(chunk).enumerate() {
                let lanes = i * PACKED_LANES..((i + 1) * PACKED_LANES).min(left.rows);
                tasks.push((left.part(&lanes, block), pairs(block), to));
            }
        }
        let pack = |(block, pairs, to): (Matrix, usize, &mut [Line])| {
            // SAFETY: `self` is proof that the processor has the instructions.
            #[expect(unsafe_code, reason = "the function is compiled for these instructions")]
            unsafe {
                pack::<ROWS>(block, pairs, to);
            }
        };
        match workers {
            Workers::One => tasks.into_iter().for_each(pack),
            Workers::All => tasks.into_par_iter().for_each(pack),
        }
        packed.into_iter().map(|lines| &*lines).collect()
    }
}

/// Does all tasks, in any order.
fn each(workers: Workers, tasks: usize, work: impl Fn(usize) + Send + Sync) {
    match workers {
        Workers::One => (0..tasks).for_each(work),
        Workers::All => (0..tasks).into_par_iter().with_max_len(1).for_each(work),
    }
}

/// One pass over the result: some blocks of the inner dimension.
struct Pass<'a> {
    left: &'a [&'a [Line]],
    // Lanes are the columns of the factor.
    right: Matrix<'a>,
    blocks: &'a [Range<usize>],
    finish: Finish,
}

impl Pass<'_> {
    /// One part of one strip, block after block.
    fn strip(&self, _: Bf16, grid: &Grid, task: usize) {
        let (_, columns) = grid.area(task);
        let longest = lines(columns.len(), COLUMNS, &self.blocks[0]);
        lend(&RIGHT, longest, |to| {
            for i in 0..self.blocks.len() {
                // SAFETY: a `Bf16` is proof that the processor has the instructions.
                #[expect(unsafe_code, reason = "the function is compiled for these instructions")]
                unsafe {
                    self.block(grid, task, i, to);
                }
            }
        });
    }

    #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512bf16")]
    fn block(&self, grid: &Grid, task: usize, i: usize, to: &mut [Line]) {
        let (rows, columns) = grid.area(task);
        let block = &self.blocks[i];
        let to = &mut to[..lines(columns.len(), COLUMNS, block)];
        let pairs = pairs(block);
        pack::<COLUMNS>(self.right.part(&columns, block), pairs, to);
        let finish = if i == 0 { self.finish } else { Finish { held: Held::Kept, ..self.finish } };
        let tiles = rows.len().div_ceil(ROWS) * columns.len().div_ceil(COLUMNS);
        let ahead = Ahead::new(self.after(grid, task, i), tiles);
        let mut done = 0;
        for row in rows.step_by(ROWS) {
            let left = &self.left[i][row * pairs / PAIRS..][..ROWS * pairs / PAIRS];
            for (panel, column) in columns.clone().step_by(COLUMNS).enumerate() {
                let len = COLUMNS * pairs / PAIRS;
                let right = &to[panel * len..][..len];
                // SAFETY: only this task writes the tiles of its area.
                #[expect(unsafe_code, reason = "areas of tasks interlace")]
                unsafe {
                    let (panels, place) = (Panels { left, right }, grid.place(row, column));
                    tile::multiply(panels, place, finish, ahead.run(done));
                }
                done += 1;
            }
        }
    }

    /// The right factor's block that this thread will most likely pack next.
    fn after(&self, grid: &Grid, task: usize, i: usize) -> Matrix<'_> {
        let (task, i) = if i + 1 < self.blocks.len() { (task, i + 1) } else { (task + 1, 0) };
        let (rows, columns) = grid.area(task);
        let columns = if rows.is_empty() { 0..0 } else { columns };
        self.right.part(&columns, &self.blocks[i])
    }
}
