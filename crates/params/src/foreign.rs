//! Recognises files without readable tensors by their first bytes, so that the
//! message can say what they are.

use std::io::Read;
use std::path::Path;

use lockstep_world::open_file;

/// A file of another kind, and what to do about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Foreign {
    pub(crate) what: &'static str,
    pub(crate) remedy: &'static str,
}

const PYTORCH: &[u8] = b"PK\x03\x04";
const LEGACY: &[u8] = b"\x80\x02\x8a\x0a";

/// What the file is, if that is known and not what its name says.
pub(crate) fn foreign(path: &Path) -> Option<Foreign> {
    let mut head = Vec::new();
    open_file(path).ok()?.take(512).read_to_end(&mut head).ok()?;
    let is_pickle = path.extension().is_some_and(|extension| extension == "bin");
    let is = |magic: &[u8]| head.starts_with(magic);
    let (what, remedy) = match () {
        () if head.is_empty() => ("is empty", AGAIN),
        () if is(b"version https://git-lfs") => (
            "is a Git LFS pointer, not the file itself",
            "run `git lfs pull` in its directory, or download the file",
        ),
        () if is_page(&head) => (
            "is a web page (HTML), not the file itself",
            "download the file from the address with /resolve/ instead of /blob/",
        ),
        () if is(b"\x89HDF\r\n\x1a\n") => ("holds TensorFlow weights (HDF5)", CONVERT),
        () if is(b"GGUF") => ("is a GGUF file of llama.cpp", SAVE),
        () if is(b"\x1f\x8b") => ("is compressed by gzip", "decompress it with gunzip"),
        () if head.get(257..262) == Some(b"ustar") => (
            "is a tar archive, written by a PyTorch before version 0.1.10",
            "load it in Python with torch.load and save its state_dict() again",
        ),
        () if !is_pickle && (is(PYTORCH) || is(LEGACY)) => (
            "was written by torch.save and is not a safetensors file",
            "rename it to pytorch_model.bin",
        ),
        () if is_pickle && is_safetensors(&head) => (
            "is a safetensors file and was not written by torch.save",
            "rename it to model.safetensors",
        ),
        () => return None,
    };
    Some(Foreign { what, remedy })
}

const AGAIN: &str = "download it again";
const SAVE: &str = "use the model's weights as save_pretrained writes them";
/// What brings weights of another library into a form that is read.
pub(crate) const CONVERT: &str = "convert it in Python with transformers 4: \
    DistilBertForSequenceClassification.from_pretrained(DIRECTORY, from_tf=True) or from_flax=True, \
    and save_pretrained(DIRECTORY)";

fn is_page(head: &[u8]) -> bool {
    let text =
        String::from_utf8_lossy(head).trim_start_matches('\u{feff}').trim_start().to_lowercase();
    ["<!doctype html", "<html", "<head", "<?xml"].iter().any(|start| text.starts_with(start))
}

/// The length of a JSON text, and its first sign.
fn is_safetensors(head: &[u8]) -> bool {
    head.get(6..9) == Some(b"\0\0{")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_of_other_kinds_are_named() {
        let tar = [&[0; 257][..], b"ustar\x0000"].concat();
        let rows: [(&str, &[u8], Option<&str>); 14] = [
            ("m.safetensors", b"version https://git-lfs.github.com/spec/v1\noid", Some("Git LFS")),
            ("m.bin", b"version https://git-lfs.github.com/spec/v1\noid", Some("Git LFS")),
            ("m.bin", b"\n <!DOCTYPE HTML><html>", Some("HTML")),
            ("m.safetensors", b"<html lang=en>", Some("HTML")),
            ("m.bin", b"<?xml version='1.0'?><Error>", Some("HTML")),
            ("m.bin", b"\x89HDF\r\n\x1a\n\0", Some("TensorFlow")),
            ("m.bin", b"", Some("empty")),
            ("m.bin", &tar, Some("tar archive")),
            ("m.bin", b"\x1f\x8b\x08", Some("gzip")),
            ("m.safetensors", b"PK\x03\x04", Some("torch.save")),
            ("m.bin", b"PK\x03\x04", None),
            ("m.bin", b"\x10\0\0\0\0\0\0\0{}", Some("safetensors")),
            ("m.safetensors", b"\x10\0\0\0\0\0\0\0{}", None),
            ("m.bin", b"GGUF\x03", Some("GGUF")),
        ];
        let folder = tempfile::tempdir().unwrap();
        for (name, content, expected) in rows {
            let path = folder.path().join(name);
            std::fs::write(&path, content).unwrap();
            match (foreign(&path), expected) {
                (Some(found), Some(word)) => assert!(found.what.contains(word), "{found:?}"),
                (found, expected) => assert_eq!(found.map(|f| f.what), expected, "{content:?}"),
            }
        }
    }
}
