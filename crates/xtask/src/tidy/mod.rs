//! `cargo xtask tidy`: the style that neither the compiler nor clippy checks.
//!
//! `lexer` cuts a source into tokens, `anatomy` finds where its tests begin, `rules` compares with
//! the limits, `parameters` finds those that are tuples, `prose` looks at words, `references` looks
//! up what the documents name, `circles` finds files that need each other.

mod anatomy;
mod circles;
mod imports;
mod lexer;
mod parameters;
mod prose;
mod references;
mod rules;
mod source;

use crate::failure::Failure;
use crate::workspace::Workspace;
use anatomy::Anatomy;
use source::Source;

/// Lists the faults of all sources, and fails if there are any.
pub(crate) fn run(workspace: &Workspace, arguments: &[String]) -> Result<(), Failure> {
    Failure::unless_empty(arguments)?;
    let sources = source::all(workspace.root())?;
    let rust: Vec<&Source> = sources.iter().filter(|source| source.is_rust()).collect();
    let anatomies: Vec<Anatomy<'_>> = rust.iter().map(|source| Anatomy::of(source)).collect();
    let mut faults: Vec<_> = sources.iter().flat_map(rules::text_faults).collect();
    faults.extend(rules::reference_faults(&sources));
    faults.extend(rules::circle_faults(&rust, &anatomies));
    for (source, anatomy) in rust.iter().zip(&anatomies) {
        faults.extend(rules::rust_faults(source, anatomy));
    }
    if faults.is_empty() {
        println!("tidy: {} files, no fault", sources.len());
        return Ok(());
    }
    for fault in &faults {
        println!("tidy: {fault}");
    }
    Err(Failure::new(format!("{} faults in {} files", faults.len(), sources.len())))
}
