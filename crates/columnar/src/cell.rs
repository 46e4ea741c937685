//! The value of one row of an Arrow array.

use arrow_array::Array;
use arrow_array::cast::AsArray;
use arrow_array::types::{
    Float16Type, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type, UInt8Type,
    UInt16Type, UInt32Type, UInt64Type,
};
use arrow_schema::DataType;
use serde_json::Value;

/// Whether values of this type are read.
pub(crate) fn is_supported(data_type: &DataType) -> bool {
    match data_type {
        DataType::Dictionary(_, values) => is_supported(values),
        DataType::Null
        | DataType::Boolean
        | DataType::Utf8
        | DataType::LargeUtf8
        | DataType::Utf8View => true,
        other => other.is_integer() || other.is_floating(),
    }
}

/// The value in `row` of `array`; null where there is none, or its type is not supported.
pub(crate) fn value(array: &dyn Array, row: usize) -> Value {
    if row >= array.len() || array.is_null(row) {
        return Value::Null;
    }
    match array.data_type() {
        DataType::Utf8 => array.as_string::<i32>().value(row).into(),
        DataType::LargeUtf8 => array.as_string::<i64>().value(row).into(),
        DataType::Utf8View => array.as_string_view().value(row).into(),
        DataType::Boolean => array.as_boolean().value(row).into(),
        DataType::Dictionary(..) => {
            let dictionary = array.as_any_dictionary();
            let key = value(dictionary.keys(), row).as_u64();
            let key = key.and_then(|key| usize::try_from(key).ok());
            key.map_or(Value::Null, |key| value(dictionary.values().as_ref(), key))
        }
        _ => number(array, row),
    }
}

fn number(array: &dyn Array, row: usize) -> Value {
    match array.data_type() {
        DataType::Int8 => array.as_primitive::<Int8Type>().value(row).into(),
        DataType::Int16 => array.as_primitive::<Int16Type>().value(row).into(),
        DataType::Int32 => array.as_primitive::<Int32Type>().value(row).into(),
        DataType::Int64 => array.as_primitive::<Int64Type>().value(row).into(),
        DataType::UInt8 => array.as_primitive::<UInt8Type>().value(row).into(),
        DataType::UInt16 => array.as_primitive::<UInt16Type>().value(row).into(),
        DataType::UInt32 => array.as_primitive::<UInt32Type>().value(row).into(),
        DataType::UInt64 => array.as_primitive::<UInt64Type>().value(row).into(),
        DataType::Float16 => real(array.as_primitive::<Float16Type>().value(row).to_f64()),
        DataType::Float32 => real(f64::from(array.as_primitive::<Float32Type>().value(row))),
        DataType::Float64 => real(array.as_primitive::<Float64Type>().value(row)),
        _ => Value::Null,
    }
}

/// A whole number as an integer, since pandas makes floats of integers beside nulls; what is not a number
/// (NaN) as null.
fn real(value: f64) -> Value {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    if value.fract() == 0.0 && value.abs() < EXACT {
        #[expect(clippy::cast_possible_truncation, reason = "it is whole and below 2^53")]
        return Value::from(value as i64);
    }
    value.into()
}
