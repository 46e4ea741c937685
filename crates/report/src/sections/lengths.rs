//! How long the texts are.

use crate::numbers::{count, number};
use crate::run::{Histogram, Run};
use crate::svg::{Bars, bars};

/// The histogram of the lengths.
pub(crate) fn lengths(run: &Run, id: &str) -> String {
    let Some(lengths) = run.lengths.as_ref().filter(|lengths| lengths.texts() > 0) else {
        return String::new();
    };
    let Histogram { width, counts, tokens, longest, truncated } = lengths;
    let bar = |(number, texts): (u32, &u64)| {
        let from = number * width;
        let range = match width {
            1 => format!("{from} tokens"),
            _ => format!("{from} to {} tokens", from + width - 1),
        };
        (*texts as f64, format!("{range}: {} texts", count(*texts)))
    };
    let mean = *tokens as f64 / lengths.texts() as f64;
    let cut = match truncated {
        0 => "none was truncated".to_owned(),
        some => format!("{} were truncated", count(*some)),
    };
    let words = format!(
        "{} texts, {} tokens each on average, the longest {longest}; {cut}.",
        count(lengths.texts()),
        number(mean)
    );
    let end = f64::from(*width) * counts.len() as f64;
    let figure = bars(&Bars {
        id: format!("{id}-lengths"),
        title: "Texts by length",
        description: &words,
        across: "tokens",
        range: [0.0, end],
        highest: 1.0,
        bars: (0..).zip(counts).map(bar).collect(),
        has_diagonal: false,
    });
    format!(
        "<div class=\"figures\"><figure>{figure}<figcaption>{words}</figcaption></figure></div>\n"
    )
}
