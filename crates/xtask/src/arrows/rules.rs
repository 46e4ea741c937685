//! The arrows that are allowed. To add a crate, add its row here and in `crates/README.md`.

use super::graph::{Graph, Purpose};

/// Which crates of the workspace a crate may depend on. Names are without `lockstep-`.
const ALLOWED: [(&str, &[&str]); 28] = [
    ("world", &[]),
    ("columnar", &[]),
    ("data", &["world", "columnar"]),
    ("reviews", &["world"]),
    ("events", &[]),
    ("program", &["world"]),
    ("kernels", &["world"]),
    ("gpu", &["program"]),
    ("emulator", &["world", "program", "kernels"]),
    ("wire", &[]),
    ("collective", &["world", "wire"]),
    ("torch-file", &[]),
    ("weights-index", &["world"]),
    ("params", &["world", "kernels", "collective", "torch-file", "weights-index"]),
    ("model", &["world", "kernels", "params"]),
    ("optim", &["world", "kernels", "params"]),
    ("trainer", &["world", "data", "program", "gpu", "params", "model", "optim", "collective"]),
    ("report", &["trainer"]),
    ("host", &["world"]),
    ("flags", &["world"]),
    ("settings", &["flags", "host", "world", "data", "model", "optim", "trainer"]),
    ("hub", &["host", "weights-index", "world"]),
    ("join", &["host", "world", "collective", "kernels", "gpu"]),
    (
        "trainer-cli",
        &[
            "events",
            "flags",
            "host",
            "settings",
            "hub",
            "join",
            "reviews",
            "world",
            "data",
            "program",
            "gpu",
            "params",
            "model",
            "collective",
            "trainer",
            "report",
        ],
    ),
    ("launcher", &["host", "flags", "wire"]),
    ("lockstep", &["launcher", "trainer-cli", "kernels"]),
    (
        "testkit",
        &["world", "host", "data", "kernels", "params", "model", "optim", "collective", "trainer"],
    ),
    ("xtask", &[]),
];

/// What any crate's tests may use beyond its row.
const FOR_TESTS: [&str; 2] = ["testkit", "emulator"];

/// The package whose tests look at what whole programs leave behind, with any crate's eyes.
const ROOT: &str = "lockstep";

/// Packages that a crate must not reach, not even through others.
const BARRED: [(&str, &[&str]); 19] = [
    ("world", &["candle-core", "clap", "tokenizers"]),
    ("columnar", &["candle-core", "clap", "tokenizers"]),
    ("data", &["candle-core", "clap"]),
    ("kernels", &["clap"]),
    ("gpu", &["clap"]),
    ("params", &["clap"]),
    ("model", &["clap"]),
    ("optim", &["clap"]),
    ("wire", &["candle-core", "clap", "tokenizers", "ureq"]),
    ("collective", &["candle-core", "clap", "tokenizers"]),
    ("trainer", &["clap", "ureq", "tracing-subscriber"]),
    ("reviews", &["candle-core", "clap", "tokenizers"]),
    ("torch-file", &["clap", "ureq"]),
    ("events", &["candle-core", "clap", "tokenizers"]),
    ("report", &["clap", "ureq"]),
    ("host", &["candle-core", "tokenizers", "ureq"]),
    ("flags", &["candle-core", "tokenizers", "ureq"]),
    ("hub", &["candle-core", "clap", "tokenizers"]),
    ("launcher", &["candle-core", "tokenizers", "ureq"]),
];

/// Packages that are oracles: tests compare with them, nothing is built on them.
const ORACLES: [&str; 2] = ["candle-nn", "candle-transformers"];

/// Everything in the graph that the tables do not allow, each with the way to repair it.
pub(super) fn faults(graph: &Graph) -> Vec<String> {
    let members = graph.members().iter();
    members.flat_map(|member| [strangers(graph, member), reached(graph, member)].concat()).collect()
}

/// Direct dependencies on other crates of the workspace.
fn strangers(graph: &Graph, member: &str) -> Vec<String> {
    let Some((_, row)) = ALLOWED.iter().find(|(name, _)| *name == short(member)) else {
        return vec![format!(
            "{member} has no row in crates/xtask/src/arrows/rules.rs: add one there and in \
             crates/README.md"
        )];
    };
    let own = graph.arrows(member).filter(|(to, _)| graph.members().contains(*to));
    let bad = own.filter(|(to, purpose)| {
        let may_test = FOR_TESTS.contains(&short(to)) || member == ROOT;
        let for_tests = *purpose == Purpose::Develop && may_test;
        !for_tests && !row.contains(&short(to))
    });
    bad.map(|(to, purpose)| forbidden(member, to, purpose, row)).collect()
}

fn forbidden(from: &str, to: &str, purpose: Purpose, row: &[&str]) -> String {
    let table = if purpose == Purpose::Ship { "dependencies" } else { "dev-dependencies" };
    let may = if row.is_empty() { "none of ours".to_owned() } else { row.join(", ") };
    format!("{from} must not have {to} in its [{table}]; it may see: {may}")
}

/// Packages that come in through any number of others.
fn reached(graph: &Graph, member: &str) -> Vec<String> {
    let row = BARRED.iter().find(|(name, _)| *name == short(member));
    let barred = row.into_iter().flat_map(|(_, barred)| barred.iter());
    let ways = barred.chain(&ORACLES).filter_map(|package| graph.way(member, package));
    ways.map(|way| format!("{member} must not reach {}: {}", way[way.len() - 1], way.join(" -> ")))
        .collect()
}

fn short(package: &str) -> &str {
    package.strip_prefix("lockstep-").unwrap_or(package)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(lines: &[&str], expected: &[&str]) {
        assert_eq!(faults(&Graph::written(lines)), expected);
    }

    #[test]
    fn allowed_arrows_pass() {
        check(&["lockstep-model -> lockstep-params", "lockstep-params -> candle-core"], &[]);
        check(&["lockstep-model ~> lockstep-testkit", "lockstep-testkit -> lockstep-model"], &[]);
        check(&["lockstep-kernels ~> candle-nn"], &[]);
        check(&["lockstep-data ~> candle-core"], &[]);
        check(&["lockstep ~> lockstep-data"], &[]);
    }

    #[test]
    fn other_arrows_are_named() {
        check(
            &["lockstep-model -> lockstep-data"],
            &[
                "lockstep-model must not have lockstep-data in its [dependencies]; it may see: world, \
               kernels, params",
            ],
        );
        check(
            &["lockstep-optim ~> lockstep-model"],
            &[
                "lockstep-optim must not have lockstep-model in its [dev-dependencies]; it may see: \
               world, kernels, params",
            ],
        );
        check(
            &["lockstep-trainer -> lockstep-testkit"],
            &[
                "lockstep-trainer must not have lockstep-testkit in its [dependencies]; it may see: \
               world, data, program, gpu, params, model, optim, collective",
            ],
        );
        check(
            &["lockstep-data -> tokenizers", "tokenizers -> candle-core"],
            &[
                "lockstep-data must not reach candle-core: lockstep-data -> tokenizers -> candle-core",
            ],
        );
        check(
            &["lockstep-new -> serde"],
            &["lockstep-new has no row in crates/xtask/src/arrows/rules.rs: add one there and in \
               crates/README.md"],
        );
        check(
            &["lockstep-model -> candle-transformers"],
            &["lockstep-model must not reach candle-transformers: lockstep-model -> \
               candle-transformers"],
        );
    }

    #[test]
    fn the_program_that_starts_ranks_stays_small() {
        check(
            &["lockstep-launcher -> lockstep-flags", "lockstep-flags -> candle-core"],
            &[
                "lockstep-flags must not reach candle-core: lockstep-flags -> candle-core",
                "lockstep-launcher must not reach candle-core: lockstep-launcher -> lockstep-flags \
               -> candle-core",
            ],
        );
    }
}
