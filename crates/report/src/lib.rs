//! `report.html`: what a run did, as one page that needs no network and runs no script.
//!
//! ```text
//! events, or lines of metrics.jsonl ─ Story (bounded) ─┐
//! classes, lengths, mistakes, settings ────────────────┴▶ Run ─ page ─▶ HTML
//!                                                           └─ figures ─▶ SVG
//! ```
//!
//! Nothing here opens a file or writes one.

mod curve;
mod html;
mod numbers;
mod page;
mod run;
mod sections;
mod story;
mod style;
mod svg;

pub use page::{MOST_RUNS, page, series_page};
pub use run::{Histogram, Mistake, Run, Seeds, Setting};
pub use sections::curves::{Figure, figures};
pub use story::{LineError, Story};
