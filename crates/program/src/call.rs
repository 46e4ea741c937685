//! A kernel's call, written argument by argument, which notes what it reads and writes.

use crate::{Argument, Element, Launch, Moments, Span};

/// Multiprocessors of the cards that grids are made for; more blocks than they hold take turns.
pub(crate) const PROCESSORS: usize = 132;

/// A launch in the making.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    pub(crate) launch: Launch,
    pub(crate) reads: Vec<Span>,
    pub(crate) writes: Vec<Span>,
}

/// The blocks and threads of a launch.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Grid {
    pub(crate) blocks: [usize; 2],
    pub(crate) threads: u32,
    /// Dynamic shared memory in bytes.
    pub(crate) shared: usize,
}

impl Grid {
    /// A warp a row, rows taken in turns by as many blocks as fit the card.
    pub(crate) fn rows(rows: usize) -> Self {
        let blocks = rows.div_ceil(4).clamp(1, PROCESSORS * 8);
        Self { blocks: [blocks, 1], threads: 128, shared: 0 }
    }

    /// A block a row, rows taken in turns by as many blocks as fit the card.
    pub(crate) fn block_rows(rows: usize) -> Self {
        Self::blocks([rows.clamp(1, PROCESSORS * 16), 1], 128)
    }

    pub(crate) fn blocks(blocks: [usize; 2], threads: u32) -> Self {
        Self { blocks, threads, shared: 0 }
    }

    pub(crate) fn with_shared(self, shared: usize) -> Self {
        Self { shared, ..self }
    }
}

/// A mask of dropout, as kernels take it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Drop {
    /// Those of the site's rows; none where nothing is dropped.
    pub(crate) keys: Option<Span>,
    pub(crate) threshold: u32,
    pub(crate) scale: f32,
}

impl Drop {
    pub(crate) const NOTHING: Self = Self { keys: None, threshold: 0, scale: 1.0 };

    /// A `rate` in [0, 1), as crates/kernels/src/mask.rs rounds it.
    #[expect(clippy::cast_possible_truncation, reason = "a rate is below 1")]
    #[expect(clippy::cast_sign_loss, reason = "a rate is not negative")]
    pub(crate) fn new(rate: f32, keys: Span) -> Self {
        const HASHES: f64 = 4_294_967_296.0;
        if rate <= 0.0 {
            return Self::NOTHING;
        }
        let threshold = (f64::from(rate) * HASHES).ceil() as u32;
        Self { keys: Some(keys), threshold, scale: 1.0 / (1.0 - rate) }
    }
}

/// Rows of parts that `gelu_backward` writes.
pub(crate) fn gelu_parts(rows: usize) -> usize {
    rows.div_ceil(16).clamp(1, PROCESSORS)
}

impl Call {
    /// A call of the kernel `name`.
    #[expect(clippy::cast_possible_truncation, reason = "a grid has fewer than 2^31 blocks")]
    pub(crate) fn new(name: impl Into<String>, grid: Grid) -> Self {
        let launch = Launch {
            kernel: name.into(),
            grid: grid.blocks.map(|blocks| blocks as u32),
            threads: grid.threads,
            shared: grid.shared as u32,
            arguments: Vec::new(),
        };
        Self { launch, reads: Vec::new(), writes: Vec::new() }
    }

    /// A call of the instance of `name` for values of this type.
    pub(crate) fn typed(name: &str, element: Element, grid: Grid) -> Self {
        Self::new(format!("{name}_{}", element.name()), grid)
    }

    fn argument(mut self, argument: Argument) -> Self {
        self.launch.arguments.push(argument);
        self
    }

    /// The address of something of which it touches parts, which [`Self::touching`] names.
    pub(crate) fn address(self, span: Span) -> Self {
        self.argument(Argument::Address(span))
    }

    /// The address of what it reads.
    pub(crate) fn read(mut self, span: Span) -> Self {
        self.reads.push(span);
        self.argument(Argument::Address(span))
    }

    /// The address of what it writes.
    pub(crate) fn write(mut self, span: Span) -> Self {
        self.writes.push(span);
        self.argument(Argument::Address(span))
    }

    /// The address of what it reads and writes.
    pub(crate) fn update(mut self, span: Span) -> Self {
        self.reads.push(span);
        self.write(span)
    }

    /// What it reads or writes without taking its address.
    pub(crate) fn touching(mut self, reads: &[Span], writes: &[Span]) -> Self {
        self.reads.extend(reads);
        self.writes.extend(writes);
        self
    }

    pub(crate) fn null(self) -> Self {
        self.argument(Argument::Null)
    }

    /// A count or a flag.
    #[expect(
        clippy::cast_possible_truncation,
        reason = "counts of rows and columns are below 2^31"
    )]
    #[expect(clippy::cast_possible_wrap, reason = "counts of rows and columns are below 2^31")]
    pub(crate) fn int(self, value: usize) -> Self {
        self.argument(Argument::I32(value as i32))
    }

    #[expect(clippy::cast_possible_wrap, reason = "a buffer has fewer than 2^63 values")]
    pub(crate) fn long(self, value: usize) -> Self {
        self.argument(Argument::I64(value as i64))
    }

    pub(crate) fn float(self, value: f32) -> Self {
        self.argument(Argument::F32(value))
    }

    pub(crate) fn double(self, value: f64) -> Self {
        self.argument(Argument::F64(value))
    }

    pub(crate) fn moments(self, moments: Moments) -> Self {
        self.argument(Argument::Moments(moments))
    }

    /// Keys, threshold and scale.
    pub(crate) fn dropout(self, drop: Drop) -> Self {
        let call = match drop.keys {
            Some(keys) => self.read(keys),
            None => self.null(),
        };
        call.threshold(drop)
    }

    /// Threshold and scale.
    pub(crate) fn threshold(self, drop: Drop) -> Self {
        self.argument(Argument::U32(drop.threshold)).float(drop.scale)
    }
}
