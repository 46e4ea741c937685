//! Files before they lie on a disk, so that a table of cases can change one of them.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use lockstep_testkit::reference;
use serde_json::Value;

/// The content of files by their path below some directory.
#[derive(Clone, Debug, Default)]
pub(super) struct Files(BTreeMap<String, Vec<u8>>);

impl Files {
    /// The directory of a reference model.
    pub(super) fn of_reference(name: &str) -> Self {
        Self::read(&reference(name))
    }

    /// All files directly inside a directory.
    pub(super) fn read(directory: &Path) -> Self {
        let entries = fs::read_dir(directory).unwrap().map(Result::unwrap);
        let files = entries.filter(|entry| entry.path().is_file()).map(|entry| {
            (entry.file_name().into_string().unwrap(), fs::read(entry.path()).unwrap())
        });
        Self(files.collect())
    }

    /// The same with one more file, or with other content in one.
    pub(super) fn with(mut self, path: &str, content: impl AsRef<[u8]>) -> Self {
        self.0.insert(path.to_owned(), content.as_ref().to_vec());
        self
    }

    /// The same without a file.
    pub(super) fn without(mut self, path: &str) -> Self {
        self.0.remove(path).unwrap();
        self
    }

    /// The same with a file changed.
    pub(super) fn edited(self, path: &str, edit: impl FnOnce(&[u8]) -> Vec<u8>) -> Self {
        let content = edit(&self.0[path]);
        self.with(path, content)
    }

    /// The same with a JSON file changed.
    pub(super) fn edited_json(self, path: &str, edit: impl FnOnce(&mut Value)) -> Self {
        self.edited(path, |content| {
            let mut value = serde_json::from_slice(content).unwrap();
            edit(&mut value);
            serde_json::to_vec(&value).unwrap()
        })
    }

    /// The same with a file cut in half.
    pub(super) fn halved(self, path: &str) -> Self {
        self.edited(path, |content| content[..content.len() / 2].to_vec())
    }

    /// The same files inside `directory`.
    pub(super) fn inside(self, directory: &str) -> Self {
        Self(self.0.into_iter().map(|(path, file)| (format!("{directory}/{path}"), file)).collect())
    }

    /// These files and those.
    pub(super) fn and(mut self, others: Self) -> Self {
        self.0.extend(others.0);
        self
    }

    /// The content of a file.
    pub(super) fn content(&self, path: &str) -> &[u8] {
        &self.0[path]
    }

    /// Writes them below `root`.
    pub(super) fn lay_out(&self, root: &Path) {
        for (path, content) in &self.0 {
            let path = root.join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, content).unwrap();
        }
    }
}
