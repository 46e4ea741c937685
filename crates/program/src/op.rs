//! The operations of a program.

use crate::{Moments, Span};

/// An order of operations on the device. Operations of one lane run in the order of the program;
/// those of two lanes run in any order that signals and waits leave open.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Lane {
    /// The chain that decides how long an update takes.
    Main,
    /// What is needed only at the end: gradients of weights.
    Side,
}

/// An argument of a kernel.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Argument {
    /// The address of a span's first byte.
    Address(Span),
    /// A null pointer.
    Null,
    /// `int`
    I32(i32),
    /// `int64_t`
    I64(i64),
    /// `uint32_t`
    U32(u32),
    /// `float`
    F32(f32),
    /// `double`
    F64(f64),
    /// `Moments`, by value.
    Moments(Moments),
}

/// A launch of a kernel, as crates/gpu/src/cuda/README.md describes it.
#[derive(Clone, Debug, PartialEq)]
pub struct Launch {
    /// The kernel's name.
    pub kernel: String,
    /// Blocks in x and y.
    pub grid: [u32; 2],
    /// Threads of a block.
    pub threads: u32,
    /// Dynamic shared memory of a block, in bytes.
    pub shared: u32,
    /// In the order of the kernel's parameters.
    pub arguments: Vec<Argument>,
}

/// The type of a matrix' values.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Element {
    /// 4 bytes.
    F32,
    /// 2 bytes.
    Bf16,
}

impl Element {
    /// The bytes of a value.
    #[must_use]
    pub const fn bytes(self) -> usize {
        match self {
            Self::F32 => 4,
            Self::Bf16 => 2,
        }
    }
}

/// How a product multiplies. Sums are f32 in all cases.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Arithmetic {
    /// f32 x f32.
    F32,
    /// f32 whose factors are rounded to TF32.
    Tf32,
    /// bf16 x bf16.
    Bf16,
}

/// A matrix in memory, row by row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Matrix {
    /// From its first value to its last.
    pub span: Span,
    /// The type of its values.
    pub element: Element,
    /// Rows as they lie in memory.
    pub rows: usize,
    /// Columns as they lie in memory.
    pub columns: usize,
    /// Values from the start of a row to that of the next.
    pub stride: usize,
}

/// A factor of a product.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Factor {
    /// As it lies in memory.
    Plain(Matrix),
    /// Its columns are the product's rows, or the other way round.
    Transposed(Matrix),
}

impl Factor {
    /// The matrix as it lies in memory.
    #[must_use]
    pub const fn matrix(&self) -> &Matrix {
        match self {
            Self::Plain(matrix) | Self::Transposed(matrix) => matrix,
        }
    }

    /// Rows and columns in the product.
    #[must_use]
    pub const fn dims(&self) -> [usize; 2] {
        match self {
            Self::Plain(matrix) => [matrix.rows, matrix.columns],
            Self::Transposed(matrix) => [matrix.columns, matrix.rows],
        }
    }
}

/// `out = left right + addend`: (M,K) x (K,N) + (M,N).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Product {
    /// (M,K)
    pub left: Factor,
    /// (K,N)
    pub right: Factor,
    /// (M,N), maybe `out` itself; of `out`'s type and stride.
    pub addend: Option<Matrix>,
    /// (M,N)
    pub out: Matrix,
    /// How it multiplies.
    pub arithmetic: Arithmetic,
}

/// What an operation does.
#[derive(Clone, Debug, PartialEq)]
pub enum Work {
    /// A kernel of ours.
    Launch(Launch),
    /// A product of the vendor's library.
    Product(Product),
}

/// One operation.
#[derive(Clone, Debug, PartialEq)]
pub struct Op {
    /// For people, for example `block 3: narrow, input gradient`.
    pub label: String,
    /// The lane that runs it.
    pub lane: Lane,
    /// What it does.
    pub work: Work,
    /// All that it reads.
    pub reads: Vec<Span>,
    /// All that it writes.
    pub writes: Vec<Span>,
}

/// An element of a program.
#[derive(Clone, Debug, PartialEq)]
pub enum Item {
    /// Runs an operation.
    Op(Box<Op>),
    /// Marks that the lane came this far; each event is signalled once.
    Signal {
        /// The lane.
        lane: Lane,
        /// The event, counted from 0.
        event: usize,
    },
    /// The lane continues after the event, which is signalled earlier in the program.
    Wait {
        /// The lane.
        lane: Lane,
        /// The event.
        event: usize,
    },
    /// The local gradients of a bucket are complete once both lanes came this far, and nothing that
    /// follows touches them: others may sum them over the ranks while the program continues.
    Complete {
        /// Its number in [`GradientArena::buckets`](crate::GradientArena::buckets).
        bucket: usize,
    },
}

/// Operations in an order that keeps every dependency.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Program {
    /// For people.
    pub name: String,
    /// From the first to the last. Both lanes start together and are joined at the end.
    pub items: Vec<Item>,
    /// How many events there are.
    pub events: usize,
}

impl Program {
    /// The operations in order.
    pub fn ops(&self) -> impl Iterator<Item = &Op> {
        self.items.iter().filter_map(|item| match item {
            Item::Op(op) => Some(&**op),
            _ => None,
        })
    }
}
