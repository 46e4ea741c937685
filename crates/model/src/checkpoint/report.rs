//! What became of each tensor when a model was loaded.

use lockstep_params::ParamName;

/// Which tensors were loaded, made afresh, or left in the file.
#[derive(Clone, Debug, Default)]
pub struct LoadReport {
    /// Read from the file.
    pub loaded: Vec<ParamName>,
    /// Not in the file, so started from random values.
    pub initialised: Vec<ParamName>,
    /// In the file, but of no use here: another head, for example.
    pub ignored: Vec<ParamName>,
}
