//! One buffer that is handed out piece by piece.

use crate::Span;

/// Pieces are aligned to this many bytes.
const ALIGNMENT: usize = 256;

/// Hands out a buffer from its start to its end.
#[derive(Clone, Debug)]
pub(crate) struct Arena {
    whole: Span,
    used: usize,
}

impl Arena {
    pub(crate) fn new(whole: Span) -> Self {
        Self { whole, used: 0 }
    }

    /// The next piece. A buffer that is too small is found by [`Arena::used`], or when a machine
    /// loads a program over it.
    pub(crate) fn take(&mut self, bytes: usize) -> Span {
        let start = self.used;
        self.used = (start + bytes).next_multiple_of(ALIGNMENT);
        Span { buffer: self.whole.buffer, start: self.whole.start + start, bytes }
    }

    /// Bytes that were handed out.
    pub(crate) fn used(&self) -> usize {
        self.used
    }
}
