//! The tables of a training's configuration file.

use lockstep_flags::Table;

/// `[model]`: what is trained.
pub(crate) const MODEL: Table = Table::named("model");
/// `[data]`: what it is trained on.
pub(crate) const DATA: Table = Table::named("data");
/// `[train]`: how long and in which portions.
pub(crate) const TRAIN: Table = Table::named("train");
/// `[optim]`: the optimiser and its schedule.
pub(crate) const OPTIM: Table = Table::named("optim");
/// `[run]`: where it runs, and what it writes.
pub(crate) const RUN: Table = Table::named("run");

/// All of them, in the order they are written.
pub(crate) const ALL: [Table; 5] = [MODEL, DATA, TRAIN, OPTIM, RUN];
