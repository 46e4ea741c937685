//! What several seeds came to.

use lockstep_trainer::Spread;

use crate::html::{escaped, table};
use crate::numbers::number;
use crate::run::Seeds;

/// Each metric with its mean, its spread and its value for each seed.
pub(crate) fn seeds(all: &Seeds) -> String {
    let row = |(name, spread): &(String, Spread)| {
        let Spread { mean, std, interval: [low, high], .. } = spread;
        let interval = format!("{} to {}", number(*low), number(*high));
        vec![format!("<code>{}</code>", escaped(name)), number(*mean), number(*std), interval]
    };
    let rows: Vec<_> = all.metrics.iter().map(row).collect();
    let head = ["metric", "mean", "standard deviation", "95 % interval of the mean"];
    let mut out = format!("<p>Result: {}.</p>\n", escaped(&all.result));
    out += &table("Metrics over all seeds", &head, &rows);
    let names = all.metrics.iter().map(|(name, _)| name.clone());
    let head: Vec<String> = std::iter::once("seed".to_owned()).chain(names).collect();
    let head: Vec<&str> = head.iter().map(String::as_str).collect();
    let row = |(place, seed): (usize, &u64)| {
        let value = |(_, spread): &(String, Spread)| {
            spread.values.get(place).map_or_else(|| "–".to_owned(), |value| number(*value))
        };
        std::iter::once(seed.to_string()).chain(all.metrics.iter().map(value)).collect()
    };
    let rows: Vec<Vec<String>> = all.seeds.iter().enumerate().map(row).collect();
    out += "<h3>Each seed</h3>\n";
    out += &table("Each seed", &head, &rows);
    out + "<p>The standard deviation is that of a sample (n - 1). The interval is Student's t. \
           Seeds differ in the order of the examples, dropout and fresh weights.</p>\n"
}
