//! The columns of a table: by the names in its header, or by their numbers where it has none.

use std::io::BufRead;

use super::Rows;
use super::layout::Layout;
use crate::bad_row::BadRowKind;
use crate::dialect::Header;
use crate::error::DataError;
use crate::phrases::ColumnSample;
use crate::records::{Cells, Record};

/// The records that are read at most to find a row that shows how many columns there are.
const LOOKED_AT: usize = 1000;

impl DataError {
    /// The same with what the columns in question hold, where it is about columns.
    pub(crate) fn with_samples(mut self, of_all: Vec<ColumnSample>) -> Self {
        if let Self::Column { fault, samples, .. } = &mut self {
            *samples = of_all.into_iter().filter(|one| fault.is_about(&one.name)).collect();
        }
        self
    }
}

impl<R: BufRead> Rows<R> {
    /// Settles the columns by the header.
    pub(super) fn read_header(&mut self) -> Result<(), DataError> {
        while let Some(Record { line, cells }) = self.record()? {
            match cells {
                Ok(header) => {
                    self.check_returns(&header)?;
                    let header = self.split_right(line, header);
                    let settled = self.look(line, &header).and_then(|()| self.check_columns());
                    return settled.map_err(|fault| self.with_next_row(fault, &header.names()));
                }
                Err(BadRowKind::EmptyLine) => {}
                Err(kind) => {
                    let (path, foreign) = (self.path.clone(), self.foreign().map(Box::new));
                    return Err(DataError::BadHeader { path, line, kind, foreign });
                }
            }
        }
        Ok(())
    }

    /// Settles the columns of a table without a header by the first row that can be read.
    pub(super) fn number_columns(&mut self) -> Result<(), DataError> {
        let mut seen = Vec::new();
        while let Some(Record { line, cells }) = self.record()? {
            let Ok(row) = cells else {
                seen.push(Record { line, cells });
                if seen.len() < LOOKED_AT { continue } else { break }
            };
            self.check_returns(&row)?;
            let row = self.split_right(line, row);
            let names = numbers(&row);
            let settled = self.look(line, &names).and_then(|()| self.check_columns());
            settled.map_err(|fault| fault.with_samples(row.samples(&names.names())))?;
            seen.push(Record { line, cells: Ok(row) });
            break;
        }
        self.records.give_again(seen);
        Ok(())
    }

    fn check_returns(&self, row: &Cells) -> Result<(), DataError> {
        match row.has_returns() {
            true => Err(DataError::LoneReturns { path: self.path.clone() }),
            false => Ok(()),
        }
    }

    /// The first row, in `line`, as it is, if it shows what is wanted; else split at the one other
    /// delimiter that makes it show that.
    fn split_right(&mut self, line: u64, row: Cells) -> Cells {
        let shows = |row: &Cells| {
            let names = match self.dialect.header {
                Header::Names => row.names(),
                Header::Absent => numbers(row).names(),
            };
            Layout::is_in(&self.wanted, &names)
        };
        if self.dialect.delimiter.is_some() || shows(&row) {
            return row;
        }
        let mut others = self.records.other_headers(line);
        others.retain(|(_, row)| shows(row));
        match <[_; 1]>::try_from(others) {
            Ok([(delimiter, row)]) => {
                self.records.separate_by(delimiter);
                row
            }
            Err(_) => row,
        }
    }

    /// The fault with what the next row holds in the columns `names`.
    pub(super) fn with_next_row(&mut self, fault: DataError, names: &[String]) -> DataError {
        match self.record() {
            Ok(Some(Record { cells: Ok(row), .. })) => fault.with_samples(row.samples(names)),
            _ => fault,
        }
    }
}

/// The numbers of the columns of `row`, from 1, as their names.
fn numbers(row: &Cells) -> Cells {
    let count = if let Cells::Row(cells) = row { cells.len() } else { 0 };
    Cells::Row((1..=count).map(|number| number.to_string()).collect())
}
