//! A split of a data set of the hub: its Parquet files, in the cache and on the server.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use lockstep_world::counted;
use serde::Deserialize;

use crate::address::quoted;
use crate::cache::word;
use crate::client::Client;
use crate::download::Fetched;
use crate::error::HubError;
use crate::is_hub_id;
use crate::repo::{At, Page, Repo};
use crate::settings::HubSettings;
use crate::splits::{Branch, SplitFault, SplitName, Splits};
use crate::subject::Kind;
use crate::tree::{Listed, Tree};

/// More pages than any list of files has.
const MOST_PAGES: usize = 1000;
/// More files than a data set may have that is looked through.
const MOST_FILES: usize = 500_000;
/// Folders of a cached data set that are looked through: `CONFIG/SPLIT`.
const DEPTH: usize = 2;

/// The Parquet files of a split, in the order of its rows.
///
/// # Errors
/// [`HubError`], with what the data set has instead.
pub fn find_split(name: &SplitName<'_>, settings: &HubSettings) -> Result<Vec<PathBuf>, HubError> {
    if !is_hub_id(name.id) {
        return Err(HubError::NoId { name: name.id.to_owned() });
    }
    DataSet { repo: Repo::of(Kind::DataSet, name.id, settings)?, name }.find()
}

struct DataSet<'a> {
    repo: Repo<'a>,
    name: &'a SplitName<'a>,
}

/// What the hub says of a revision.
#[derive(Deserialize)]
struct Revision {
    sha: String,
}

/// A revision with Parquet files.
struct Place {
    branch: Branch,
    commit: String,
}

impl DataSet<'_> {
    fn find(mut self) -> Result<Vec<PathBuf>, HubError> {
        if let Some(files) = self.cached() {
            return Ok(files);
        }
        if !self.repo.is_online() {
            let SplitName { config, split, .. } = self.name;
            let config = config.map(|config| format!(" of the configuration `{config}`"));
            let missing = format!("the split `{split}`{}", config.unwrap_or_default());
            return match self.cached_by_names() {
                Some(files) => Ok(files),
                None => Err(self.repo.client(&missing).err().unwrap_or_else(|| self.changed())),
            };
        }
        self.repo.take_turn()?;
        match self.cached() {
            Some(files) => Ok(files),
            None => self.fetch(),
        }
    }

    fn changed(&self) -> HubError {
        HubError::Changed { subject: self.repo.subject.clone() }
    }

    /// The files, if the cache has all that its list of the revision names.
    fn cached(&self) -> Option<Vec<PathBuf>> {
        Branch::ALL.into_iter().find_map(|branch| {
            let commit = self.repo.cache.commit(branch.name())?;
            let tree = Tree::read(&self.repo.cache.tree(&commit))?;
            let splits = Splits::of(branch, tree.files.keys().map(String::as_str));
            let files = &splits.find(self.name).ok()?.files;
            let folder = self.repo.cache.snapshot(&commit);
            let whole = |file: &String| {
                let path = folder.join(file);
                let size = fs::metadata(&path).ok()?.len();
                (tree.files.get(file)?.size == size).then_some(path)
            };
            files.iter().map(whole).collect()
        })
    }

    /// The files that the cache has without a list, as Python leaves them that downloads single files.
    fn cached_by_names(&self) -> Option<Vec<PathBuf>> {
        Branch::ALL.into_iter().find_map(|branch| {
            let commit = self.repo.cache.commit(branch.name())?;
            if self.repo.cache.tree(&commit).exists() {
                return None;
            }
            let folder = self.repo.cache.snapshot(&commit);
            let names = files_below(&folder, DEPTH);
            let splits = Splits::of(branch, names.iter().map(String::as_str));
            let found = splits.find(self.name).ok()?;
            if found.count.is_some() && !found.are_all() {
                return None;
            }
            if !found.are_all() {
                self.warn_once(found.files.len());
            }
            Some(found.files.iter().map(|file| folder.join(file)).collect())
        })
    }

    /// Warns of a split that is perhaps not whole, once a process, since it is looked for more than once.
    fn warn_once(&self, files: usize) {
        static WARNED: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());
        let (subject, split) = (&self.repo.subject, self.name.split);
        let mut warned = WARNED.lock().unwrap_or_else(PoisonError::into_inner);
        if warned.insert(format!("{subject} {split}")) {
            tracing::warn!(
                "{subject} is taken from the cache, which does not tell whether the split `{split}` has \
                 more than {}",
                counted(files, "Parquet file")
            );
        }
    }

    fn fetch(&self) -> Result<Vec<PathBuf>, HubError> {
        let client = self.repo.client(self.name.split)?;
        let mut failure = SplitFault::NoParquet;
        for branch in Branch::ALL {
            let Some(commit) = self.revision(&client, branch)? else { continue };
            let place = Place { branch, commit };
            let tree = self.tree(&client, &place)?;
            let splits = Splits::of(branch, tree.files.keys().map(String::as_str));
            match splits.find(self.name) {
                Ok(found) => return self.download(&client, &place, &found.files),
                Err(fault) if failure == SplitFault::NoParquet => failure = fault,
                Err(_) => {}
            }
        }
        Err(HubError::NoSplit(self.repo.subject.clone(), failure))
    }

    /// The revision of a branch, if there is the branch.
    fn revision(&self, client: &Client, branch: Branch) -> Result<Option<String>, HubError> {
        let list = format!("revision/{}", quoted(branch.name(), ""));
        match self.repo.list::<Revision>(client, &list)? {
            Fetched::Done(page) => match word(&page.content.sha) {
                Some(commit) => Ok(Some(commit.to_owned())),
                None => Err(self.repo.interrupted(&list, "its answer names no revision")),
            },
            Fetched::Refused(404, complaint)
                if complaint.code == "RevisionNotFound"
                    || complaint.code.is_empty() && branch == Branch::Converted =>
            {
                Ok(None)
            }
            Fetched::Refused(status, complaint) => {
                Err(self.repo.refused(&list, status, &complaint))
            }
        }
    }

    /// All files of a revision.
    fn tree(&self, client: &Client, place: &Place) -> Result<Tree, HubError> {
        let path = self.repo.cache.tree(&place.commit);
        if let Some(tree) = Tree::read(&path) {
            return Ok(tree);
        }
        let mut lines: Vec<Listed> = Vec::new();
        let mut query = Some("recursive=true&expand=false".to_owned());
        for _ in 0..MOST_PAGES {
            let Some(asked) = query.take().filter(|_| lines.len() <= MOST_FILES) else { break };
            let list = format!("tree/{}?{asked}", place.commit);
            match self.repo.list::<Vec<Listed>>(client, &list)? {
                Fetched::Done(Page { content, next }) => {
                    lines.extend(content);
                    query = next;
                }
                Fetched::Refused(status, complaint) => {
                    return Err(self.repo.refused(&list, status, &complaint));
                }
            }
        }
        if query.is_some() || lines.len() > MOST_FILES {
            let cause =
                format!("it has more than {MOST_FILES} files or {MOST_PAGES} pages of them");
            return Err(self.repo.interrupted("the list of files", &cause));
        }
        let tree = Tree::of(lines);
        tree.write(&path).map_err(|fault| self.repo.unwritten("the list of files", fault))?;
        Ok(tree)
    }

    fn download(
        &self,
        client: &Client,
        place: &Place,
        files: &[String],
    ) -> Result<Vec<PathBuf>, HubError> {
        let at = At { branch: place.branch.name(), revision: &place.commit };
        for file in files {
            match self.repo.download(client, &at, file)? {
                Fetched::Done(commit) if commit == place.commit => {}
                Fetched::Done(_) => return Err(self.changed()),
                Fetched::Refused(404, _) => {
                    let cause = "the list of files names it, but it is not there";
                    return Err(self.repo.interrupted(file, cause));
                }
                Fetched::Refused(status, complaint) => {
                    return Err(self.repo.refused(file, status, &complaint));
                }
            }
        }
        let folder = self.repo.cache.snapshot(&place.commit);
        Ok(files.iter().map(|file| folder.join(file)).collect())
    }
}

/// The names of the files in a folder and, down to a depth, in the folders below it.
fn files_below(folder: &Path, depth: usize) -> Vec<String> {
    let mut names = Vec::new();
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let path = entry.path();
        match path.is_dir() {
            true if depth > 0 => {
                let below = files_below(&path, depth - 1).into_iter();
                names.extend(below.map(|file| format!("{name}/{file}")));
            }
            true => {}
            false if path.is_file() => names.push(name),
            false => {}
        }
    }
    names
}
