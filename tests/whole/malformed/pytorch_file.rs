//! Files `pytorch_model.bin` that cannot be read: an archive with a pickle in it, which is a
//! program, and may be anybody's.

use super::archive::archive;
use super::case::Case;
use super::files::Files;
use super::pickle::{Claim, HONEST, class, dictionary, of_value, text};

const WEIGHTS: &str = "pytorch_model.bin";

/// All cases.
pub(super) fn cases() -> Vec<Case> {
    [archives(), claims(), programs()].into_iter().flatten().collect()
}

/// A training from the reference model, whose weights are changed.
fn model(name: &'static str, change: impl FnOnce(&[u8]) -> Vec<u8>) -> Case {
    let line = "train --model model --train-file <reference>/golden/rows.tsv --max-steps 1 \
                --output-dir out";
    let files = Files::of_reference("tiny-bin").edited(WEIGHTS, change);
    Case::new(name, line).files(files.inside("model"))
}

fn with_pickle(name: &'static str, pickle: &[u8]) -> Case {
    let values = [0; 24];
    let file = archive(&[("archive/data.pkl", pickle), ("archive/data/0", &values)]);
    model(name, |_| file)
}

fn archives() -> Vec<Case> {
    vec![
        model("an archive cut short", |file| file[..file.len() / 2].to_vec()),
        model("an empty file", |_| Vec::new()),
        model("no archive", |_| b"these are no weights".repeat(100)),
        model("a file of PyTorch 1.5, cut behind its first pickles", |_| {
            b"\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19.\x80\x02M\xe9\x03.".to_vec()
        }),
        model("an archive without a pickle", |_| archive(&[("archive/data/0", &[0; 24])])),
        model("an archive of nothing", |_| archive(&[])),
        model("a flipped bit in the values", |file| {
            let mut file = file.to_vec();
            let middle = file.len() / 2;
            file[middle] ^= 0x10;
            file
        }),
        model("an archive that claims to be compressed", |_| {
            let mut file = archive(&[("archive/data.pkl", &[0; 64]), ("archive/data/0", &[0; 24])]);
            let directory = file.windows(4).position(|bytes| bytes == b"PK\x01\x02").unwrap();
            (file[8], file[directory + 10]) = (8, 8);
            file
        }),
        model("an archive that claims to hold more than it has", |_| {
            let mut file = archive(&[("archive/data.pkl", &[0; 64])]);
            let directory = file.windows(4).position(|bytes| bytes == b"PK\x01\x02").unwrap();
            for sizes in [18, directory + 20] {
                file[sizes..sizes + 8].copy_from_slice(&[0xF0; 8]);
            }
            file
        }),
    ]
}

fn claims() -> Vec<Case> {
    let claim = |name, claim: &Claim<'_>| with_pickle(name, &dictionary(claim));
    let giant = [1 << 40, 1 << 22];
    vec![
        claim("a tensor that does not fit its config.json", &HONEST),
        claim("a giant shape", &Claim { shape: &giant, strides: &[1 << 22, 1], ..HONEST }),
        claim(
            "a shape larger than its storage",
            &Claim { shape: &[20, 30], strides: &[30, 1], ..HONEST },
        ),
        claim("a negative shape", &Claim { shape: &[-2, -3], ..HONEST }),
        claim("an offset beyond the storage", &Claim { offset: 1 << 60, ..HONEST }),
        claim("a negative offset", &Claim { offset: -1, ..HONEST }),
        claim("strides that skip values", &Claim { strides: &[6, 2], ..HONEST }),
        claim("fewer strides than dimensions", &Claim { strides: &[1], ..HONEST }),
        claim("an unknown storage", &Claim { storage: "QUInt8Storage", ..HONEST }),
    ]
}

fn programs() -> Vec<Case> {
    let rebuild = class("torch._utils", "_rebuild_tensor_v2");
    let nested = [b"N".to_vec(), vec![0x85; 1_000_000], b".".to_vec()].concat();
    vec![
        with_pickle("a pickle that ends at once", b"\x80\x02."),
        with_pickle("a pickle that never ends", b"\x80\x02}("),
        with_pickle("a pickle of an unknown operation", b"\x80\x02\xff."),
        with_pickle("a tensor of no arguments", &of_value(&[&rebuild[..], b")R"].concat())),
        with_pickle(
            "a tensor of arguments that are none",
            &of_value(&[&rebuild[..], b"(NNNNtR"].concat()),
        ),
        with_pickle(
            "a call of the shell",
            &of_value(&[class("os", "system"), text("touch called"), b"\x85R".to_vec()].concat()),
        ),
        with_pickle("a text of four gigabytes", b"\x80\x02X\xff\xff\xff\xff."),
        with_pickle("a million tuples in one another", &nested),
        with_pickle("a list that doubles itself forty times", &doubling(40)),
        with_pickle("a list in a dictionary", &of_value(b"](K\x01K\x02e")),
    ]
}

/// A list of two lists of two lists and so on, each held once in the pickle's memory.
fn doubling(times: u8) -> Vec<u8> {
    let level = |level: u8| [b']', b'(', b'h', level, b'h', level, b'e', b'q', level + 1];
    let levels: Vec<u8> = (0..times).flat_map(level).collect();
    [b"\x80\x02]q\0", &levels[..], b"."].concat()
}
