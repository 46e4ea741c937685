//! `cargo xtask tidy`: the style that no compiler checks, measured and enforced.
//!
//! `lexer` cuts a source into tokens, `anatomy` finds functions and public items in them, `rules`
//! compares with the limits, `references` looks up what the documents name, `measures` prints the
//! medians and the tails, `repeats` lists passages that were written twice.

mod anatomy;
mod lexer;
mod measures;
mod references;
mod repeats;
mod rules;
mod source;

use crate::failure::Failure;
use crate::workspace::Workspace;
use anatomy::Anatomy;
use source::Source;

/// Measures all sources, lists the faults, fails if there are any.
pub(crate) fn run(workspace: &Workspace, arguments: &[String]) -> Result<(), Failure> {
    Failure::unless_empty(arguments)?;
    let sources = source::all(workspace.root())?;
    let rust: Vec<&Source> = sources.iter().filter(|source| source.is_rust()).collect();
    let anatomies: Vec<Anatomy<'_>> = rust.iter().map(|source| Anatomy::of(source)).collect();
    print!("{}", measures::table(&rust, &anatomies));
    print!("{}", repeats::list(&rust, &anatomies));
    let mut faults: Vec<_> = sources.iter().flat_map(rules::text_faults).collect();
    faults.extend(rules::reference_faults(&sources));
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
