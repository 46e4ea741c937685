//! How far two results are apart, by the types of their values.

use std::fmt;

use lockstep_program::{Element, Op, Work};

use crate::bf16_value;

/// The type of a value in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scalar {
    /// 4 bytes.
    F32,
    /// 2 bytes.
    Bf16,
    /// 8 bytes.
    F64,
    /// 4 bytes that have to be equal.
    Word,
    /// A byte that has to be equal.
    Byte,
}

/// How far a result is from what it should be.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Distance {
    /// The largest difference of two values, over the largest expected value; infinite where a value
    /// is not finite, or where values that have to be equal are not.
    pub largest: f64,
    /// Values that differ.
    pub differing: usize,
    /// Values that were compared: those that the expected result wrote.
    pub compared: usize,
}

/// A span that an operation wrote on both machines.
#[derive(Clone, Debug, PartialEq)]
pub struct Finding {
    /// The operation.
    pub label: String,
    /// Its kernel.
    pub kernel: String,
    /// The buffer.
    pub buffer: String,
    /// Which of the spans it writes.
    pub place: usize,
    /// The type of its values; the first field's where it holds structures.
    pub scalar: Scalar,
    /// How far apart.
    pub distance: Distance,
}

impl Finding {
    /// What rounding explains: sums of some thousand terms in another order, a bf16 that falls on the
    /// other side, factors rounded to TF32.
    #[must_use]
    pub fn tolerance(&self) -> f64 {
        match self.scalar {
            Scalar::Word | Scalar::Byte => 0.0,
            Scalar::F64 => 1e-5,
            Scalar::Bf16 => 1e-2,
            Scalar::F32 if self.kernel == "product in Tf32" => 2e-3,
            // The gradient of a softmax cancels terms that bf16 has rounded differently.
            Scalar::F32 if self.kernel.contains("_bf16") => 1e-3,
            Scalar::F32 => 2e-5,
        }
    }

    /// Whether rounding explains the distance.
    #[must_use]
    pub fn is_near(&self) -> bool {
        self.distance.largest <= self.tolerance()
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Distance { largest, differing, compared } = self.distance;
        write!(
            formatter,
            "{} ({}), output {} in `{}`: {differing} of {compared} values differ, by {largest:.1e} \
             of the largest; rounding explains {:.1e}",
            self.label,
            self.kernel,
            self.place,
            self.buffer,
            self.tolerance(),
        )
    }
}

/// The types of the values in a span that an operation writes, in turn: its output number `place`.
pub(super) fn scalars(op: &Op, place: usize, buffer: &str) -> Vec<Scalar> {
    use Scalar::{Byte, F32, F64, Word};
    match buffer {
        "control" => return vec![F32, Word, Word, Word],
        "results" => return vec![F64, F64, Word, Word, Word, Word],
        "squares" => return vec![F64],
        "updates of word rows" => return vec![Word],
        "seen word rows" => return vec![Byte],
        "copies of the weights" => return vec![Scalar::Bf16],
        "gradients" | "weights" | "moments" => return vec![F32],
        _ => {}
    }
    match &op.work {
        Work::Product(product) => vec![of_element(product.out.element)],
        Work::Launch(launch) => vec![of_kernel(&launch.kernel, place, op.writes.len())],
    }
}

fn of_element(element: Element) -> Scalar {
    match element {
        Element::F32 => Scalar::F32,
        Element::Bf16 => Scalar::Bf16,
    }
}

/// What kernels write into the arena of activations; crates/gpu/src/cuda/README.md has the types.
fn of_kernel(kernel: &str, place: usize, outputs: usize) -> Scalar {
    let typed = if kernel.contains("_bf16") { Scalar::Bf16 } else { Scalar::F32 };
    let is_last = place + 1 == outputs;
    match kernel {
        "mask_keys" => Scalar::Word,
        "head_loss" if place == 2 => Scalar::F64,
        "head_logits" if place == 1 => Scalar::F64,
        _ if kernel.starts_with("attention_forward") && place == 0 => Scalar::Word,
        // The sum of the embeddings and their gradients are f32 in every mode.
        _ if kernel.starts_with("embedding_forward") && place == 0 => Scalar::F32,
        _ if kernel.starts_with("embedding_backward") => Scalar::F32,
        // Parts of sums stand last.
        _ if kernel.contains("backward") && is_last => Scalar::F32,
        _ => typed,
    }
}

/// A value, and whether it has to be equal.
struct Value {
    number: f64,
    bits: u64,
    is_exact: bool,
}

fn value(scalar: Scalar, bytes: &[u8]) -> Value {
    let mut whole = [0; 8];
    whole[..bytes.len()].copy_from_slice(bytes);
    let bits = u64::from_le_bytes(whole);
    let (low, half) = ([whole[0], whole[1], whole[2], whole[3]], [whole[0], whole[1]]);
    let number = match scalar {
        Scalar::F32 => f64::from(f32::from_le_bytes(low)),
        Scalar::Bf16 => f64::from(bf16_value(u16::from_le_bytes(half))),
        Scalar::F64 => f64::from_bits(bits),
        Scalar::Word | Scalar::Byte => 0.0,
    };
    Value { number, bits, is_exact: matches!(scalar, Scalar::Word | Scalar::Byte) }
}

impl Scalar {
    const fn bytes(self) -> usize {
        match self {
            Self::F32 | Self::Word => 4,
            Self::Bf16 => 2,
            Self::F64 => 8,
            Self::Byte => 1,
        }
    }
}

/// Compares bytes that hold these types in turn. What the expected result left as it was at first,
/// every bit set, is not compared.
pub(super) fn distance(scalars: &[Scalar], found: &[u8], expected: &[u8]) -> Distance {
    let mut distance = Distance::default();
    let (mut apart, mut largest, mut at): (f64, f64, usize) = (0.0, 0.0, 0);
    for scalar in scalars.iter().cycle() {
        let end = at + scalar.bytes();
        if end > expected.len() {
            break;
        }
        let [a, b] = [found, expected].map(|bytes| value(*scalar, &bytes[at..end]));
        let is_poison = expected[at..end].iter().all(|byte| *byte == 0xff);
        at = end;
        if is_poison {
            continue;
        }
        distance.compared += 1;
        let differ = a.bits != b.bits;
        distance.differing += usize::from(differ);
        let difference = (a.number - b.number).abs();
        let is_wrong = difference.is_nan() || (b.is_exact && differ);
        apart = apart.max(if is_wrong { f64::INFINITY } else { difference });
        largest = largest.max(b.number.abs());
    }
    distance.largest = if apart == 0.0 { 0.0 } else { apart / largest.max(f64::MIN_POSITIVE) };
    distance
}
