//! Which Parquet files of a data set make a split, by their names.
//!
//! The hub keeps a copy of most public data sets in Parquet, on the branch `refs/convert/parquet`:
//! `CONFIG/SPLIT/0000.parquet` and so on. A private one has none; `push_to_hub` of `datasets` writes
//! `data/SPLIT-00000-of-00001.parquet` to `main`, with the name of the configuration instead of `data` where
//! there are several.

use std::collections::BTreeMap;
use std::fmt;

/// A split of a data set, as users name it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SplitName<'a> {
    /// `owner/name` or `name`.
    pub id: &'a str,
    /// The configuration; nothing where there is only one, or the one called `default` is meant.
    pub config: Option<&'a str>,
    /// The split.
    pub split: &'a str,
}

/// Where a data set has Parquet files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Branch {
    /// The hub's conversion.
    Converted,
    /// The owner's files.
    Main,
}

impl Branch {
    /// Both, in the order in which they are looked at.
    pub(crate) const ALL: [Self; 2] = [Self::Converted, Self::Main];

    /// Its name.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Converted => "refs/convert/parquet",
            Self::Main => "main",
        }
    }
}

/// The configuration of a data set that has no others.
const DEFAULT: &str = "default";
/// More names than a message lists.
const MOST_NAMES: usize = 20;

/// The files of a split, and how many there should be, if their names say so.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct SplitFiles {
    /// In the order of the rows.
    pub(crate) files: Vec<String>,
    /// How many there are, if the names tell.
    pub(crate) count: Option<usize>,
}

/// The splits of a data set by configuration.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Splits(BTreeMap<String, BTreeMap<String, SplitFiles>>);

/// Why there are no files of a split.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SplitFault {
    /// There are no Parquet files that belong to a split.
    NoParquet,
    /// There is no such configuration.
    NoConfig {
        /// What was asked for.
        config: String,
        /// What there is.
        configs: Vec<String>,
    },
    /// There are several configurations.
    WhichConfig {
        /// What there is.
        configs: Vec<String>,
    },
    /// The configuration has no such split.
    NoSplit {
        /// What was asked for.
        split: String,
        /// What there is.
        splits: Vec<String>,
    },
    /// The hub converted the first part of the split only.
    Partial {
        /// What was asked for.
        split: String,
    },
}

impl fmt::Display for SplitFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoParquet => write!(
                f,
                "has no Parquet files of a split: neither CONFIG/SPLIT/0000.parquet on its branch {}, \
                 where the hub converts public data sets, nor data/SPLIT-00000-of-00001.parquet on its \
                 branch main\n  hint: download its files, and pass their paths",
                Branch::Converted.name()
            ),
            Self::NoConfig { config, configs } => write!(
                f,
                "has no configuration `{config}`\n  hint: name one of {}",
                listed(configs)
            ),
            Self::WhichConfig { configs } => write!(
                f,
                "has several configurations\n  hint: name one of them before the split: {}",
                listed(configs)
            ),
            Self::NoSplit { split, splits } => write!(
                f,
                "has no split `{split}`\n  hint: name one of {}; where there is none to validate with, \
                 hold out a share of the training split",
                listed(splits)
            ),
            Self::Partial { split } => write!(
                f,
                "is larger than what the hub converts to Parquet: of the split `{split}` there is the \
                 first part only\n  hint: download its files, and pass their paths"
            ),
        }
    }
}

fn listed(names: &[String]) -> String {
    let shown = names.iter().take(MOST_NAMES).map(|name| format!("`{name}`"));
    let mut list = shown.collect::<Vec<_>>().join(", ");
    if let Some(more) = names.len().checked_sub(MOST_NAMES).filter(|more| *more > 0) {
        list.push_str(&format!(" and {more} more"));
    }
    list
}

impl Splits {
    /// The splits that the files of a branch make.
    pub(crate) fn of<'a>(branch: Branch, files: impl Iterator<Item = &'a str>) -> Self {
        let mut splits = Self::default();
        let mut files: Vec<&str> = files.filter(|file| stays_inside(file)).collect();
        files.sort_unstable();
        for file in files {
            let Some(name) = file.strip_suffix(".parquet") else { continue };
            let place = match branch {
                Branch::Converted => converted(name),
                Branch::Main => own(name),
            };
            let Some(Place { config, split, count }) = place else { continue };
            let found = splits.0.entry(config.to_owned()).or_default();
            let found = found.entry(split.to_owned()).or_default();
            found.files.push(file.to_owned());
            found.count = count;
        }
        splits
    }

    /// The files of a split.
    pub(crate) fn find(&self, name: &SplitName<'_>) -> Result<&SplitFiles, SplitFault> {
        let names = |names: Vec<&String>| names.into_iter().cloned().collect::<Vec<String>>();
        let configs = || names(self.0.keys().collect());
        let splits = match (name.config, self.0.values().next()) {
            (_, None) => return Err(SplitFault::NoParquet),
            (Some(config), _) => self.0.get(config).ok_or_else(|| SplitFault::NoConfig {
                config: config.to_owned(),
                configs: configs(),
            })?,
            (None, Some(only)) if self.0.len() == 1 => only,
            (None, _) => {
                self.0.get(DEFAULT).ok_or_else(|| SplitFault::WhichConfig { configs: configs() })?
            }
        };
        let split = || name.split.to_owned();
        match splits.get(name.split) {
            Some(files) => Ok(files),
            None if splits.contains_key(&format!("partial-{}", name.split)) => {
                Err(SplitFault::Partial { split: split() })
            }
            None => {
                Err(SplitFault::NoSplit { split: split(), splits: names(splits.keys().collect()) })
            }
        }
    }
}

impl SplitFiles {
    /// Whether no file is missing, as far as the names tell.
    pub(crate) fn are_all(&self) -> bool {
        self.count == Some(self.files.len())
    }
}

/// Where a file belongs.
struct Place<'a> {
    config: &'a str,
    split: &'a str,
    count: Option<usize>,
}

/// `CONFIG/SPLIT/0000`.
fn converted(name: &str) -> Option<Place<'_>> {
    let (folders, number) = name.rsplit_once('/')?;
    let (config, split) = folders.split_once('/')?;
    let is_number = number.len() >= 4 && number.bytes().all(|byte| byte.is_ascii_digit());
    (is_number && !split.contains('/')).then_some(Place { config, split, count: None })
}

/// `data/SPLIT-00000-of-00001`, perhaps with a hash behind it, `CONFIG/SPLIT-…`, or `SPLIT` alone.
fn own(name: &str) -> Option<Place<'_>> {
    let (folder, name) = name.rsplit_once('/').unwrap_or(("data", name));
    let config = if folder == "data" { DEFAULT } else { folder };
    let numbered = name.split_once("-of-").and_then(|(first, count)| {
        let (split, number) = first.rsplit_once('-')?;
        let count = count.split('-').next()?.parse().ok()?;
        number.parse::<u32>().ok().map(|_| Place { config, split, count: Some(count) })
    });
    let is_split = || ["train", "validation", "test"].contains(&name);
    numbered.or_else(|| is_split().then_some(Place { config, split: name, count: Some(1) }))
}

/// Whether a name from the hub stays in the folder that it is put into.
fn stays_inside(file: &str) -> bool {
    let is_plain = |part: &str| !part.is_empty() && part != "." && part != "..";
    file.len() <= 1024 && !file.contains(['\\', '\0']) && file.split('/').all(is_plain)
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::*;

    fn find(branch: Branch, files: &[&str], name: &str) -> Result<Vec<String>, String> {
        let (config, split) = name.split_once(':').map_or((None, name), |(c, s)| (Some(c), s));
        let splits = Splits::of(branch, files.iter().copied());
        let found = splits.find(&SplitName { id: "lab/set", config, split });
        found.map(|found| found.files.clone()).map_err(|fault| fault.to_string())
    }

    #[test]
    fn the_files_of_a_split_are_known_by_their_names() {
        let check = |branch, files: &[&str], name, expected: &[&str]| {
            assert_eq!(find(branch, files, name).unwrap(), expected, "{files:?}");
        };
        let sst2 = ["sst2/train/0001.parquet", "sst2/train/0000.parquet", "sst2/test/0000.parquet"];
        let train = ["sst2/train/0000.parquet", "sst2/train/0001.parquet"];
        check(Branch::Converted, &sst2, "train", &train);
        check(Branch::Converted, &sst2, "sst2:train", &train);
        let two = ["cola/train/0000.parquet", "default/train/0000.parquet"];
        check(Branch::Converted, &two, "train", &two[1..]);
        check(Branch::Converted, &two, "cola:train", &two[..1]);
        let own = ["R.md", "data/a-00000-of-00002-5f.parquet", "data/a-00001-of-00002-9e.parquet"];
        check(Branch::Main, &own, "a", &own[1..]);
        for (file, name) in [
            ("de/dev-00000-of-00001.parquet", "de:dev"),
            ("de/dev-00000-of-00001.parquet", "dev"),
            ("test.parquet", "test"),
            ("data/train.parquet", "default:train"),
            ("x-y-00000-of-00001.parquet", "x-y"),
        ] {
            check(Branch::Main, &[file], name, &[file]);
        }
    }

    #[test]
    fn what_there_is_instead_is_listed() {
        let check = |files: &[&str], name, expected: Expect| {
            expected.assert_eq(&find(Branch::Converted, files, name).unwrap_err());
        };
        let one = ["sst2/train/0000.parquet", "sst2/test/0000.parquet"];
        let two = ["cola/train/0000.parquet", "sst2/partial-train/0000.parquet"];
        check(
            &["a.csv"],
            "train",
            expect![[r#"
            has no Parquet files of a split: neither CONFIG/SPLIT/0000.parquet on its branch refs/convert/parquet, where the hub converts public data sets, nor data/SPLIT-00000-of-00001.parquet on its branch main
              hint: download its files, and pass their paths"#]],
        );
        check(
            &one,
            "validation",
            expect![[r#"
            has no split `validation`
              hint: name one of `test`, `train`; where there is none to validate with, hold out a share of the training split"#]],
        );
        check(
            &one,
            "cola:train",
            expect![[r#"
            has no configuration `cola`
              hint: name one of `sst2`"#]],
        );
        check(
            &two,
            "train",
            expect![[r#"
            has several configurations
              hint: name one of them before the split: `cola`, `sst2`"#]],
        );
        check(
            &two,
            "sst2:train",
            expect![[r#"
            is larger than what the hub converts to Parquet: of the split `train` there is the first part only
              hint: download its files, and pass their paths"#]],
        );
    }

    #[test]
    fn names_that_lead_elsewhere_are_not_files() {
        for name in
            ["../train/0000.parquet", "a/../0000.parquet", "/a/0000.parquet", "a\\b/c/0000.parquet"]
        {
            let fault = find(Branch::Converted, &[name], "train").unwrap_err();
            assert!(fault.starts_with("has no Parquet files"), "{name}: {fault}");
        }
    }
}
