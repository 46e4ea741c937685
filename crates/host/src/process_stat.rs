//! What the system says of a process in `/proc/<number>/stat`.

use std::fs;
use std::path::Path;

/// The first fields of the file (proc(5)).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProcessStat {
    /// The command's name, cut by the system after 15 bytes.
    pub name: String,
    /// `T` or `t` while it is stopped, `Z` when it has ended.
    pub state: char,
    /// The number of its parent.
    pub parent: i32,
}

impl ProcessStat {
    /// The process with this folder, `/proc/<number>`; nothing where there is none.
    #[must_use]
    pub fn read(process: &Path) -> Option<Self> {
        Self::parse(&fs::read_to_string(process.join("stat")).ok()?)
    }

    /// The name is in parentheses and may have any itself.
    fn parse(stat: &str) -> Option<Self> {
        let (before, rest) = stat.rsplit_once(')')?;
        let (_, name) = before.split_once('(')?;
        let mut fields = rest.split_whitespace();
        let state = fields.next()?.chars().next()?;
        Some(Self { name: name.to_owned(), state, parent: fields.next()?.parse().ok()? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_may_have_parentheses() {
        let check = |stat: &str, expected: Option<(&str, char, i32)>| {
            let found = ProcessStat::parse(stat);
            let found = found.as_ref().map(|it| (&*it.name, it.state, it.parent));
            assert_eq!(found, expected, "{stat}");
        };
        check("7 (a) b) S 5 7 7 0", Some(("a) b", 'S', 5)));
        check("7 (trainer) T 1", Some(("trainer", 'T', 1)));
        check("7 (trainer) T", None);
        check("", None);
        let own = ProcessStat::read(Path::new("/proc/self")).unwrap();
        assert_eq!(own.parent, i32::try_from(std::os::unix::process::parent_id()).unwrap());
    }
}
