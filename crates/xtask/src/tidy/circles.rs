//! No two files of one folder need each other, not even through others.
//!
//! The graph has an edge from a module to each module that it names in a path, followed through
//! re-exports to the file that has the item. A module and those inside of it are one node here: a
//! parent and its children may know each other.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::anatomy::Anatomy;
use super::imports::{Import, imports};
use super::source::Source;

/// Names from the crate's root to a module; the root itself has none.
type Path = Vec<String>;

/// A crate's modules, and what each one names.
#[derive(Default)]
struct Modules {
    imports: BTreeMap<Path, Vec<Import>>,
}

/// For each module the siblings that it needs, and for each of those the paths that it names.
type Edges = BTreeMap<Path, BTreeMap<Path, BTreeSet<String>>>;

/// One circle: the first file of it, and what each sibling names of the next one.
pub(super) struct Circle<'a> {
    pub(super) source: &'a Source,
    pub(super) needs: Vec<String>,
}

/// The circles of all crates.
pub(super) fn circles<'a>(sources: &[&'a Source], anatomies: &[Anatomy<'_>]) -> Vec<Circle<'a>> {
    let mut crates: BTreeMap<&str, Modules> = BTreeMap::new();
    let mut files: BTreeMap<(&str, Path), &'a Source> = BTreeMap::new();
    for (source, anatomy) in sources.iter().zip(anatomies) {
        let Some(path) = module(source).filter(|_| !source.is_test()) else { continue };
        let modules = crates.entry(source.krate()).or_default();
        modules.imports.insert(path.clone(), imports(anatomy.shipped()));
        files.insert((source.krate(), path), source);
    }
    let found = crates.iter().flat_map(|(name, modules)| {
        let files = &files;
        modules.circles().into_iter().filter_map(move |(first, needs)| {
            Some(Circle { source: files.get(&(*name, first))?, needs })
        })
    });
    found.collect()
}

/// The path of the module that `crates/NAME/src/…` holds.
fn module(source: &Source) -> Option<Path> {
    let path = source.path.with_extension("");
    let mut parts = path.iter().filter_map(|part| part.to_str()).skip(2);
    if parts.next() != Some("src") {
        return None;
    }
    let mut names: Path = parts.map(str::to_owned).collect();
    if matches!(names.last().map(String::as_str), Some("mod" | "lib" | "main")) {
        names.pop();
    }
    Some(names)
}

impl Modules {
    /// The circles among the children of each module: where each begins, and what names what.
    fn circles(&self) -> Vec<(Path, Vec<String>)> {
        let edges = self.edges();
        let (mut found, mut known) = (Vec::new(), BTreeSet::new());
        for start in edges.keys() {
            if !known.contains(start)
                && let Some(circle) = shortest_circle(&edges, start)
            {
                known.extend(circle.iter().cloned());
                let needs = circle.windows(2).map(|pair| need(&edges, &pair[0], &pair[1]));
                found.push((start.clone(), needs.collect()));
            }
        }
        found
    }

    fn edges(&self) -> Edges {
        let mut edges = Edges::new();
        for (from, imports) in &self.imports {
            for import in imports {
                let to = self.target(from, &import.path, 0);
                let shared = from.iter().zip(&to).take_while(|(a, b)| a == b).count();
                if shared < from.len() && shared < to.len() {
                    let needed = edges.entry(from[..=shared].to_vec()).or_default();
                    let names = needed.entry(to[..=shared].to_vec()).or_default();
                    names.insert(import.path.last().cloned().unwrap_or_default());
                }
            }
        }
        edges
    }

    /// The module that has the item which `path` means in the module `at`.
    fn target(&self, at: &[String], path: &[String], depth: usize) -> Path {
        let (mut place, mut rest) = match path.first().map(String::as_str) {
            Some("crate") => (Path::new(), &path[1..]),
            _ => (at.to_vec(), path),
        };
        while let Some((first, tail)) = rest.split_first() {
            if first == "self" {
                rest = tail;
            } else if first == "super" {
                place.pop();
                rest = tail;
            } else if self
                .imports
                .contains_key(&[place.as_slice(), std::slice::from_ref(first)].concat())
            {
                place.push(first.clone());
                rest = tail;
            } else {
                return self.through_reexport(place, first, depth);
            }
        }
        place
    }

    /// The module that a re-export of `name` in `place` leads to, or else `place` itself.
    fn through_reexport(&self, place: Path, name: &str, depth: usize) -> Path {
        /// A re-export of a re-export is followed; a circle of them is no valid Rust.
        const DEEPEST: usize = 8;
        let imports = self.imports.get(&place).into_iter().flatten();
        let found = imports.into_iter().find(|import| import.name.as_deref() == Some(name));
        match found {
            Some(import) if depth < DEEPEST => self.target(&place, &import.path, depth + 1),
            _ => place,
        }
    }
}

/// `a needs B, C of d`.
fn need(edges: &Edges, from: &Path, to: &Path) -> String {
    let names: Vec<&str> = edges[from][to].iter().map(String::as_str).collect();
    let last = |path: &Path| path.last().cloned().unwrap_or_default();
    format!("{} needs {} of {}", last(from), names.join(", "), last(to))
}

/// The shortest way from `start` back to it, both ends included.
fn shortest_circle(edges: &Edges, start: &Path) -> Option<Vec<Path>> {
    let mut ways = VecDeque::from([vec![start.clone()]]);
    let mut seen = BTreeSet::new();
    while let Some(way) = ways.pop_front() {
        for next in edges.get(way.last()?).into_iter().flat_map(BTreeMap::keys) {
            let longer = [way.as_slice(), std::slice::from_ref(next)].concat();
            if next == start {
                return Some(longer);
            }
            if seen.insert(next.clone()) {
                ways.push_back(longer);
            }
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(files: &[(&str, &str)], expected: &[&str]) {
        let sources: Vec<Source> = files
            .iter()
            .map(|(path, text)| Source {
                path: format!("crates/a/src/{path}").into(),
                text: (*text).to_owned(),
            })
            .collect();
        let sources: Vec<&Source> = sources.iter().collect();
        let anatomies: Vec<_> = sources.iter().map(|source| Anatomy::of(source)).collect();
        let found = circles(&sources, &anatomies);
        let shown: Vec<_> = found.iter().map(|circle| circle.needs.join("; ")).collect();
        assert_eq!(shown, expected, "{files:?}");
    }

    #[test]
    fn siblings_that_need_each_other_are_a_circle() {
        check(&[("lib.rs", ""), ("b.rs", "use crate::c::D;"), ("c.rs", "")], &[]);
        check(
            &[("lib.rs", ""), ("b.rs", "use crate::c::D;"), ("c.rs", "fn f() { super::b::g() }")],
            &["b needs D of c; c needs g of b"],
        );
        check(
            &[
                ("lib.rs", ""),
                ("b.rs", "use crate::{c::D, x};"),
                ("c.rs", "use super::e;"),
                ("e.rs", "use crate::b;"),
            ],
            &["b needs D of c; c needs e of e; e needs b of b"],
        );
    }

    #[test]
    fn reexports_are_followed() {
        check(
            &[("lib.rs", "pub use b::B;"), ("b.rs", "use crate::c;"), ("c.rs", "use crate::B;")],
            &["b needs c of c; c needs B of b"],
        );
        check(
            &[("lib.rs", "struct B;"), ("b.rs", "use crate::c;"), ("c.rs", "use crate::B;")],
            &[],
        );
    }

    #[test]
    fn folders_are_siblings_and_a_parent_is_none() {
        check(
            &[
                ("lib.rs", ""),
                ("b/mod.rs", ""),
                ("b/one.rs", "use crate::c::C;"),
                ("c.rs", "use crate::b::two::T;"),
                ("b/two.rs", ""),
            ],
            &["b needs C of c; c needs T of b"],
        );
        check(&[("lib.rs", ""), ("b/mod.rs", "use one::O;"), ("b/one.rs", "use super::P;")], &[]);
    }

    #[test]
    fn tests_do_not_count() {
        check(
            &[
                ("lib.rs", ""),
                ("b.rs", "use crate::c;\n#[cfg(test)]\nmod tests {}"),
                ("c.rs", "const C: u8 = 1;\n#[cfg(test)]\nmod tests { use crate::b; }"),
            ],
            &[],
        );
    }
}
