//! What is written: Markdown, shown as it comes and kept for `--out`.

use std::fmt::Write;
use std::fs;

use crate::Outcome;
use crate::contest::{Contest, Side};
use crate::options::Options;
use crate::protocol::Phases;
use crate::rows::{Row, Task};
use crate::stage::Stage;

/// A figure that no contest gives.
pub(crate) struct Fact {
    pub(crate) what: String,
    pub(crate) figure: String,
    pub(crate) wanted: &'static str,
}

/// The tables so far.
#[derive(Default)]
pub(crate) struct Report {
    head: String,
    speed: String,
    phases: String,
    losses: String,
    facts: String,
}

impl Report {
    /// What was measured on.
    pub(crate) fn head(&mut self, stage: &Stage) {
        let Options { threads, model, train, .. } = &stage.options;
        let weights = if model.is_some() { "those given" } else { "random" };
        let texts = if train.is_some() { "those given" } else { "generated reviews" };
        self.head = format!(
            "Processor: {}; {threads} threads. Weights: {weights}. Sentences: {texts}.\n",
            processor()
        );
        println!("{}", self.head);
    }

    /// Adds a row, or why it is not there.
    pub(crate) fn contest(&mut self, row: &Row, outcome: Outcome<Contest>) {
        let speed = match &outcome {
            Ok(contest) => speed(row, contest),
            Err(reason) => {
                format!("| {}: {} | skipped: {reason} | | | | | | | | |\n", row.name, row.title)
            }
        };
        println!("{speed}");
        self.speed += &speed;
        let Ok(contest) = outcome else { return };
        if let Ok(peer) = &contest.peer {
            let losses = losses(row, &contest.ours, peer);
            println!("{losses}");
            self.losses += &losses;
        }
        if row.task == Task::Update {
            let peer = contest.peer.as_ref().map(|peer| phases(row, "PyTorch", peer));
            let details = phases(row, "ours", &contest.ours) + &peer.unwrap_or_default();
            println!("{details}");
            self.phases += &details;
        }
    }

    /// Adds figures, or why they are not there.
    pub(crate) fn facts(&mut self, name: &str, facts: Outcome<Vec<Fact>>) {
        let lines = match facts {
            Ok(facts) => facts.iter().map(|fact| line(name, fact)).collect(),
            Err(reason) => format!("| {name} | skipped: {reason} | | |\n"),
        };
        println!("{lines}");
        self.facts += &lines;
    }

    /// Writes the file that was asked for.
    pub(crate) fn finish(&self, options: &Options) -> Outcome<()> {
        let Some(path) = &options.out else { return Ok(()) };
        let text = self.text()?;
        fs::write(path, text).map_err(|cause| format!("--out {}: {cause}", path.display()))?;
        println!("written to {}", path.display());
        Ok(())
    }

    fn text(&self) -> Result<String, std::fmt::Error> {
        let mut text = String::from("# Lockstep beside PyTorch\n\n");
        writeln!(text, "{}", self.head)?;
        let tables = [
            (SPEED, &self.speed),
            (PHASES, &self.phases),
            (LOSSES, &self.losses),
            (FACTS, &self.facts),
        ];
        for (head, rows) in tables.into_iter().filter(|(_, rows)| !rows.is_empty()) {
            writeln!(text, "{head}{rows}")?;
        }
        Ok(text.trim_end().to_owned() + "\n")
    }
}

const SPEED: &str = "\
| row | ours, s | PyTorch, s | ratio | wanted | tokens/s ours | PyTorch | of the matrix limit | peak MB ours | PyTorch |
|---|---|---|---|---|---|---|---|---|---|
";
const PHASES: &str = "\
Milliseconds of a mean batch, medians over the rounds:

| row | side | input | forward | backward | clip | update |
|---|---|---|---|---|---|---|
";
const LOSSES: &str = "\
Mean loss of the first batches before any update, without dropout, as a proof of the same work:

| row | ours | PyTorch | largest difference |
|---|---|---|---|
";
const FACTS: &str = "\
| row | what | figure | wanted |
|---|---|---|---|
";

fn speed(row: &Row, contest: &Contest) -> String {
    let Contest { ours, peer, ratio, limit, rounds } = contest;
    let title = format!("{}: {} ({rounds} rounds)", row.name, row.title);
    let wanted = row.wanted.map_or_else(String::new, |wanted| format!("≥ {wanted}"));
    let limit = limit.as_ref().map_or_else(String::new, |limit| {
        let share = 100.0 * limit.reached / limit.alone;
        let (reached, alone) = (limit.reached / 1e9, limit.alone / 1e9);
        format!("{share:.1} % ({reached:.0} of {alone:.0} GFLOP/s)")
    });
    let (theirs, ratio, tokens, memory) = match peer {
        Ok(peer) => (
            format!("{:.4}", peer.seconds),
            ratio.map_or_else(String::new, |ratio| format!("**{ratio:.2}**")),
            format!("{:.0}", peer.tokens_per_second),
            megabytes(peer),
        ),
        Err(reason) => (format!("skipped: {reason}"), String::new(), String::new(), String::new()),
    };
    format!(
        "| {title} | {:.4} | {theirs} | {ratio} | {wanted} | {:.0} | {tokens} | {limit} | {} | {memory} |\n",
        ours.seconds,
        ours.tokens_per_second,
        megabytes(ours)
    )
}

fn phases(row: &Row, who: &str, side: &Side) -> String {
    let cells = side.phases.values().map(|seconds| format!("{:.2}", 1000.0 * seconds));
    debug_assert_eq!(cells.len(), Phases::NAMES.len());
    format!("| {} | {who} ({}) | {} |\n", row.name, side.name, cells.join(" | "))
}

fn losses(row: &Row, ours: &Side, peer: &Side) -> String {
    let pairs = ours.losses.iter().zip(&peer.losses);
    let Some(largest) = pairs.map(|(ours, peer)| (ours - peer).abs()).reduce(f64::max) else {
        return String::new();
    };
    let cells = |side: &Side| {
        side.losses.iter().map(|loss| format!("{loss:.6}")).collect::<Vec<_>>().join(" ")
    };
    format!("| {} | {} | {} | {largest:.1e} |\n", row.name, cells(ours), cells(peer))
}

fn line(name: &str, fact: &Fact) -> String {
    format!("| {name} | {} | {} | {} |\n", fact.what, fact.figure, fact.wanted)
}

fn megabytes(side: &Side) -> String {
    format!("{:.0}", side.memory as f64 / 1e6)
}

fn processor() -> String {
    let cpuinfo = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let name = cpuinfo.lines().find_map(|line| line.strip_prefix("model name"));
    name.map_or("unknown", |rest| rest.trim_start_matches(['\t', ':', ' '])).to_owned()
}
