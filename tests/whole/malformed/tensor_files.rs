//! Safetensors files with one thing changed: eight bytes with the length of the header, the header
//! as JSON, then all values.

use serde_json::Value;

/// The file with its header changed and its values as they were.
pub(super) fn with_header(file: &[u8], edit: impl FnOnce(&mut Value)) -> Vec<u8> {
    let (header, values) = parts(file);
    let mut header = serde_json::from_slice(header).unwrap();
    edit(&mut header);
    joined(&serde_json::to_vec(&header).unwrap(), values)
}

/// The file with every value not a number.
pub(super) fn without_numbers(file: &[u8]) -> Vec<u8> {
    let (header, values) = parts(file);
    joined(header, &vec![0xFF; values.len()])
}

/// The file with another length of the header claimed.
pub(super) fn with_header_length(file: &[u8], length: u64) -> Vec<u8> {
    [&length.to_le_bytes(), &file[8..]].concat()
}

/// Another name for a tensor.
pub(super) fn rename(header: &mut Value, from: &str, to: &str) {
    let tensors = header.as_object_mut().unwrap();
    let tensor = tensors.remove(from).unwrap();
    tensors.insert(to.to_owned(), tensor);
}

fn parts(file: &[u8]) -> (&[u8], &[u8]) {
    let length = u64::from_le_bytes(file[..8].try_into().unwrap());
    file[8..].split_at(usize::try_from(length).unwrap())
}

fn joined(header: &[u8], values: &[u8]) -> Vec<u8> {
    [&(header.len() as u64).to_le_bytes(), header, values].concat()
}
