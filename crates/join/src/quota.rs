//! How much of the machine's processors a container grants: the quotas of cgroups, version 1 and 2.
//!
//! The same files as `std::thread::available_parallelism` reads, but with the group that each quota
//! belongs to, since all of its processes share what it grants.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Component, Path, PathBuf};

use serde::{Deserialize, Serialize};

/// What a group of processes may use together.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Quota {
    /// The group, by a number that is the same in all containers of a machine.
    pub(super) group: String,
    /// How many cores' time.
    pub(super) cores: f64,
}

/// The version of the interface, which says how a quota is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Version {
    One,
    Two,
}

/// The quotas that this process is under, the narrowest group's first; `root` is `/`, or a folder
/// that stands for it.
pub(super) fn quotas(root: &Path) -> Vec<Quota> {
    let text = |path: &str| fs::read_to_string(root.join(path)).unwrap_or_default();
    let Some((version, group)) = membership(&text("proc/self/cgroup")) else { return Vec::new() };
    // A namespace shows a group outside of it by its way up.
    if group.components().any(|part| part == Component::ParentDir) {
        return Vec::new();
    }
    let table = text("proc/self/mountinfo");
    let usual = version.usual_places().iter().map(|place| Mount::whole(place));
    let mounts = usual.chain(table.lines().filter_map(|line| Mount::listed(line, version)));
    let found = mounts.into_iter().find_map(|mount| mount.levels(root, &group, version));
    let levels = found.unwrap_or_default();
    levels.iter().filter_map(|folder| quota(folder, version)).collect()
}

/// The group of the controller `cpu`, by `/proc/self/cgroup`: a version 1 names its controllers.
fn membership(text: &str) -> Option<(Version, PathBuf)> {
    let groups = text.lines().filter_map(|line| {
        let mut parts = line.splitn(3, ':').skip(1);
        let version = match parts.next()? {
            "" => Version::Two,
            names if names.split(',').any(|name| name == "cpu") => Version::One,
            _ => return None,
        };
        Some((version, PathBuf::from(parts.next()?.trim_start_matches('/'))))
    });
    let groups: Vec<(Version, PathBuf)> = groups.collect();
    let first = groups.iter().find(|(version, _)| *version == Version::One);
    first.or(groups.first()).cloned()
}

impl Version {
    fn usual_places(self) -> &'static [&'static str] {
        match self {
            Self::One => &["sys/fs/cgroup/cpu", "sys/fs/cgroup/cpu,cpuacct"],
            Self::Two => &["sys/fs/cgroup"],
        }
    }

    /// A file that every folder of this version has.
    fn mark(self) -> &'static str {
        match self {
            Self::One => "cgroup.procs",
            Self::Two => "cgroup.controllers",
        }
    }
}

/// A place where groups are folders.
struct Mount {
    /// Below which group's folder.
    root: PathBuf,
    /// Where, without the leading slash.
    place: PathBuf,
}

impl Mount {
    fn whole(place: &str) -> Self {
        Self { root: PathBuf::new(), place: place.into() }
    }

    /// A line of `/proc/self/mountinfo`, if it is of this version and has the controller.
    fn listed(line: &str, version: Version) -> Option<Self> {
        let (place, kind) = line.split_once(" - ")?;
        let mut kind = kind.split(' ');
        let is_meant = match (version, kind.next()?) {
            (Version::One, "cgroup") => kind.nth(1)?.split(',').any(|option| option == "cpu"),
            (Version::Two, "cgroup2") => true,
            _ => false,
        };
        let mut fields = place.split(' ').skip(3).map(|path| path.trim_start_matches('/').into());
        let mount = Self { root: fields.next()?, place: fields.next()? };
        is_meant.then_some(mount)
    }

    /// The group's folder and those above it, if the group is here.
    fn levels(&self, root: &Path, group: &Path, version: Version) -> Option<Vec<PathBuf>> {
        let place = root.join(&self.place);
        let folder = place.join(group.strip_prefix(&self.root).ok()?);
        folder.join(version.mark()).exists().then(|| {
            let levels = folder.ancestors().take_while(|level| level.starts_with(&place));
            levels.map(Path::to_owned).collect()
        })
    }
}

/// The quota of one group, if it has one.
fn quota(folder: &Path, version: Version) -> Option<Quota> {
    let text = |name: &str| fs::read_to_string(folder.join(name)).ok();
    let number = |text: &str| text.trim().parse::<u64>().ok();
    let (limit, period) = match version {
        Version::One => (number(&text("cpu.cfs_quota_us")?)?, number(&text("cpu.cfs_period_us")?)?),
        Version::Two => {
            let text = text("cpu.max")?;
            let (limit, period) = text.trim().split_once(' ')?;
            (number(limit)?, number(period)?)
        }
    };
    let at = fs::metadata(folder).ok().filter(|_| period > 0)?;
    let group = format!("{}:{}", at.dev(), at.ino());
    Some(Quota { group, cores: limit as f64 / period as f64 })
}

#[cfg(test)]
mod tests {
    use std::num::NonZero;

    use rustix::thread::{CpuSet, sched_getaffinity};

    use super::*;

    /// The quotas where `/` has these files.
    fn cores(files: &[(&str, &str)]) -> Vec<f64> {
        let root = tempfile::tempdir().unwrap();
        for (path, text) in files {
            let path = root.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        quotas(root.path()).iter().map(|quota| quota.cores).collect()
    }

    const V1: &str = "3:memory:/m\n2:cpu,cpuacct:/docker/7\n0::/\n";
    const V2: &str = "0::/pods/7\n";

    #[test]
    fn version_two_is_read_up_to_the_top() {
        let check = |group: &str, limits: &[(&str, &str)], expected: &[f64]| {
            let mut files = vec![("proc/self/cgroup", group)];
            let marks = ["", "pods/", "pods/7/"].map(|at| format!("sys/fs/cgroup/{at}"));
            let marks = marks.map(|at| format!("{at}cgroup.controllers"));
            files.extend(marks.iter().map(|mark| (&**mark, "cpu memory\n")));
            files.extend(limits);
            assert_eq!(cores(&files), expected, "{group}{limits:?}");
        };
        let own = ("sys/fs/cgroup/pods/7/cpu.max", "250000 100000\n");
        check(V2, &[own], &[2.5]);
        check(V2, &[own, ("sys/fs/cgroup/pods/cpu.max", "400000 100000\n")], &[2.5, 4.0]);
        check(V2, &[("sys/fs/cgroup/pods/7/cpu.max", "max 100000\n")], &[]);
        check(V2, &[("sys/fs/cgroup/pods/7/cpu.max", "1 0\n")], &[]);
        check(V2, &[("sys/fs/cgroup/pods/7/cpu.max", "many\n")], &[]);
        check("0::/\n", &[own, ("sys/fs/cgroup/cpu.max", "50000 100000\n")], &[0.5]);
        for nowhere in ["", "0::\n", "x", "0::/elsewhere\n", "0::/../../pods/7\n", "4:memory:/\n"] {
            let top = ("sys/fs/cgroup/pods/cpu.max", "400000 100000\n");
            check(nowhere, &[own, top], &[]);
        }
    }

    #[test]
    fn version_one_is_found_where_it_is_mounted() {
        let mounted = |place: &str, group: &str, table: &str, quota: &str| {
            let at = |name: &str| format!("{place}/{group}{name}");
            let files = [
                ("proc/self/cgroup".to_owned(), V1),
                ("proc/self/mountinfo".to_owned(), table),
                (at("cgroup.procs"), ""),
                (at("cpu.cfs_quota_us"), quota),
                (at("cpu.cfs_period_us"), "100000\n"),
            ];
            let files: Vec<(&str, &str)> =
                files.iter().map(|(path, text)| (&**path, *text)).collect();
            cores(&files)
        };
        assert_eq!(mounted("sys/fs/cgroup/cpu", "docker/7/", "", "150000\n"), [1.5]);
        assert_eq!(mounted("sys/fs/cgroup/cpu,cpuacct", "docker/7/", "", "150000\n"), [1.5]);
        assert_eq!(mounted("sys/fs/cgroup/cpu", "docker/7/", "", "-1\n"), [0.0; 0]);
        // A container without a namespace of its own: its folder is all that is mounted.
        let table = "30 29 0:26 /docker/7 /sys/fs/cgroup/memory ro - cgroup cgroup rw,memory\n\
                     31 29 0:27 /docker/7 /groups ro,nosuid master:11 - cgroup cgroup rw,cpu,cpuacct\n";
        assert_eq!(mounted("groups", "", table, "100000\n"), [1.0]);
        assert_eq!(mounted("groups", "", "31 29 - cgroup\nx - \n - cgroup a cpu", "1\n"), [0.0; 0]);
    }

    #[test]
    fn the_standard_library_sees_the_same_quota() {
        let allowed = sched_getaffinity(None).unwrap();
        let allowed = (0..CpuSet::MAX_CPU).filter(|core| allowed.is_set(*core)).count();
        let granted = quotas(Path::new("/")).into_iter().map(|quota| quota.cores.floor().max(1.0));
        let found = granted.fold(allowed as f64, f64::min);
        let expected = std::thread::available_parallelism().map_or(1, NonZero::get);
        assert_eq!(found, expected as f64);
    }
}
