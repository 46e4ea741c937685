//! What a pickle claims about a tensor, in the types of this program.

use std::rc::Rc;

use candle_core::DType;

use super::pickle::{Machine, Node, Value};

/// More dimensions than any tensor of a model has.
const MOST_DIMENSIONS: usize = 8;

/// A tensor as the pickle describes it; whether the archive holds its values is not known yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Claim {
    /// The storage's name in the archive.
    pub(super) storage: Rc<str>,
    /// The type of its values.
    pub(super) dtype: DType,
    /// Values before it in the storage.
    pub(super) offset: usize,
    pub(super) shape: Vec<usize>,
    /// How its values lie in the storage.
    pub(super) order: ElementOrder,
    /// The number of its values.
    pub(super) scalars: usize,
    /// The number of values from its first to its last in the storage.
    pub(super) reach: usize,
}

/// The order of a tensor's values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum ElementOrder {
    /// The last dimension runs fastest.
    RowByRow,
    /// So far apart in each dimension.
    Strided(Vec<usize>),
}

/// What stands for values that lie elsewhere in the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Stored {
    pub(super) name: Rc<str>,
    class: Rc<str>,
    /// Bytes of a value, if it is a known type.
    pub(super) width: Option<u64>,
    /// The number of values, if it is said.
    pub(super) count: Option<u64>,
    /// Values before those that are meant.
    offset: usize,
}

/// Why a description is of no tensor that can be read.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum ClaimFault {
    /// The call has other arguments than PyTorch gives it.
    #[error("its description is not that of a tensor")]
    Arguments,
    /// The type of the storage is not read.
    #[error("its values are stored as {0}, which is not supported")]
    Storage(String),
    /// The shape is that of no tensor.
    #[error("its shape is invalid")]
    Shape,
}

/// The claim that follows from the arguments of `torch._utils._rebuild_tensor_v2`: storage, offset,
/// shape, strides, and others that say nothing about the values.
pub(super) fn of(machine: &Machine<'_>, arguments: Value) -> Result<Claim, ClaimFault> {
    let &[storage, offset, shape, strides, ..] =
        machine.tuple(arguments).ok_or(ClaimFault::Arguments)?
    else {
        return Err(ClaimFault::Arguments);
    };
    let Some(Node::Storage(key)) = machine.node(storage) else {
        return Err(ClaimFault::Arguments);
    };
    let stored = stored(machine, key)?;
    let dtype = dtype(&stored.class)
        .ok_or_else(|| ClaimFault::Storage(stored.class.chars().take(60).collect()))?;
    let shape = sizes(machine, shape)?;
    let strides = sizes(machine, strides)?;
    let product =
        |shape: &[usize]| shape.iter().try_fold(1_usize, |all, dim| all.checked_mul(*dim));
    let scalars = product(&shape).ok_or(ClaimFault::Shape)?;
    let offset = size(offset).ok_or(ClaimFault::Arguments)?;
    let offset = offset.checked_add(stored.offset).ok_or(ClaimFault::Arguments)?;
    let reach = reach(&shape, &strides).ok_or(ClaimFault::Shape)?;
    let order = order(&shape, strides);
    Ok(Claim { storage: stored.name, dtype, offset, shape, order, scalars, reach })
}

/// What ("storage", class, name, device, size, part) says. The part, which files of before
/// PyTorch 0.4 have, is a storage within another: (name, offset, size).
pub(super) fn stored(machine: &Machine<'_>, key: &[Value]) -> Result<Stored, ClaimFault> {
    let &[_, class, name, _, count, ref part @ ..] = key else { return Err(ClaimFault::Arguments) };
    let (Some(Node::Class(class)), Some(Node::Text(name))) =
        (machine.node(class), machine.node(name))
    else {
        return Err(ClaimFault::Arguments);
    };
    let offset = match part.first().and_then(|part| machine.tuple(*part)) {
        Some(&[_, offset, _]) => size(offset).ok_or(ClaimFault::Arguments)?,
        _ => 0,
    };
    let count = size(count).map(|count| count as u64);
    let (name, class) = (Rc::clone(name), Rc::clone(class));
    Ok(Stored { name, width: width(&class), class, count, offset })
}

/// Bytes of a value, also of types that are not read.
fn width(class: &str) -> Option<u64> {
    let other = || match class.strip_prefix("torch.")? {
        "CharStorage" | "QInt8Storage" | "QUInt8Storage" => Some(1),
        "QInt32Storage" => Some(4),
        "ComplexFloatStorage" => Some(8),
        "ComplexDoubleStorage" => Some(16),
        _ => None,
    };
    dtype(class).map(|dtype| dtype.size_in_bytes() as u64).or_else(other)
}

fn dtype(class: &str) -> Option<DType> {
    Some(match class.strip_prefix("torch.")? {
        "FloatStorage" => DType::F32,
        "DoubleStorage" => DType::F64,
        "HalfStorage" => DType::F16,
        "BFloat16Storage" => DType::BF16,
        "LongStorage" => DType::I64,
        "IntStorage" => DType::I32,
        "ShortStorage" => DType::I16,
        "ByteStorage" | "BoolStorage" => DType::U8,
        _ => return None,
    })
}

fn sizes(machine: &Machine<'_>, value: Value) -> Result<Vec<usize>, ClaimFault> {
    let values = machine.tuple(value).ok_or(ClaimFault::Arguments)?;
    if values.len() > MOST_DIMENSIONS {
        return Err(ClaimFault::Shape);
    }
    values.iter().map(|value| size(*value).ok_or(ClaimFault::Shape)).collect()
}

fn size(value: Value) -> Option<usize> {
    match value {
        Value::Integer(size) => usize::try_from(size).ok(),
        Value::Other | Value::At(_) => None,
    }
}

/// The number of values from the first to the last; nothing if no memory has so many.
fn reach(shape: &[usize], strides: &[usize]) -> Option<usize> {
    if shape.len() != strides.len() {
        return None;
    }
    if shape.contains(&0) {
        return Some(0);
    }
    shape.iter().zip(strides).try_fold(1_usize, |reach, (dim, stride)| {
        reach.checked_add((dim - 1).checked_mul(*stride)?)
    })
}

/// The order in which values lie that are `strides` apart. A dimension of one has any stride.
fn order(shape: &[usize], strides: Vec<usize>) -> ElementOrder {
    let mut run = 1_usize;
    let mut is_row_by_row = true;
    if shape.contains(&0) {
        return ElementOrder::RowByRow;
    }
    for (dim, stride) in shape.iter().zip(&strides).rev() {
        is_row_by_row &= *dim <= 1 || *stride == run;
        run = run.saturating_mul(*dim);
    }
    if is_row_by_row { ElementOrder::RowByRow } else { ElementOrder::Strided(strides) }
}
