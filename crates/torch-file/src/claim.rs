//! What a pickle claims about a tensor, in the types of this program.

use std::rc::Rc;

use candle_core::DType;

use super::pickle::{self, Machine, Node, PickleFault, Value};

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
    /// Its shape.
    pub(super) shape: Vec<usize>,
    /// How its values lie in the storage.
    pub(super) order: Order,
    /// The number of its values.
    pub(super) scalars: usize,
}

/// The order of a tensor's values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Order {
    /// The last dimension runs fastest.
    RowByRow,
    /// A matrix whose first dimension runs fastest: the transpose of one that lies row by row.
    ColumnByColumn,
}

/// Why a description is of no tensor that can be read.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum ClaimFault {
    /// The call has other arguments than PyTorch gives it.
    #[error("it is not described as PyTorch describes tensors")]
    Arguments,
    /// The type of the storage is not read.
    #[error("its values are stored as {0}, which is not read")]
    Storage(String),
    /// The shape is that of no tensor.
    #[error("its shape is not that of a tensor")]
    Shape,
    /// The values lie too far apart.
    #[error("its values do not lie one after the other; save it with .contiguous()")]
    Strides,
}

/// The tensors a pickle describes, by name; each either a claim or why it makes none.
pub(super) type Described = Vec<(Rc<str>, Result<Claim, ClaimFault>)>;

/// The tensors that a pickle describes.
///
/// # Errors
/// [`PickleFault`] when it is none, or makes no dictionary.
pub(super) fn described(program: &[u8]) -> Result<Described, PickleFault> {
    let (machine, tensors) = pickle::run(program)?;
    let claim = |(name, arguments)| (name, of(&machine, arguments));
    Ok(tensors.into_iter().map(claim).collect())
}

/// The claim that follows from the arguments of `torch._utils._rebuild_tensor_v2`: storage, offset,
/// shape, strides, and others that say nothing about the values.
fn of(machine: &Machine<'_>, arguments: Value) -> Result<Claim, ClaimFault> {
    let &[storage, offset, shape, strides, ..] =
        machine.tuple(arguments).ok_or(ClaimFault::Arguments)?
    else {
        return Err(ClaimFault::Arguments);
    };
    let (storage, dtype) = stored(machine, storage)?;
    let shape = sizes(machine, shape)?;
    let strides = sizes(machine, strides)?;
    let product =
        |shape: &[usize]| shape.iter().try_fold(1_usize, |all, dim| all.checked_mul(*dim));
    let scalars = product(&shape).ok_or(ClaimFault::Shape)?;
    let offset = size(offset).ok_or(ClaimFault::Arguments)?;
    let order = order(&shape, &strides)?;
    Ok(Claim { storage, dtype, offset, shape, order, scalars })
}

/// The name and the type of a storage: ("storage", class, name, device, size).
fn stored(machine: &Machine<'_>, value: Value) -> Result<(Rc<str>, DType), ClaimFault> {
    let Some(Node::Storage(key)) = machine.node(value) else { return Err(ClaimFault::Arguments) };
    let &[_, class, name, ..] = &key[..] else { return Err(ClaimFault::Arguments) };
    match (machine.node(class), machine.node(name)) {
        (Some(Node::Class(class)), Some(Node::Text(name))) => {
            let dtype = dtype(class)
                .ok_or_else(|| ClaimFault::Storage(class.chars().take(60).collect()))?;
            Ok((Rc::clone(name), dtype))
        }
        _ => Err(ClaimFault::Arguments),
    }
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

/// The order in which values lie that are `strides` apart. A dimension of one has any stride.
fn order(shape: &[usize], strides: &[usize]) -> Result<Order, ClaimFault> {
    let mut run = 1_usize;
    let mut is_row_by_row = shape.len() == strides.len();
    for (dim, stride) in shape.iter().zip(strides).rev() {
        is_row_by_row &= *dim <= 1 || *stride == run;
        run = run.saturating_mul(*dim);
    }
    match (shape, strides) {
        _ if is_row_by_row => Ok(Order::RowByRow),
        ([rows, _], [1, stride]) if stride == rows => Ok(Order::ColumnByColumn),
        _ => Err(ClaimFault::Strides),
    }
}
