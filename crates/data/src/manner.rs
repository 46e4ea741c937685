//! How a file is read where its name does not say it.

use std::fmt;

use crate::dialect::Delimiter;

/// What was found out about a file by its content.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Manner {
    /// The encoding, where it is not UTF-8.
    pub encoding: Option<&'static str>,
    /// What separates the cells, where it is not what the extension says.
    pub delimiter: Option<Delimiter>,
}

/// `UTF-16LE, cells separated by ";"`; nothing where all is as the name says.
impl fmt::Display for Manner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let cells = self.delimiter.map(|delimiter| format!("cells separated by {delimiter}"));
        let cells = cells.unwrap_or_default();
        let parts = [self.encoding.unwrap_or_default(), &cells];
        f.write_str(
            &parts.iter().filter(|part| !part.is_empty()).copied().collect::<Vec<_>>().join(", "),
        )
    }
}
