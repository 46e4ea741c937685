//! What the documents say about the code is there.
//!
//! A document names a test as `file.rs::test`, from its own folder or from the workspace's root. A
//! renamed test would leave an invariant that claims a proof it does not have.

use std::path::{Path, PathBuf};

use super::source::Source;

/// Each reference that leads nowhere: the document, the line, and the reference.
pub(super) fn dangling(sources: &[Source]) -> Vec<(&Source, usize, &str)> {
    let documents = sources.iter().filter(|source| source.has_extension("md"));
    let references = documents.flat_map(|document| {
        let lines = (1..).zip(document.text.lines());
        lines.flat_map(move |(line, text)| spans(text).map(move |span| (document, line, span)))
    });
    references.filter(|(document, _, span)| leads_nowhere(sources, document, span)).collect()
}

/// The texts between backticks.
fn spans(line: &str) -> impl Iterator<Item = &str> {
    line.split('`').skip(1).step_by(2)
}

fn leads_nowhere(sources: &[Source], document: &Source, span: &str) -> bool {
    let Some((file, name)) = span.split_once(".rs::") else { return false };
    let root = Path::new("");
    let folders = [document.path.parent().unwrap_or(root), root];
    let paths: [PathBuf; 2] = folders.map(|folder| folder.join(format!("{file}.rs")));
    let function = format!("fn {name}(");
    let mut found = sources.iter().filter(|source| paths.contains(&source.path));
    !found.any(|source| source.text.contains(&function))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(path: &str, text: &str) -> Source {
        Source { path: path.into(), text: text.to_owned() }
    }

    #[test]
    fn references_lead_somewhere() {
        let check = |text: &str, expected: &[&str]| {
            let code = source("crates/data/src/a.rs", "fn one() {}");
            let sources = [source("crates/README.md", text), code];
            let found: Vec<_> = dangling(&sources).iter().map(|(_, _, span)| *span).collect();
            assert_eq!(found, expected, "{text}");
        };
        check("`data/src/a.rs::one` and `data/src/a.rs` and `Seed::derive`", &[]);
        check("`crates/data/src/a.rs::one`", &[]);
        check("`data/src/a.rs::two`", &["data/src/a.rs::two"]);
        check("`data/src/b.rs::one`", &["data/src/b.rs::one"]);
    }
}
