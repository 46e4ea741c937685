//! Why no GPU is used.

use std::fmt;

use lockstep_world::counted;

use crate::{Environment, gpus};

/// Why no GPU is used, where none is asked for and none forbidden.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unused {
    /// None is visible, or no driver answers.
    NoGpu,
    /// The build knows no CUDA; this number of GPUs is visible.
    NoCuda(usize),
}

impl Unused {
    /// As this process sees it, whose build can use GPUs or cannot.
    #[must_use]
    pub fn here(environment: &Environment, is_built_in: bool) -> Self {
        Self::of(gpus::visible(environment).unwrap_or_default().len(), is_built_in)
    }

    /// Where this number of GPUs is visible to a build that can use them, or cannot.
    #[must_use]
    pub fn of(visible: usize, is_built_in: bool) -> Self {
        if is_built_in || visible == 0 { Self::NoGpu } else { Self::NoCuda(visible) }
    }
}

impl fmt::Display for Unused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoGpu => write!(f, "there is no GPU"),
            Self::NoCuda(gpus) => write!(
                f,
                "this build has no CUDA support and cannot use the {} of this host \
                 (launch/cuda.sh builds programs that can)",
                counted(gpus, "GPU")
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gpus_that_the_build_cannot_use_are_named() {
        let text = |visible, is_built_in| Unused::of(visible, is_built_in).to_string();
        for (visible, is_built_in) in [(0, false), (0, true), (2, true)] {
            assert_eq!(text(visible, is_built_in), "there is no GPU");
        }
        let words = "this build has no CUDA support and cannot use the";
        let remedy = "of this host (launch/cuda.sh builds programs that can)";
        assert_eq!(text(1, false), format!("{words} 1 GPU {remedy}"));
        assert_eq!(text(8, false), format!("{words} 8 GPUs {remedy}"));
    }
}
