//! Which package depends on which, and what for.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use serde_json::Value;

use crate::failure::Failure;
use crate::workspace::{Workspace, output};

/// What a dependency is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Purpose {
    /// It becomes part of the package, or of its build script.
    Ship,
    /// Only tests, examples and benchmarks see it.
    Develop,
}

/// The dependency graph by package name. Versions of one package are one node: a rule that bars a
/// package bars all its versions.
#[derive(Default)]
pub(super) struct Graph {
    members: BTreeSet<String>,
    arrows: BTreeMap<String, BTreeSet<(String, Purpose)>>,
}

impl Graph {
    /// The graph that cargo resolves for this machine's platform.
    pub(super) fn of(workspace: &Workspace) -> Result<Self, Failure> {
        let mut command = workspace.cargo();
        command
            .args(["metadata", "--format-version", "1", "--filter-platform"])
            .arg(host(workspace)?);
        let text = output(command)?;
        let metadata: Value = serde_json::from_str(&text)
            .map_err(|error| Failure::new(format!("cargo metadata is no JSON: {error}")))?;
        Self::parse(&metadata).ok_or_else(|| Failure::new("cargo metadata has another layout"))
    }

    /// The workspace's own packages.
    pub(super) fn members(&self) -> &BTreeSet<String> {
        &self.members
    }

    /// What `package` depends on directly.
    pub(super) fn arrows(&self, package: &str) -> impl Iterator<Item = (&str, Purpose)> {
        self.arrows.get(package).into_iter().flatten().map(|(to, purpose)| (to.as_str(), *purpose))
    }

    /// The shortest way along shipped dependencies, both ends included, if there is one.
    pub(super) fn way(&self, from: &str, to: &str) -> Option<Vec<String>> {
        let mut ways = VecDeque::from([vec![from.to_owned()]]);
        let mut seen = BTreeSet::new();
        while let Some(way) = ways.pop_front() {
            let last = way.last()?;
            if last == to {
                return Some(way);
            }
            for (next, purpose) in self.arrows(last) {
                if purpose == Purpose::Ship && seen.insert(next.to_owned()) {
                    ways.push_back([way.as_slice(), &[next.to_owned()]].concat());
                }
            }
        }
        None
    }

    fn parse(metadata: &Value) -> Option<Self> {
        let mut names = BTreeMap::new();
        for package in metadata["packages"].as_array()? {
            names.insert(package["id"].as_str()?, package["name"].as_str()?);
        }
        let mut graph = Self::default();
        for id in metadata["workspace_members"].as_array()? {
            graph.members.insert((*names.get(id.as_str()?)?).to_owned());
        }
        for node in metadata["resolve"]["nodes"].as_array()? {
            let from = (*names.get(node["id"].as_str()?)?).to_owned();
            let arrows = graph.arrows.entry(from).or_default();
            for dependency in node["deps"].as_array()? {
                let to = *names.get(dependency["pkg"].as_str()?)?;
                for kind in dependency["dep_kinds"].as_array()? {
                    arrows.insert((to.to_owned(), purpose(&kind["kind"])));
                }
            }
        }
        Some(graph)
    }
}

fn purpose(kind: &Value) -> Purpose {
    if kind.as_str() == Some("dev") { Purpose::Develop } else { Purpose::Ship }
}

fn host(workspace: &Workspace) -> Result<String, Failure> {
    let mut command = workspace.program("rustc");
    command.arg("-vV");
    let text = output(command)?;
    let host = text.lines().find_map(|line| line.strip_prefix("host: "));
    host.map(str::to_owned).ok_or_else(|| Failure::new("`rustc -vV` names no host"))
}

#[cfg(test)]
impl Graph {
    /// A graph written down: `from -> to` ships, `from ~> to` is for development; the members are
    /// those named `lockstep-…`.
    pub(super) fn written(lines: &[&str]) -> Self {
        let mut graph = Self::default();
        for line in lines {
            let words: Vec<&str> = line.split_whitespace().collect();
            let purpose = if words[1] == "~>" { Purpose::Develop } else { Purpose::Ship };
            let own = words.iter().filter(|word| word.starts_with("lockstep-"));
            graph.members.extend(own.map(|&word| word.to_owned()));
            let arrows = graph.arrows.entry(words[0].to_owned()).or_default();
            arrows.insert((words[2].to_owned(), purpose));
        }
        graph
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metadata_is_read() {
        let metadata = serde_json::json!({
            "packages": [{"id": "1", "name": "a"}, {"id": "2", "name": "b"}],
            "workspace_members": ["1"],
            "resolve": {"nodes": [
                {"id": "1", "deps": [{"pkg": "2", "dep_kinds": [{"kind": null}, {"kind": "dev"}]}]},
                {"id": "2", "deps": []},
            ]},
        });
        let graph = Graph::parse(&metadata).unwrap();
        assert_eq!(graph.members().iter().collect::<Vec<_>>(), ["a"]);
        let arrows: Vec<_> = graph.arrows("a").collect();
        assert_eq!(arrows, [("b", Purpose::Ship), ("b", Purpose::Develop)]);
        assert!(Graph::parse(&serde_json::json!({})).is_none());
    }

    #[test]
    fn a_way_follows_what_is_shipped() {
        let graph = Graph::written(&["a -> b", "b -> c", "c -> a", "a ~> d", "d -> e"]);
        assert_eq!(graph.way("a", "c").unwrap(), ["a", "b", "c"]);
        assert_eq!(graph.way("a", "e"), None);
    }
}
