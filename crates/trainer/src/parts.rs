//! What a run is made of.

use lockstep_collective::{Collective, PhaseBoard};
use lockstep_data::{TokenStore, Tokenizer};
use lockstep_model::Classifier;

/// A model, its data, and the way to the other ranks.
pub struct Parts {
    /// What is trained.
    pub model: Classifier,
    /// What made the tokens; it is saved beside the weights.
    pub tokenizer: Tokenizer,
    /// What it is trained on.
    pub train: TokenStore,
    /// What it is evaluated on while it trains.
    pub validation: Option<TokenStore>,
    /// What the final model is evaluated on.
    pub test: Option<TokenStore>,
    /// The way to the other ranks.
    pub collective: Box<dyn Collective>,
    /// Where it notes what it is doing.
    pub board: PhaseBoard,
}
