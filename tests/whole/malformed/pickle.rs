//! Pickles as PyTorch writes them, and as an attacker would
//! (the operations are those of Python's `pickletools`).

/// What a pickle says of one tensor.
pub(super) struct Claim<'a> {
    /// The type of its storage.
    pub(super) storage: &'a str,
    /// Scalars in the storage.
    pub(super) scalars: i64,
    /// Where it begins in the storage.
    pub(super) offset: i64,
    /// Its shape.
    pub(super) shape: &'a [i64],
    /// Scalars between neighbours, for each dimension.
    pub(super) strides: &'a [i64],
}

/// A tensor that is what it says.
pub(super) const HONEST: Claim<'_> =
    Claim { storage: "FloatStorage", scalars: 6, offset: 0, shape: &[2, 3], strides: &[3, 1] };

/// A dictionary of one tensor, `embeddings.word_embeddings.weight`, in the storage `0`.
pub(super) fn dictionary(claim: &Claim<'_>) -> Vec<u8> {
    let storage = [
        b"(".to_vec(),
        text("storage"),
        class("torch", claim.storage),
        text("0"),
        text("cpu"),
        integer(claim.scalars),
        b"tQ".to_vec(),
    ];
    let tensor = [
        class("torch._utils", "_rebuild_tensor_v2"),
        b"(".to_vec(),
        storage.concat(),
        integer(claim.offset),
        tuple(claim.shape),
        tuple(claim.strides),
        b"\x89".to_vec(),
        class("collections", "OrderedDict"),
        b")RtR".to_vec(),
    ];
    of_value(&tensor.concat())
}

/// A dictionary of one value under the name of the tensor every encoder has.
pub(super) fn of_value(value: &[u8]) -> Vec<u8> {
    let name = text("embeddings.word_embeddings.weight");
    [b"\x80\x02}(", &name[..], value, b"u."].concat()
}

/// A class by its module and name.
pub(super) fn class(module: &str, name: &str) -> Vec<u8> {
    format!("c{module}\n{name}\n").into_bytes()
}

/// A text.
pub(super) fn text(text: &str) -> Vec<u8> {
    [b"X", &u32::try_from(text.len()).unwrap().to_le_bytes()[..], text.as_bytes()].concat()
}

fn integer(value: i64) -> Vec<u8> {
    [b"\x8a\x08", &value.to_le_bytes()[..]].concat()
}

fn tuple(values: &[i64]) -> Vec<u8> {
    let values: Vec<u8> = values.iter().flat_map(|value| integer(*value)).collect();
    [b"(", &values[..], b"t"].concat()
}
