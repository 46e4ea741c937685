//! Products of matrices, for programs.

use gemm::Parallelism;
use lockstep_program::{Arithmetic, Element, Factor, Matrix, Memory, Product};

use crate::heap::Heap;
use crate::{bf16_bits, bf16_value};

/// A product whose addresses are known; its shapes fit.
#[derive(Debug)]
pub(crate) struct Multiplication {
    left: Placed,
    right: Placed,
    addend: Option<Placed>,
    out: Placed,
    arithmetic: Arithmetic,
}

impl Multiplication {
    pub(crate) fn new(product: &Product, memory: &Memory) -> Self {
        let placed = |matrix: &Matrix, transposed| Placed {
            address: memory.locate(&matrix.span).address,
            matrix: *matrix,
            transposed,
        };
        let factor =
            |factor: &Factor| placed(factor.matrix(), matches!(factor, Factor::Transposed(_)));
        Self {
            left: factor(&product.left),
            right: factor(&product.right),
            addend: product.addend.as_ref().map(|matrix| placed(matrix, false)),
            out: placed(&product.out, false),
            arithmetic: product.arithmetic,
        }
    }

    /// Sums are f32; the addend is added in f32, then the output is rounded once.
    pub(crate) fn compute(&self, memory: &Heap) {
        let rounded = |placed: &Placed| {
            let mut factor = placed.read(memory);
            factor.values.iter_mut().for_each(|value| *value = round(*value, self.arithmetic));
            factor
        };
        let mut out = multiplied(&rounded(&self.left), &rounded(&self.right));
        if let Some(addend) = &self.addend {
            let addend = addend.read(memory);
            out.iter_mut().zip(&addend.values).for_each(|(sum, more)| *sum += more);
        }
        self.out.write(&out, memory);
    }
}

fn round(value: f32, arithmetic: Arithmetic) -> f32 {
    match arithmetic {
        // To nearest, ties away from zero, like `cvt.rna.tf32`: 10 bits of the fraction are left.
        Arithmetic::Tf32 if value.is_finite() => {
            f32::from_bits((value.to_bits() + 0x1000) & !0x1fff)
        }
        Arithmetic::F32 | Arithmetic::Tf32 | Arithmetic::Bf16 => value,
    }
}

/// A matrix at an address.
#[derive(Debug)]
struct Placed {
    address: u64,
    matrix: Matrix,
    transposed: bool,
}

/// Values row by row as they lay in memory, without what was between rows.
struct Values {
    values: Vec<f32>,
    rows: usize,
    columns: usize,
    transposed: bool,
}

impl Placed {
    fn read(&self, memory: &Heap) -> Values {
        let Matrix { rows, columns, element, .. } = self.matrix;
        let mut bytes = vec![0; columns * element.bytes()];
        let mut values = Vec::with_capacity(rows * columns);
        for row in 0..rows {
            let address = self.row(row);
            if let Some(held) = memory.find(address, bytes.len()) {
                held.read(address, &mut bytes);
            }
            match element {
                Element::F32 => values.extend(words(&bytes).map(f32::from_ne_bytes)),
                Element::Bf16 => {
                    values.extend(words(&bytes).map(|word| bf16_value(u16::from_ne_bytes(word))));
                }
            }
        }
        Values { values, rows, columns, transposed: self.transposed }
    }

    fn write(&self, values: &[f32], memory: &Heap) {
        for (row, values) in values.chunks(self.matrix.columns).enumerate() {
            let address = self.row(row);
            let bytes: Vec<u8> = match self.matrix.element {
                Element::F32 => values.iter().flat_map(|value| value.to_ne_bytes()).collect(),
                Element::Bf16 => {
                    values.iter().flat_map(|value| bf16_bits(*value).to_ne_bytes()).collect()
                }
            };
            if let Some(held) = memory.find(address, bytes.len()) {
                held.write(address, &bytes);
            }
        }
    }

    fn row(&self, row: usize) -> u64 {
        self.address + (row * self.matrix.stride * self.matrix.element.bytes()) as u64
    }
}

fn words<const N: usize>(bytes: &[u8]) -> impl Iterator<Item = [u8; N]> {
    bytes.as_chunks::<N>().0.iter().copied()
}

impl Values {
    /// Rows and columns in the product, and the steps from one to the next.
    const fn layout(&self) -> ([usize; 2], [isize; 2]) {
        let row = self.columns.cast_signed();
        if self.transposed {
            ([self.columns, self.rows], [1, row])
        } else {
            ([self.rows, self.columns], [row, 1])
        }
    }
}

/// (M,K) x (K,N), row by row.
fn multiplied(left: &Values, right: &Values) -> Vec<f32> {
    let ([m, k], [left_row, left_column]) = left.layout();
    let ([_, n], [right_row, right_column]) = right.layout();
    let mut out = vec![0.0_f32; m * n];
    #[expect(unsafe_code, reason = "gemm takes addresses and strides")]
    // SAFETY: rows, columns and strides stay inside of the three vectors, and `out` is new.
    unsafe {
        gemm::gemm(
            m,
            n,
            k,
            out.as_mut_ptr(),
            1,
            n.cast_signed(),
            false,
            left.values.as_ptr(),
            left_column,
            left_row,
            right.values.as_ptr(),
            right_column,
            right_row,
            0.0,
            1.0,
            false,
            false,
            false,
            Parallelism::None,
        );
    }
    out
}
