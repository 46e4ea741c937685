//! What is compared with what.

use crate::setting::{Padding, Precision};

/// One comparison.
pub(crate) struct Row {
    /// What `--only` calls it.
    pub(crate) name: &'static str,
    pub(crate) title: &'static str,
    pub(crate) material: Material,
    pub(crate) task: Task,
    /// What we compute in.
    pub(crate) ours: Precision,
    /// What PyTorch computes in and pads to.
    pub(crate) peer: (Precision, Padding),
    /// The ratio we want at least.
    pub(crate) wanted: Option<f64>,
}

/// The texts of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Material {
    /// Texts of 128 tokens, so that neither side pads.
    Full { batches: usize },
    /// The first batches of a run over the training sentences.
    Training { batches: usize },
    /// All held-out sentences.
    Held,
}

/// What is done with them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Task {
    /// Updates of the weights, batch by batch.
    Update,
    /// Forward passes, batch by batch.
    Infer,
    /// One pass over everything, in batches of each side's own choice.
    Pass,
}

const FULL: Material = Material::Full { batches: 2 };
const TRAINING: Material = Material::Training { batches: 8 };
/// As many as transformers sorts by length at a time.
const GROUP: Material = Material::Training { batches: 50 };

const UPDATE: Row = Row {
    name: "",
    title: "",
    material: TRAINING,
    task: Task::Update,
    ours: Precision::F32,
    peer: (Precision::F32, Padding::Longest),
    wanted: None,
};

pub(crate) const ROWS: [Row; 9] = [
    Row {
        name: "full",
        title: "update, 16 x 128 tokens, f32 both",
        material: FULL,
        wanted: Some(1.2),
        ..UPDATE
    },
    Row {
        name: "fixed",
        title: "update, 16 sentences, f32; PyTorch padded to 128",
        peer: (Precision::F32, Padding::Fixed),
        wanted: Some(5.5),
        ..UPDATE
    },
    Row {
        name: "longest",
        title: "update, 16 sentences, f32; PyTorch padded to the longest",
        wanted: Some(2.1),
        ..UPDATE
    },
    Row {
        name: "grouped",
        title: "update, 16 sentences, f32; PyTorch grouped by length",
        material: GROUP,
        peer: (Precision::F32, Padding::Grouped),
        ..UPDATE
    },
    Row {
        name: "longest-beside-bf16",
        title: "update, 16 sentences, f32; PyTorch bf16, padded to the longest",
        peer: (Precision::Bf16, Padding::Longest),
        wanted: Some(1.3),
        ..UPDATE
    },
    Row {
        name: "full-bf16",
        title: "update, 16 x 128 tokens, bf16 both",
        material: FULL,
        ours: Precision::Bf16,
        peer: (Precision::Bf16, Padding::Longest),
        wanted: Some(1.2),
        ..UPDATE
    },
    Row {
        name: "longest-bf16",
        title: "update, 16 sentences, bf16 both; PyTorch padded to the longest",
        ours: Precision::Bf16,
        peer: (Precision::Bf16, Padding::Longest),
        wanted: Some(2.2),
        ..UPDATE
    },
    Row {
        name: "forward",
        title: "forward pass, 16 x 128 tokens, f32 both",
        material: FULL,
        task: Task::Infer,
        ..UPDATE
    },
    Row {
        name: "evaluate",
        title: "evaluation, held-out sentences, f32; PyTorch 64 padded to the longest",
        material: Material::Held,
        task: Task::Pass,
        wanted: Some(1.5),
        ..UPDATE
    },
];
