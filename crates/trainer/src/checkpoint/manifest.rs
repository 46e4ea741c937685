//! MANIFEST.json: which files a checkpoint has, how large each one is, and the hash of its bytes.
//!
//! The hashes of the tensor files are taken while they are written. The manifest has a hash of itself,
//! and is accepted only if its text is exactly what this program writes.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{copy, sink};
use std::path::{Path, PathBuf};

use lockstep_params::{Digest, Hashed};
use lockstep_world::{Step, file_content};
use serde::{Deserialize, Serialize};

use super::CheckpointError;
use super::staging::{files, write_text};

/// The manifest's name.
pub(super) const NAME: &str = "MANIFEST.json";

/// The version of a checkpoint's layout. Version 1 had no hashes.
const VERSION: u32 = 2;

/// Bytes of a manifest at most: far more than the names of a checkpoint need.
const LARGEST: u64 = 1 << 20;

/// What a run resumes from.
const NEEDED: [&str; 3] = ["model.safetensors", "optimizer.safetensors", "trainer_state.json"];

/// What is read of a model if it is there, so that none of these may be added.
const READ_IF_THERE: [&str; 8] = [
    "config.json",
    "lockstep.json",
    "modeling_lockstep.py",
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "vocab.txt",
];

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Content {
    files: BTreeMap<String, Written>,
    step: u64,
    version: u32,
    /// Of this text as it is with nothing here.
    xxh3_128: String,
}

/// A file as it was written.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    bytes: u64,
    xxh3_128: String,
}

#[derive(Deserialize)]
struct Version {
    version: u32,
}

/// The manifest of a directory whose files are there in full.
pub(super) struct Manifest {
    directory: PathBuf,
    content: Content,
}

/// Writes the manifest of all files that are in `directory` now, some of which have a known hash.
pub(super) fn seal(
    directory: &Path,
    step: Step,
    known: &[(&str, Digest)],
) -> Result<(), CheckpointError> {
    let written = |path: PathBuf| {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let known = known.iter().find(|(other, _)| *other == name).map(|(_, digest)| *digest);
        let read = || {
            let bytes = fs::metadata(&path)?.len();
            let digest = known.map_or_else(|| digest_of(&path), Ok)?;
            Ok(Written { bytes, xxh3_128: digest.to_string() })
        };
        match read() {
            Ok(written) => Ok((name, written)),
            Err(cause) => Err(CheckpointError::Io { verb: "read", path, cause }),
        }
    };
    let files = files(directory)?.into_iter().map(written).collect::<Result<_, _>>()?;
    let mut content = Content { files, step: step.0, version: VERSION, xxh3_128: String::new() };
    content.xxh3_128 = Digest::of(content.text().as_bytes()).to_string();
    write_text(&directory.join(NAME), &content.text())
}

impl Content {
    fn text(&self) -> String {
        serde_json::to_string_pretty(self).unwrap_or_default() + "\n"
    }

    /// What a text says, if it says what was written.
    fn of(text: &[u8]) -> Result<Self, String> {
        let damaged = |cause: &dyn std::fmt::Display| format!("{NAME} is damaged ({cause})");
        let Version { version } = serde_json::from_slice(text).map_err(|fault| damaged(&fault))?;
        if version != VERSION {
            return Err(format!(
                "its format has version {version}, but this program reads version {VERSION}"
            ));
        }
        let mut content: Self = serde_json::from_slice(text).map_err(|fault| damaged(&fault))?;
        let is_as_written = content.text().as_bytes() == text;
        let own = std::mem::take(&mut content.xxh3_128);
        if !is_as_written || own != Digest::of(content.text().as_bytes()).to_string() {
            return Err(damaged(&"its hash does not fit"));
        }
        if let Some(name) = NEEDED.iter().find(|name| !content.files.contains_key(**name)) {
            return Err(format!("{NAME} does not name {name}"));
        }
        let is_plain = |name: &&String| Path::new(name).file_name() == Some(name.as_ref());
        match content.files.keys().find(|name| !is_plain(name)) {
            Some(name) => Err(format!("{NAME} names {name:?}, which is not a file's name")),
            None => Ok(content),
        }
    }
}

impl Manifest {
    /// The manifest of a directory, whose files are all there, of the right sizes.
    ///
    /// # Errors
    /// A sentence that says what is wrong.
    pub(super) fn open(directory: &Path) -> Result<Self, String> {
        let text = file_content(&directory.join(NAME), LARGEST).map_err(unreadable(NAME))?;
        let manifest = Self { directory: directory.to_owned(), content: Content::of(&text)? };
        let files = &manifest.content.files;
        files.iter().try_for_each(|(name, written)| manifest.check_size(name, written))?;
        let is_new = |name: &&&str| !files.contains_key(**name) && directory.join(name).exists();
        match READ_IF_THERE.iter().find(is_new) {
            Some(name) => Err(format!("{name} was added to it")),
            None => Ok(manifest),
        }
    }

    /// The update after which the checkpoint was written.
    pub(super) fn step(&self) -> Step {
        Step(self.content.step)
    }

    /// Whether the files for which `is_meant` holds have the bytes that were written.
    ///
    /// # Errors
    /// A sentence that names the first one that has others.
    pub(super) fn verify(&self, is_meant: impl Fn(&str) -> bool) -> Result<(), String> {
        for (name, written) in self.content.files.iter().filter(|(name, _)| is_meant(name)) {
            let found = digest_of(&self.directory.join(name)).map_err(unreadable(name))?;
            written.compare(name, found)?;
        }
        Ok(())
    }

    /// The bytes of a file, which are those that were written.
    ///
    /// # Errors
    /// A sentence that says why they are not.
    pub(super) fn read(&self, name: &str) -> Result<Vec<u8>, String> {
        let written = self.content.files.get(name);
        let written = written.ok_or_else(|| format!("{NAME} does not name {name}"))?;
        self.check_size(name, written)?;
        let bytes = fs::read(self.directory.join(name)).map_err(unreadable(name))?;
        written.compare(name, Digest::of(&bytes))?;
        Ok(bytes)
    }

    fn check_size(&self, name: &str, written: &Written) -> Result<(), String> {
        let found = fs::metadata(self.directory.join(name)).map_err(unreadable(name))?;
        if !found.is_file() {
            return Err(format!("{name} is not a file"));
        }
        if found.len() != written.bytes {
            return Err(format!("{name} has {} bytes instead of {}", found.len(), written.bytes));
        }
        Ok(())
    }
}

impl Written {
    fn compare(&self, name: &str, found: Digest) -> Result<(), String> {
        if found.to_string() == self.xxh3_128 {
            return Ok(());
        }
        Err(format!("{name} has other bytes than were written to it"))
    }
}

fn unreadable(name: &str) -> impl Fn(std::io::Error) -> String {
    move |cause| format!("{name} cannot be read ({cause})")
}

fn digest_of(path: &Path) -> std::io::Result<Digest> {
    let mut file = Hashed::new(std::io::BufReader::with_capacity(1 << 20, File::open(path)?));
    copy(&mut file, &mut sink())?;
    Ok(file.finish().1)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A directory with the needed files, sealed.
    fn sealed() -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for name in NEEDED {
            fs::write(folder.path().join(name), name).unwrap();
        }
        let known = Digest::of(NEEDED[0].as_bytes());
        seal(folder.path(), Step(7), &[(NEEDED[0], known)]).unwrap();
        folder
    }

    /// What [`Manifest::open`] says to a manifest whose hash fits.
    fn told(edit: impl FnOnce(&mut Content)) -> String {
        let folder = sealed();
        let path = folder.path().join(NAME);
        let mut content = Content::of(&fs::read(&path).unwrap()).unwrap();
        edit(&mut content);
        content.xxh3_128 = Digest::of(content.text().as_bytes()).to_string();
        fs::write(&path, content.text()).unwrap();
        Manifest::open(folder.path()).err().unwrap_or_default()
    }

    #[test]
    fn what_was_sealed_is_intact() {
        let folder = sealed();
        let manifest = Manifest::open(folder.path()).unwrap();
        manifest.verify(|_| true).unwrap();
        assert_eq!(manifest.step(), Step(7));
        assert_eq!(manifest.read(NEEDED[2]).unwrap(), NEEDED[2].as_bytes());
        fs::write(folder.path().join("notes.txt"), "other files are ignored").unwrap();
        Manifest::open(folder.path()).unwrap();
    }

    #[test]
    fn a_manifest_whose_own_hash_fits_is_bounded_too() {
        assert_eq!(told(|_| ()), "");
        let add = |name: &'static str, bytes: u64| {
            told(move |content| {
                let hash = Digest::of(b"").to_string();
                content.files.insert(name.to_owned(), Written { bytes, xxh3_128: hash });
            })
        };
        for name in ["../x", "/etc/passwd", "a/b", "..", "."] {
            assert!(add(name, 0).contains("is not a file's name"), "{name}");
        }
        assert!(add("huge", u64::MAX).contains("huge cannot be read"));
        let size = told(|content| content.files.get_mut(NEEDED[1]).unwrap().bytes = u64::MAX);
        assert!(size.contains("instead of 18446744073709551615"), "{size}");
        let lacks = told(|content| drop(content.files.remove(NEEDED[2])));
        assert!(lacks.contains("does not name trainer_state.json"), "{lacks}");
    }

    #[test]
    fn a_text_of_another_kind_is_refused() {
        let deep = "[".repeat(1 << 18);
        let twice = "{\"version\": 2, \"version\": 2}";
        let rows = ["", "7", "null", "{}", "[]", twice, &deep, "{\"version\": 1, \"files\": {}}"];
        for text in rows {
            let told = Content::of(text.as_bytes()).unwrap_err();
            let is_named = told.contains("is damaged") || told.contains("has version 1");
            assert!(is_named, "{told}");
        }
    }

    #[test]
    fn only_a_file_is_a_file() {
        let folder = sealed();
        let path = folder.path().join(NEEDED[1]);
        fs::remove_file(&path).unwrap();
        std::os::unix::fs::symlink("/dev/zero", &path).unwrap();
        let told = Manifest::open(folder.path()).err().unwrap();
        assert_eq!(told, "optimizer.safetensors is not a file");
        fs::remove_file(folder.path().join(NAME)).unwrap();
        std::os::unix::fs::symlink("/dev/zero", folder.path().join(NAME)).unwrap();
        assert!(Manifest::open(folder.path()).is_err());
    }
}
