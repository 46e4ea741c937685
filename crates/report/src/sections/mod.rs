//! The parts of a page, each about one question.

mod calibration;
mod classes;
mod comparison;
pub(crate) mod curves;
mod lengths;
mod mistakes;
mod seeds;
mod settings;
mod summary;
mod time;

pub(crate) use calibration::calibration;
pub(crate) use classes::classes;
pub(crate) use comparison::comparison;
pub(crate) use lengths::lengths;
pub(crate) use mistakes::mistakes;
pub(crate) use seeds::seeds;
pub(crate) use settings::settings;
pub(crate) use summary::summary;
pub(crate) use time::time;

/// The name of a class; its number where it has none.
fn class_name(classes: &[String], class: usize) -> String {
    classes.get(class).cloned().unwrap_or_else(|| class.to_string())
}
