//! What a program must keep to before it runs.

use lockstep_program::{
    Argument, Arithmetic, Element, Item, Matrix, Memory, Op, Product, Program, Span, Work,
};

use crate::Emulator;

/// The first span of an operation that leaves its buffer, or whose buffer is not this machine's.
pub(super) fn wrong_span(device: &Emulator, op: &Op, memory: &Memory) -> Option<String> {
    let all = device.memory.borrow();
    spans(op).find_map(|span| {
        let (region, name) = (memory.region(span.buffer), memory.name(span.buffer));
        if span.start.checked_add(span.bytes).is_none_or(|end| end > region.bytes) {
            let (range, bytes) = (span.range(), region.bytes);
            Some(format!("bytes {range:?} of `{name}`, which has {bytes}"))
        } else if all.find(region.address, region.bytes).is_some() {
            None
        } else {
            Some(format!("`{name}` is none of this machine's buffers"))
        }
    })
}

/// All spans that an operation names.
pub(super) fn spans(op: &Op) -> impl Iterator<Item = Span> {
    let named: Vec<Span> = match &op.work {
        Work::Launch(launch) => {
            let arguments = launch.arguments.iter();
            arguments
                .filter_map(|argument| match argument {
                    Argument::Address(span) => Some(*span),
                    _ => None,
                })
                .collect()
        }
        Work::Product(product) => matrices(product).map(|matrix| matrix.span).collect(),
    };
    op.reads.iter().chain(&op.writes).copied().chain(named)
}

fn matrices(product: &Product) -> impl Iterator<Item = &Matrix> {
    let factors = [product.left.matrix(), product.right.matrix()];
    factors.into_iter().chain(&product.addend).chain([&product.out])
}

/// What keeps a product from being computed.
pub(super) fn wrong_product(product: &Product) -> Option<String> {
    let ([m, k], [k2, n]) = (product.left.dims(), product.right.dims());
    let dims = |matrix: &Matrix| [matrix.rows, matrix.columns];
    let like_out = |matrix: &Matrix| {
        let out = &product.out;
        dims(matrix) == dims(out) && matrix.element == out.element && matrix.stride == out.stride
    };
    if let Some(matrix) = matrices(product).find(|matrix| !fits_its_span(matrix)) {
        Some(format!("a matrix leaves its span: {matrix:?}"))
    } else if k != k2 || dims(&product.out) != [m, n] {
        Some(format!("({m}, {k}) x ({k2}, {n}) into {:?}", dims(&product.out)))
    } else if !product.addend.iter().all(like_out) {
        Some("the addend is not of the output's shape, type and stride".to_owned())
    } else if wrong_elements(product) {
        Some(format!("the types of its matrices do not suit {:?}", product.arithmetic))
    } else if overlaps(product) {
        Some("the output overlaps a factor, or a part of the addend".to_owned())
    } else {
        None
    }
}

fn fits_its_span(matrix: &Matrix) -> bool {
    let Matrix { span, element, rows, columns, stride } = matrix;
    let last = rows.saturating_sub(1) * stride + columns;
    *rows > 0 && *columns > 0 && stride >= columns && last * element.bytes() <= span.bytes
}

fn wrong_elements(product: &Product) -> bool {
    let (left, right) = (product.left.matrix().element, product.right.matrix().element);
    match product.arithmetic {
        Arithmetic::Bf16 => left != Element::Bf16 || right != Element::Bf16,
        Arithmetic::F32 | Arithmetic::Tf32 => {
            [left, right, product.out.element] != [Element::F32; 3]
        }
    }
}

fn overlaps(product: &Product) -> bool {
    let out = &product.out.span;
    let factor =
        [product.left.matrix(), product.right.matrix()].iter().any(|m| m.span.overlaps(out));
    let partly = |addend: &Matrix| addend.span.overlaps(out) && addend.span.start != out.start;
    factor || product.addend.iter().any(partly)
}

/// The first signal or wait that cannot be kept.
pub(super) fn wrong_event(program: &Program) -> Option<String> {
    let mut signalled = vec![false; program.events];
    program.items.iter().find_map(|item| match item {
        Item::Signal { event, .. } => match signalled.get_mut(*event) {
            None => Some(format!("event {event} of {}", program.events)),
            Some(true) => Some(format!("event {event} is signalled twice")),
            Some(signal) => {
                *signal = true;
                None
            }
        },
        Item::Wait { event, .. } if signalled.get(*event) != Some(&true) => {
            Some(format!("a wait for event {event}, which is not signalled before"))
        }
        _ => None,
    })
}
