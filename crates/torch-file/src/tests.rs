//! Files that PyTorch wrote in both formats (tests/reference/layouts.py), and what becomes of them
//! when they are damaged.

use std::fs;
use std::io::Cursor;
use std::path::PathBuf;

use candle_core::DType;

use super::*;

fn golden(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/reference/golden").join(name)
}

fn read_bytes(bytes: &[u8]) -> Result<BTreeMap<String, Tensor>, PytorchFault> {
    read_from(BufReader::new(Cursor::new(bytes)), bytes.len() as u64)
}

/// Tied, transposed, sliced, permuted, expanded, parameters, no dimensions, every type.
#[test]
fn every_way_a_tensor_may_lie_is_read_from_both_formats() {
    let path = golden("torch_files.safetensors");
    let expected: BTreeMap<String, Tensor> =
        candle_core::safetensors::load(path, &Device::Cpu).unwrap().into_iter().collect();
    assert_eq!(expected.len(), 16);
    for name in ["torch_zip.bin", "torch_legacy.bin"] {
        let found = read(File::open(golden(name)).unwrap()).unwrap();
        assert_eq!(found.len(), 16, "{name}");
        for ((name, found), (other, expected)) in found.iter().zip(&expected) {
            assert_eq!((name, found.dims()), (other, expected.dims()));
            let values = |tensor: &Tensor| {
                let flat = tensor.to_dtype(DType::F64).unwrap().flatten_all().unwrap();
                flat.to_vec1::<f64>().unwrap()
            };
            assert_eq!(values(found), values(expected), "{name}");
        }
    }
}

#[test]
fn a_cut_legacy_file_is_refused() {
    let whole = fs::read(golden("torch_legacy.bin")).unwrap();
    read_bytes(&whole).unwrap();
    for length in (0..whole.len()).step_by(7).chain(whole.len() - 9..whole.len()) {
        assert!(read_bytes(&whole[..length]).is_err(), "{length}");
    }
}

#[test]
fn no_damaged_byte_of_a_legacy_file_makes_it_panic() {
    let whole = fs::read(golden("torch_legacy.bin")).unwrap();
    for place in 0..whole.len() {
        for byte in [0, 0x7F, 0xFF, whole[place] ^ 1] {
            let mut damaged = whole.clone();
            damaged[place] = byte;
            let _ = read_bytes(&damaged);
        }
    }
}

/// A legacy file of one tensor of shape (2, 3) over a storage of six numbers.
fn legacy(change: impl Fn(&str) -> Option<Vec<u8>>) -> Vec<u8> {
    let part = |name: &str, honest: &[u8]| change(name).unwrap_or_else(|| honest.to_vec());
    let object = [
        &b"\x80\x02}(X\x01\0\0\0wctorch._utils\n_rebuild_tensor_v2\n((X\x07\0\0\0storage"[..],
        b"ctorch\nFloatStorage\nX\x01\0\0\0aX\x03\0\0\0cpu",
        &part("count", b"K\x06"),
        &part("view", b"N"),
        b"tQ",
        &part("offset", b"K\0"),
        &part("shape", b"K\x02K\x03\x86"),
        &part("strides", b"K\x03K\x01\x86"),
        b"\x89}tRu.",
    ];
    let file = [
        legacy::MAGIC,
        &part("version", b"\x80\x02M\xe9\x03."),
        &part("machine", b"\x80\x02}(X\x0d\0\0\0little_endian\x88u."),
        &object.concat(),
        &part("names", b"\x80\x02](X\x01\0\0\0ae."),
        &part("length", &6_u64.to_le_bytes()),
        &part("values", &[1_f32, 2.0, 3.0, 4.0, 5.0, 6.0].map(f32::to_le_bytes).concat()),
    ];
    file.concat()
}

#[test]
fn hostile_claims_of_a_legacy_file_are_refused() {
    let read = |part: &'static str, bytes: &'static [u8]| {
        let file = legacy(|name| (name == part).then(|| bytes.to_vec()));
        read_bytes(&file).map(|tensors| {
            let tensor = &tensors["w"];
            tensor.flatten_all().unwrap().to_vec1::<f32>().unwrap()
        })
    };
    assert_eq!(read("none", b"").unwrap(), [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
    assert_eq!(read("strides", b"K\x01K\x02\x86").unwrap(), [1.0, 3.0, 5.0, 2.0, 4.0, 6.0]);
    assert_eq!(read("strides", b"K\0K\x01\x86").unwrap(), [1.0, 2.0, 3.0, 1.0, 2.0, 3.0]);
    let huge = b"\x8a\x08\xff\xff\xff\xff\xff\xff\xff\x7f";
    let one_huge: &'static [u8] = Box::leak([huge, &b"K\x01\x86"[..]].concat().into());
    let empty_huge: &'static [u8] = Box::leak([huge, &b"K\0\x86"[..]].concat().into());
    for (part, bytes, word) in [
        ("version", &b"\x80\x02K\x01."[..], "its format is unknown"),
        ("machine", b"\x80\x02}(X\x0d\0\0\0little_endian\x89u.", "byte order"),
        ("names", b"\x80\x02K\x01.", "the order of its values"),
        ("names", b"\x80\x02](X\x01\0\0\0be.", "do not match its pickle"),
        ("names", b"\x80\x02].", "do not match its pickle"),
        ("length", b"\xff\xff\xff\xff\xff\xff\xff\xff", "do not match its pickle"),
        ("length", b"\x05\0\0\0\0\0\0\0", "do not match its pickle"),
        ("count", b"K\x07", "do not match its pickle"),
        ("count", b"N", "do not match its pickle"),
        ("values", b"\0\0\0\0", "do not match its pickle"),
        ("offset", b"K\x01", "the file holds fewer values"),
        ("shape", b"K\x02K\x04\x86", "the file holds fewer values"),
        ("shape", one_huge, "its shape is invalid"),
        ("strides", b"K\x04K\x01\x86", "the file holds fewer values"),
        ("strides", one_huge, "the file holds fewer values"),
        ("strides", b"K\x01\x85", "its shape is invalid"),
        ("view", b"(X\x01\0\0\0vK\x01K\x05t", "the file holds fewer values"),
    ] {
        let error = read(part, bytes).unwrap_err().to_string();
        assert!(error.contains(word), "{part}: {error}");
    }
    // No memory for what has no values.
    assert_eq!(read("shape", empty_huge).unwrap(), [0.0_f32; 0]);
}
