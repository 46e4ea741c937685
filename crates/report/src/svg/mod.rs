//! Figures as SVG: their colours are classes of the page's style, so that one figure fits a light page and a
//! dark one.

mod axis;
mod bars;
mod chart;
mod frame;

pub(crate) use bars::{Bars, bars};
pub(crate) use chart::{Chart, Series, chart};
pub(crate) use frame::standalone;
