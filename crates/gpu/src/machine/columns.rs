//! Products of rows as products of columns.
//!
//! Matrices of a [`Product`] lie in memory row by row; cublasLt reads memory column by column, and so
//! sees the transpose of each. `out = left right + addend` is there `out' = right' left' + addend'`:
//! the same values at the same places, with the factors exchanged.

use lockstep_program::{Arithmetic, Element, Factor, MachineError, Matrix, Product, Span};

/// A matrix as cublasLt sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Columns {
    pub(super) span: Span,
    /// The type of its values.
    pub(super) element: Element,
    /// Values of a column.
    pub(super) rows: usize,
    pub(super) columns: usize,
    /// Values from the start of a column to that of the next.
    pub(super) leading: usize,
}

impl Columns {
    /// The transpose of `matrix`, which is the same memory.
    const fn of(matrix: &Matrix) -> Self {
        Self {
            span: matrix.span,
            element: matrix.element,
            rows: matrix.columns,
            columns: matrix.rows,
            leading: matrix.stride,
        }
    }
}

/// `d = op(a) op(b) + beta c`, in cublasLt's letters.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct ColumnProduct {
    /// The right factor.
    pub(super) a: Columns,
    /// Whether `a` is transposed before it is multiplied.
    pub(super) transpose_a: bool,
    /// The left factor.
    pub(super) b: Columns,
    /// Whether `b` is transposed before it is multiplied.
    pub(super) transpose_b: bool,
    /// The addend, or `d` where there is none.
    pub(super) c: Columns,
    /// The product.
    pub(super) d: Columns,
    /// 1 with an addend, else 0: then `c` is not read.
    pub(super) beta: f32,
    pub(super) arithmetic: Arithmetic,
}

/// `product` in cublasLt's letters.
pub(super) fn column_major(product: &Product, label: &str) -> Result<ColumnProduct, MachineError> {
    check(product).map_err(|cause| MachineError::Shape { what: label.to_owned(), cause })?;
    let (a, transpose_a) = factor(&product.right);
    let (b, transpose_b) = factor(&product.left);
    let d = Columns::of(&product.out);
    Ok(ColumnProduct {
        a,
        transpose_a,
        b,
        transpose_b,
        c: product.addend.as_ref().map_or(d, Columns::of),
        d,
        beta: if product.addend.is_some() { 1.0 } else { 0.0 },
        arithmetic: product.arithmetic,
    })
}

fn factor(factor: &Factor) -> (Columns, bool) {
    (Columns::of(factor.matrix()), matches!(factor, Factor::Transposed(_)))
}

/// How `address` is aligned, up to the 256 bytes that cublasLt assumes where it is told nothing.
pub(super) fn alignment(address: u64) -> u32 {
    1 << address.trailing_zeros().min(8)
}

/// What makes a product none, in words.
fn check(product: &Product) -> Result<(), String> {
    let [[rows, inner], [other, columns]] = [product.left.dims(), product.right.dims()];
    if inner != other {
        return Err(format!("({rows},{inner}) x ({other},{columns})"));
    }
    for matrix in std::iter::once(&product.out).chain(&product.addend) {
        if [matrix.rows, matrix.columns] != [rows, columns] {
            let found = format!("({},{})", matrix.rows, matrix.columns);
            return Err(format!("a product of ({rows},{columns}) meets a matrix of {found}"));
        }
    }
    let factors = [product.left.matrix(), product.right.matrix()];
    factors.into_iter().chain([&product.out]).chain(&product.addend).try_for_each(lies_in_span)?;
    check_types(product)
}

fn lies_in_span(matrix: &Matrix) -> Result<(), String> {
    let Matrix { rows, columns, stride, .. } = *matrix;
    if rows == 0 || columns == 0 || stride < columns {
        return Err(format!("a matrix of ({rows},{columns}) has rows {stride} values apart"));
    }
    let needed = ((rows - 1) * stride + columns) * matrix.element.bytes();
    if needed > matrix.span.bytes {
        let there = matrix.span.bytes;
        return Err(format!("a matrix of ({rows},{columns}) needs {needed} bytes of {there}"));
    }
    Ok(())
}

fn check_types(product: &Product) -> Result<(), String> {
    let expected = match product.arithmetic {
        Arithmetic::F32 | Arithmetic::Tf32 => Element::F32,
        Arithmetic::Bf16 => Element::Bf16,
    };
    let factors = [product.left.matrix().element, product.right.matrix().element];
    if factors.iter().any(|&element| element != expected) {
        return Err(format!("{:?} multiplies no {factors:?}", product.arithmetic));
    }
    let out = product.out;
    if expected == Element::F32 && out.element != Element::F32 {
        return Err(format!("{:?} gives no {:?}", product.arithmetic, out.element));
    }
    match product.addend {
        Some(addend) if (addend.element, addend.stride) != (out.element, out.stride) => {
            Err("the addend is of another type or stride than the product".to_owned())
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests;
