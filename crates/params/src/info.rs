//! What a parameter is: its group, its block, its role, and how its gradient is laid out.
//!
//! The model states these facts once, where it lists its tensors. The optimiser, the gradients and
//! the loop read them here, so that none of them looks at a name.

/// The facts about one parameter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ParameterInfo {
    /// The part of the model that has a learning rate for itself.
    pub group: Group,
    /// The number of the transformer block, from 0; none for embeddings and head.
    pub block: Option<usize>,
    /// What the parameter does; weight decay depends on it.
    pub role: Role,
    /// How its gradient is stored and summed.
    pub layout: GradientLayout,
}

/// The part of the model that a parameter belongs to. Each part has its own learning rate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Group {
    /// The pre-trained part.
    Encoder,
    /// The classifier on top, which starts from random weights.
    Head,
}

/// What a parameter does in its layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// It multiplies, or it is looked up.
    Weight,
    /// It is added by a linear layer.
    Bias,
    /// It is the scale or the shift of a layer norm.
    Norm,
}

/// How the gradient of a parameter is stored and summed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GradientLayout {
    /// (D): all vectors are summed in one call, because a call costs more than a copy.
    Vector,
    /// (O, I): each matrix is summed where it lies, on CPUs in shards.
    Matrix,
    /// (V, D), of which a batch reads some rows: only these rows are stored and summed.
    Table,
}

impl ParameterInfo {
    /// A weight of the encoder that is in no block.
    #[must_use]
    pub fn new(layout: GradientLayout) -> Self {
        Self { group: Group::Encoder, block: None, role: Role::Weight, layout }
    }
}
