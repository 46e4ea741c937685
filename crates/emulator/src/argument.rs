//! Arguments of kernels.

use lockstep_program::Moments;

/// An argument of a kernel.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum RawArgument {
    /// A pointer to this address of the emulator's memory.
    Address(u64),
    /// A null pointer.
    Null,
    /// `int`
    I32(i32),
    /// `int64_t`
    I64(i64),
    /// `uint32_t`
    U32(u32),
    /// `float`
    F32(f32),
    /// `double`
    F64(f64),
    /// `Moments`, by value.
    Moments(Moments),
}

impl RawArgument {
    /// The letter that cpp/registry.hpp gives an argument of this type.
    pub(crate) const fn kind(&self) -> u8 {
        match self {
            Self::Address(_) | Self::Null => b'p',
            Self::I32(_) => b'i',
            Self::I64(_) => b'l',
            Self::U32(_) => b'u',
            Self::F32(_) => b'f',
            Self::F64(_) => b'd',
            Self::Moments(_) => b'm',
        }
    }

    /// The bytes as C++ has them.
    pub(crate) fn bytes(&self) -> Value {
        let mut value = Value([0; 16]);
        let mut put = |bytes: &[u8]| value.0[..bytes.len()].copy_from_slice(bytes);
        match self {
            Self::Address(address) => put(&address.to_ne_bytes()),
            Self::Null => {}
            Self::I32(number) => put(&number.to_ne_bytes()),
            Self::I64(number) => put(&number.to_ne_bytes()),
            Self::U32(number) => put(&number.to_ne_bytes()),
            Self::F32(number) => put(&number.to_ne_bytes()),
            Self::F64(number) => put(&number.to_ne_bytes()),
            Self::Moments(moments) => put(bytemuck::bytes_of(moments)),
        }
        value
    }
}

/// An argument's bytes, where C++ reads them.
#[derive(Clone, Copy, Debug)]
#[repr(C, align(16))]
pub(crate) struct Value([u8; 16]);

/// What the letters of cpp/registry.hpp mean.
pub(crate) const fn kind_name(kind: u8) -> &'static str {
    match kind {
        b'p' => "a pointer",
        b'i' => "an int",
        b'l' => "an int64_t",
        b'u' => "a uint32_t",
        b'f' => "a float",
        b'd' => "a double",
        _ => "Moments",
    }
}

macro_rules! from_number {
    ($($number:ty => $variant:ident),*) => {$(
        impl From<$number> for RawArgument {
            fn from(number: $number) -> Self {
                Self::$variant(number)
            }
        }
    )*};
}

from_number!(i32 => I32, i64 => I64, u32 => U32, f32 => F32, f64 => F64, Moments => Moments);
