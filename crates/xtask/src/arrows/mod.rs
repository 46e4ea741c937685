//! `cargo xtask arrows`: the crates' arrows are as the table in `rules.rs` says, or a test fails.
//!
//! The graph is cargo's own (`cargo metadata`), with the features and the platform that are built.

mod graph;
mod rules;

use crate::failure::Failure;
use crate::workspace::Workspace;
use graph::Graph;

/// Checks the arrows and says how many there are.
pub(crate) fn run(workspace: &Workspace, arguments: &[String]) -> Result<(), Failure> {
    Failure::unless_empty(arguments)?;
    let graph = Graph::of(workspace)?;
    let faults = rules::faults(&graph);
    if faults.is_empty() {
        println!(
            "arrows: {} crates, every dependency is one the table allows",
            graph.members().len()
        );
        return Ok(());
    }
    for fault in &faults {
        println!("arrows: {fault}");
    }
    Err(Failure::new(format!("{} forbidden dependencies", faults.len())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_arrows_of_the_workspace_hold() {
        let graph = Graph::of(&Workspace::here()).unwrap();
        assert!(graph.members().len() >= 11, "{:?}", graph.members());
        let faults = rules::faults(&graph);
        assert!(faults.is_empty(), "{}", faults.join("\n"));
    }
}
