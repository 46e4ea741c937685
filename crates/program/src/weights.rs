//! The weights as products read them: the parameters themselves in f32, copies in bf16.

use crate::arena::Arena;
use crate::parts::{BlockParts, ModelParts};
use crate::{Arithmetic, Element, Matrix, ModelShape, Span};

/// The weights of a model.
#[derive(Clone, Debug)]
pub struct Weights {
    /// The parameters, f32.
    pub masters: ModelParts<Span>,
    /// Of each block, where products multiply in bf16.
    pub copies: Option<Vec<BlockCopies>>,
}

/// The matrices of a block in bf16.
#[derive(Clone, Copy, Debug)]
pub struct BlockCopies {
    /// Query, key and value, one behind the other, (3 D, D).
    pub qkv: Span,
    /// (D,D)
    pub output: Span,
    /// (F,D)
    pub widen: Span,
    /// (D,F)
    pub narrow: Span,
}

/// A matrix whose product gives some columns of a result.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Slice {
    /// (columns, D)
    pub(crate) matrix: Matrix,
    /// The first of its columns.
    pub(crate) first: usize,
}

impl Slice {
    /// A matrix that gives all columns.
    pub(crate) fn whole(matrix: Matrix) -> Self {
        Self { matrix, first: 0 }
    }
}

/// Query, key or value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Projection {
    Query,
    Key,
    Value,
}

pub(crate) const QKV: [Projection; 3] = [Projection::Query, Projection::Key, Projection::Value];

impl BlockCopies {
    /// Bytes of a block's copies in an arena.
    #[must_use]
    pub fn bytes(shape: &ModelShape) -> usize {
        let span = Span::EMPTY;
        let mut arena = Arena::new(span);
        Self::take(shape, &mut arena);
        arena.used()
    }

    /// All blocks' copies in `whole`, which has [`Self::bytes`] for each block.
    #[must_use]
    pub fn all(shape: &ModelShape, whole: Span) -> Vec<Self> {
        let mut arena = Arena::new(whole);
        (0..shape.blocks).map(|_| Self::take(shape, &mut arena)).collect()
    }

    fn take(shape: &ModelShape, arena: &mut Arena) -> Self {
        let (d, f) = (shape.width, shape.feed_forward);
        let mut take = |values: usize| arena.take(values * Element::Bf16.bytes());
        Self { qkv: take(3 * d * d), output: take(d * d), widen: take(f * d), narrow: take(d * f) }
    }

    /// The copy of one of the three.
    fn projection(&self, which: Projection) -> Span {
        let bytes = self.qkv.bytes / 3;
        self.qkv.part(which as usize * bytes, bytes)
    }

    /// The copies beside the parameters that have one.
    #[must_use]
    pub fn of(&self) -> [Span; 6] {
        let [query, key, value] = QKV.map(|which| self.projection(which));
        [query, key, value, self.output, self.widen, self.narrow]
    }
}

/// The weights of one block for products.
#[derive(Clone, Copy, Debug)]
pub(crate) struct BlockOperands<'a> {
    pub(crate) masters: &'a BlockParts<Span>,
    copies: Option<&'a BlockCopies>,
    width: usize,
    feed_forward: usize,
}

impl Weights {
    /// The type of the activations.
    #[must_use]
    pub fn element(&self) -> Element {
        if self.copies.is_some() { Element::Bf16 } else { Element::F32 }
    }

    pub(crate) fn block(&self, number: usize, shape: &ModelShape) -> BlockOperands<'_> {
        BlockOperands {
            masters: &self.masters.blocks[number],
            copies: self.copies.as_ref().map(|copies| &copies[number]),
            width: shape.width,
            feed_forward: shape.feed_forward,
        }
    }
}

impl BlockOperands<'_> {
    /// Those of the projections, which stand in the order of [`QKV`].
    pub(crate) fn projections(&self, wanted: &[Projection]) -> Vec<Slice> {
        let d = self.width;
        if let Some(copies) = self.copies {
            let bytes = copies.qkv.bytes / 3;
            let span = copies.qkv.part(wanted[0] as usize * bytes, wanted.len() * bytes);
            let matrix = Matrix::new(span, Element::Bf16, [wanted.len() * d, d]);
            return vec![Slice { matrix, first: 0 }];
        }
        let master = |which: &Projection| match which {
            Projection::Query => self.masters.query.weight,
            Projection::Key => self.masters.key.weight,
            Projection::Value => self.masters.value.weight,
        };
        let slice = |(place, which)| Slice {
            matrix: Matrix::new(master(which), Element::F32, [d, d]),
            first: place * d,
        };
        wanted.iter().enumerate().map(slice).collect()
    }

    /// (D,D)
    pub(crate) fn output(&self) -> Matrix {
        let dims = [self.width, self.width];
        self.matrix(self.copies.map(|copies| copies.output), self.masters.output.weight, dims)
    }

    /// (F,D)
    pub(crate) fn widen(&self) -> Matrix {
        let dims = [self.feed_forward, self.width];
        self.matrix(self.copies.map(|copies| copies.widen), self.masters.widen.weight, dims)
    }

    /// (D,F)
    pub(crate) fn narrow(&self) -> Matrix {
        let dims = [self.width, self.feed_forward];
        self.matrix(self.copies.map(|copies| copies.narrow), self.masters.narrow.weight, dims)
    }

    fn matrix(&self, copy: Option<Span>, master: Span, dims: [usize; 2]) -> Matrix {
        match copy {
            Some(copy) => Matrix::new(copy, Element::Bf16, dims),
            None => Matrix::new(master, Element::F32, dims),
        }
    }
}

impl Arithmetic {
    /// The type of the factors.
    #[must_use]
    pub const fn element(self) -> Element {
        match self {
            Self::F32 | Self::Tf32 => Element::F32,
            Self::Bf16 => Element::Bf16,
        }
    }
}
