//! The arguments of a kernel as the driver reads them: the address of each value.

use lockstep_program::{Argument, Memory};

/// The widest argument: `Moments`.
const WIDEST: usize = 16;

/// A value of an argument, aligned like the widest type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C, align(16))]
pub(super) struct Value {
    bytes: [u8; WIDEST],
    length: usize,
}

impl Value {
    /// The value of `argument`, with addresses of `memory`.
    pub(super) fn of(argument: &Argument, memory: &Memory) -> Self {
        match argument {
            Argument::Address(span) => Self::new(&memory.locate(span).address.to_ne_bytes()),
            Argument::Null => Self::new(&0_u64.to_ne_bytes()),
            Argument::I32(value) => Self::new(&value.to_ne_bytes()),
            Argument::I64(value) => Self::new(&value.to_ne_bytes()),
            Argument::U32(value) => Self::new(&value.to_ne_bytes()),
            Argument::F32(value) => Self::new(&value.to_ne_bytes()),
            Argument::F64(value) => Self::new(&value.to_ne_bytes()),
            Argument::Moments(moments) => {
                let fields = [moments.first, moments.second_kept, moments.second, moments.epsilon];
                Self::new(&fields.map(f32::to_ne_bytes).concat())
            }
        }
    }

    fn new(value: &[u8]) -> Self {
        let mut bytes = [0; WIDEST];
        bytes[..value.len()].copy_from_slice(value);
        Self { bytes, length: value.len() }
    }

    /// The bytes of the value, as wide as its type.
    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes[..self.length]
    }
}

#[cfg(test)]
mod tests {
    use lockstep_program::{Moments, Region};

    use super::*;

    #[test]
    fn values_have_the_bytes_of_their_types() {
        let mut memory = Memory::default();
        let whole = memory.add("weights", Region { address: 0x1000, bytes: 64 });
        let moments = Moments { first: 0.1, second_kept: 0.999, second: 0.001, epsilon: 1e-8 };
        let in_order = [0.1_f32, 0.999, 0.001, 1e-8].map(f32::to_ne_bytes).concat();
        let table: [(Argument, &[u8]); 8] = [
            (Argument::Address(whole.part(16, 8)), &0x1010_u64.to_ne_bytes()),
            (Argument::Null, &[0; 8]),
            (Argument::I32(-2), &(-2_i32).to_ne_bytes()),
            (Argument::I64(-3), &(-3_i64).to_ne_bytes()),
            (Argument::U32(u32::MAX), &[0xff; 4]),
            (Argument::F32(0.5), &0.5_f32.to_ne_bytes()),
            (Argument::F64(0.5), &0.5_f64.to_ne_bytes()),
            (Argument::Moments(moments), &in_order),
        ];
        for (argument, expected) in table {
            assert_eq!(Value::of(&argument, &memory).bytes(), expected, "{argument:?}");
        }
    }

    #[test]
    fn a_value_lies_at_the_start_and_is_aligned() {
        let value = Value::of(&Argument::F64(2.0), &Memory::default());
        assert_eq!(value.bytes().as_ptr().addr(), std::ptr::from_ref(&value).addr());
        assert_eq!(std::mem::align_of::<Value>(), 16);
    }
}
