//! The bytes of a pickle, taken from front to end.

/// A program and the place up to which it was read.
#[derive(Debug, Default)]
pub(super) struct Program<'a> {
    bytes: &'a [u8],
    at: usize,
}

/// The program has no end.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("its pickle ends too early")]
pub struct Truncated;

impl<'a> Program<'a> {
    /// A program of which nothing was read.
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    /// The place of the next byte.
    pub(super) fn at(&self) -> usize {
        self.at
    }

    /// The next bytes, as many as the type has.
    ///
    /// # Errors
    /// [`Truncated`] when there are fewer.
    pub(super) fn take<const COUNT: usize>(&mut self) -> Result<[u8; COUNT], Truncated> {
        let bytes = self.bytes(COUNT)?;
        bytes.first_chunk().copied().ok_or(Truncated)
    }

    /// The next `count` bytes.
    ///
    /// # Errors
    /// [`Truncated`] when there are fewer.
    pub(super) fn bytes(&mut self, count: usize) -> Result<&'a [u8], Truncated> {
        let end = self.at.checked_add(count).ok_or(Truncated)?;
        let bytes = self.bytes.get(self.at..end).ok_or(Truncated)?;
        self.at = end;
        Ok(bytes)
    }

    /// The bytes before the next line end, which is passed over.
    ///
    /// # Errors
    /// [`Truncated`] when no line ends any more.
    pub(super) fn line(&mut self) -> Result<&'a [u8], Truncated> {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        let length = rest.iter().position(|byte| *byte == b'\n').ok_or(Truncated)?;
        self.at += length + 1;
        Ok(&rest[..length])
    }
}
