//! Products by columns against products by rows, value by value.

use lockstep_program::{Memory, Region};

use super::*;

/// Memory of numbers, each matrix behind the one before.
struct Numbers {
    memory: Memory,
    values: Vec<f64>,
}

impl Numbers {
    fn matrix(&mut self, rows: usize, columns: usize, stride: usize) -> Matrix {
        let (start, count) = (self.values.len(), (rows - 1) * stride + columns);
        self.values.extend((start..start + count).map(|at| ((at * 37) % 23) as f64 - 11.0));
        let region = Region { address: start as u64 * 4, bytes: count * 4 };
        let span = self.memory.add("matrix", region);
        Matrix { span, element: Element::F32, rows, columns, stride }
    }

    fn start(&self, span: &Span) -> usize {
        usize::try_from(self.memory.locate(span).address / 4).unwrap()
    }

    fn by_rows(&self, matrix: &Matrix, row: usize, column: usize) -> f64 {
        self.values[self.start(&matrix.span) + row * matrix.stride + column]
    }

    fn of_factor(&self, factor: &Factor, row: usize, column: usize) -> f64 {
        match factor {
            Factor::Plain(matrix) => self.by_rows(matrix, row, column),
            Factor::Transposed(matrix) => self.by_rows(matrix, column, row),
        }
    }

    fn by_columns(&self, matrix: &Columns, transpose: bool, row: usize, column: usize) -> f64 {
        let (row, column) = if transpose { (column, row) } else { (row, column) };
        assert!(row < matrix.rows && column < matrix.columns, "inside of {matrix:?}");
        self.values[self.start(&matrix.span) + column * matrix.leading + row]
    }
}

/// What `product` means, in all of the memory.
fn multiplied(numbers: &Numbers, product: &Product) -> Vec<f64> {
    let mut values = numbers.values.clone();
    let start = numbers.start(&product.out.span);
    for row in 0..product.out.rows {
        for column in 0..product.out.columns {
            let inner = 0..product.left.dims()[1];
            let terms = inner.map(|at| {
                numbers.of_factor(&product.left, row, at)
                    * numbers.of_factor(&product.right, at, column)
            });
            let addend = product.addend.map_or(0.0, |addend| numbers.by_rows(&addend, row, column));
            values[start + row * product.out.stride + column] = terms.sum::<f64>() + addend;
        }
    }
    values
}

/// What cublasLt documents for its letters, in all of the memory.
fn multiplied_by_columns(numbers: &Numbers, product: &ColumnProduct) -> Vec<f64> {
    let mut values = numbers.values.clone();
    let ColumnProduct { a, b, c, d, .. } = product;
    let inner = if product.transpose_a { a.rows } else { a.columns };
    assert_eq!(inner, if product.transpose_b { b.columns } else { b.rows });
    let start = numbers.start(&d.span);
    for row in 0..d.rows {
        for column in 0..d.columns {
            let terms = (0..inner).map(|at| {
                numbers.by_columns(a, product.transpose_a, row, at)
                    * numbers.by_columns(b, product.transpose_b, at, column)
            });
            let addend = f64::from(product.beta) * numbers.by_columns(c, false, row, column);
            values[start + column * d.leading + row] = terms.sum::<f64>() + addend;
        }
    }
    values
}

#[derive(Clone, Copy)]
enum Addend {
    None,
    Out,
    Other,
}

/// A product of (3,5) x (5,4), with `gap` values between the rows of each matrix.
fn product(numbers: &mut Numbers, transposed: [bool; 2], gap: usize, addend: Addend) -> Product {
    let mut factor = |rows: usize, columns: usize, transposed: bool| {
        if transposed {
            Factor::Transposed(numbers.matrix(columns, rows, rows + gap))
        } else {
            Factor::Plain(numbers.matrix(rows, columns, columns + gap))
        }
    };
    let left = factor(3, 5, transposed[0]);
    let right = factor(5, 4, transposed[1]);
    let out = numbers.matrix(3, 4, 4 + gap);
    let addend = match addend {
        Addend::None => None,
        Addend::Out => Some(out),
        Addend::Other => Some(numbers.matrix(3, 4, 4 + gap)),
    };
    Product { left, right, addend, out, arithmetic: Arithmetic::F32 }
}

fn numbers() -> Numbers {
    Numbers { memory: Memory::default(), values: Vec::new() }
}

#[test]
fn columns_hold_what_rows_hold() {
    for transposed in [[false, false], [false, true], [true, false], [true, true]] {
        for gap in [0, 3] {
            for addend in [Addend::None, Addend::Out, Addend::Other] {
                let mut numbers = numbers();
                let product = product(&mut numbers, transposed, gap, addend);
                let columns = column_major(&product, "test").unwrap();
                assert_eq!(
                    multiplied_by_columns(&numbers, &columns),
                    multiplied(&numbers, &product),
                    "{transposed:?}, {gap}"
                );
            }
        }
    }
}

#[test]
fn what_does_not_fit_is_refused() {
    type Change = fn(&mut Product);
    let table: [(Change, &str); 7] = [
        (|product| product.left = product.right, "(5,4) x (5,4)"),
        (|product| product.out.rows = 2, "meets a matrix of (2,4)"),
        (|product| product.out.stride = 3, "rows 3 values apart"),
        (|product| product.out.span.bytes -= 1, "needs 48 bytes of 47"),
        (|product| product.arithmetic = Arithmetic::Bf16, "Bf16 multiplies no [F32, F32]"),
        (|product| product.out.element = Element::Bf16, "F32 gives no Bf16"),
        (
            |product| {
                product.addend = Some(Matrix { element: Element::Bf16, ..product.out });
            },
            "another type or stride",
        ),
    ];
    for (change, expected) in table {
        let mut numbers = numbers();
        let mut product = product(&mut numbers, [false, false], 0, Addend::None);
        change(&mut product);
        let error = column_major(&product, "test").unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }
}

#[test]
fn an_alignment_is_a_power_of_two_up_to_256() {
    for (address, expected) in [(0, 256), (2, 2), (48, 16), (256, 256), (1024 + 128, 128)] {
        assert_eq!(alignment(address), expected, "{address}");
    }
}
