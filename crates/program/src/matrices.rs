//! Views of buffers as matrices.

use crate::{Element, Matrix, Span};

impl Element {
    /// As the names of kernels end.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::F32 => "f32",
            Self::Bf16 => "bf16",
        }
    }
}

impl Matrix {
    /// The start of `span` as a matrix without gaps.
    #[must_use]
    pub fn new(span: Span, element: Element, [rows, columns]: [usize; 2]) -> Self {
        let span = span.part(0, rows * columns * element.bytes());
        Self { span, element, rows, columns, stride: columns }
    }

    /// Some of its columns.
    #[must_use]
    pub fn columns(&self, first: usize, columns: usize) -> Self {
        let width = self.element.bytes();
        let values = if self.rows == 0 { 0 } else { (self.rows - 1) * self.stride + columns };
        Self { span: self.span.part(first * width, values * width), columns, ..*self }
    }
}
