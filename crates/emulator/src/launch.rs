//! Launches: their checks, and their blocks shared out over threads.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;

use lockstep_program::MachineError;

use crate::argument::{RawArgument, Value, kind_name};
use crate::native::{BlockRun, Fault, Kernel, Stage};

/// The shared memory of a block, at most: that of an H100.
const MOST_SHARED: u32 = 232_448;

/// Threads of a block, at most.
const MOST_THREADS: u32 = 1024;

/// Blocks in y, at most.
const MOST_BLOCKS_Y: u32 = 65_535;

/// Fewer blocks than this a thread are not worth a thread.
const BLOCKS_A_THREAD: u64 = 4;

/// The shape of a launch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Grid {
    /// Blocks in x and y.
    pub blocks: [u32; 2],
    /// Threads of a block.
    pub threads: u32,
    /// Dynamic shared memory of a block, in bytes.
    pub shared: u32,
}

/// A launch that a kernel can take.
#[derive(Debug)]
pub(crate) struct Launch {
    kernel: &'static Kernel,
    grid: Grid,
    arguments: Vec<RawArgument>,
    values: Vec<Value>,
}

impl Launch {
    /// Compares a launch with what the kernel takes and what a GPU has.
    pub(crate) fn checked(
        name: &str,
        grid: Grid,
        arguments: &[RawArgument],
    ) -> Result<Self, MachineError> {
        let kernel = Kernel::named(name)
            .ok_or_else(|| MachineError::UnknownKernel { name: name.to_owned() })?;
        let wrong = wrong_grid(kernel, grid).or_else(|| wrong_arguments(kernel, arguments));
        if let Some(cause) = wrong {
            return Err(MachineError::Shape { what: format!("a launch of `{name}`"), cause });
        }
        let values = arguments.iter().map(RawArgument::bytes).collect();
        Ok(Self { kernel, grid, arguments: arguments.to_vec(), values })
    }

    /// The kernel's name.
    pub(crate) fn name(&self) -> &'static str {
        self.kernel.name()
    }

    /// The addresses that the kernel is given.
    pub(crate) fn addresses(&self) -> impl Iterator<Item = u64> {
        self.arguments.iter().filter_map(|argument| match argument {
            RawArgument::Address(address) => Some(*address),
            _ => None,
        })
    }

    /// Runs all blocks on `threads` threads, in an order that the seed permutes.
    pub(crate) fn run(&self, threads: usize, seed: u64) -> Result<(), Failure> {
        let [x, y] = self.grid.blocks.map(u64::from);
        let order = Order::new(x * y, seed);
        let next = AtomicU64::new(0);
        let failure = Mutex::new(None);
        let work = || {
            if let Err(found) = self.run_some(&order, &next) {
                next.store(order.count, Ordering::Relaxed);
                failure.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(found);
            }
        };
        let more = (order.count / BLOCKS_A_THREAD).min(threads as u64).saturating_sub(1);
        if more == 0 {
            work();
        } else {
            thread::scope(|scope| {
                for _ in 0..more {
                    scope.spawn(work);
                }
                work();
            });
        }
        failure.into_inner().unwrap_or_else(PoisonError::into_inner).map_or(Ok(()), Err)
    }

    /// Runs blocks until none is left or one fails.
    #[expect(clippy::cast_possible_truncation, reason = "blocks in x and y are u32")]
    fn run_some(&self, order: &Order, next: &AtomicU64) -> Result<(), Failure> {
        let mut stage = Stage::take().ok_or(Failure::Memory)?;
        let Grid { blocks: grid, threads, shared } = self.grid;
        let (kernel, values) = (self.kernel, &self.values[..]);
        let result = loop {
            let turn = next.fetch_add(1, Ordering::Relaxed);
            if turn >= order.count {
                break Ok(());
            }
            let number = order.block(turn);
            let x = u64::from(grid[0]);
            let block = [(number % x) as u32, (number / x) as u32];
            let seed = order.seed_of(number);
            if let Err(fault) =
                stage.run(&BlockRun { kernel, grid, threads, shared, seed, values, block })
            {
                break Err(Failure::Fault(fault));
            }
        };
        stage.put();
        result
    }
}

/// Why a launch did not end.
pub(crate) enum Failure {
    /// There is no memory for the threads' stacks.
    Memory,
    /// The kernel broke a rule.
    Fault(Box<Fault>),
}

fn wrong_grid(kernel: &Kernel, grid: Grid) -> Option<String> {
    let Grid { blocks: [x, y], threads, shared } = grid;
    let most = kernel.threads().min(MOST_THREADS);
    if x == 0 || y == 0 || x > i32::MAX as u32 || y > MOST_BLOCKS_Y {
        Some(format!("a grid of ({x}, {y}) blocks"))
    } else if threads == 0 || threads % 32 != 0 || threads > most {
        Some(format!("{threads} threads a block; it takes a multiple of 32, at most {most}"))
    } else if shared > MOST_SHARED {
        Some(format!("{shared} bytes of shared memory; a block has {MOST_SHARED} at most"))
    } else {
        None
    }
}

fn wrong_arguments(kernel: &Kernel, arguments: &[RawArgument]) -> Option<String> {
    let kinds = kernel.kinds();
    if kinds.len() != arguments.len() {
        return Some(format!("{} arguments; it takes {}", arguments.len(), kinds.len()));
    }
    let wrong = (0..kinds.len()).find(|i| kinds[*i] != arguments[*i].kind())?;
    let (given, taken) = (kind_name(arguments[wrong].kind()), kind_name(kinds[wrong]));
    Some(format!("argument {wrong}, counted from 0, is {given}; it takes {taken}"))
}

/// An order of blocks: each comes once.
struct Order {
    count: u64,
    first: u64,
    stride: u64,
    seed: u64,
}

impl Order {
    /// Seed 0 is the order of the numbers.
    fn new(count: u64, seed: u64) -> Self {
        if seed == 0 {
            return Self { count, first: 0, stride: 1, seed };
        }
        let first = mixed(seed, 1) % count;
        let mut stride = mixed(seed, 2) % count;
        while divisor(stride, count) != 1 {
            stride = (stride + 1) % count;
        }
        Self { count, first, stride, seed }
    }

    fn block(&self, turn: u64) -> u64 {
        let place = u128::from(turn) * u128::from(self.stride) + u128::from(self.first);
        u64::try_from(place % u128::from(self.count)).unwrap_or_default()
    }

    fn seed_of(&self, block: u64) -> u64 {
        if self.seed == 0 { 0 } else { mixed(self.seed, block + 3) }
    }
}

/// The greatest common divisor.
fn divisor(a: u64, b: u64) -> u64 {
    if b == 0 { a } else { divisor(b, a % b) }
}

/// A number that looks random, never 0.
pub(crate) fn mixed(seed: u64, index: u64) -> u64 {
    let mut z = seed.wrapping_add(index.wrapping_mul(0x9E37_79B9_7F4A_7C15));
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    (z ^ (z >> 31)).max(1)
}
