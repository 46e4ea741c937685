//! Sizes and counts of a Parquet file, read before the `parquet` crate reserves memory for them.
//!
//! They are written in Thrift's compact protocol, of which only the few fields are read that are needed;
//! all others are passed over.

use std::io::{self, ErrorKind, Read};

const I32: u8 = 5;
const LIST: u8 = 9;
const STRUCT: u8 = 12;
/// Structures within each other, at most.
const DEEPEST: u32 = 64;

/// A reader of the protocol, which counts its bytes.
pub(crate) struct Compact<R> {
    reader: R,
    pub(crate) used: u64,
}

/// What a page's header claims.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct PageHeader {
    pub(crate) kind: i64,
    pub(crate) uncompressed: i64,
    pub(crate) compressed: i64,
    pub(crate) values: i64,
    pub(crate) encoding: i64,
}

impl PageHeader {
    const DICTIONARY: i64 = 2;
    const DELTA_BYTE_ARRAY: i64 = 7;

    pub(crate) fn is_dictionary(&self) -> bool {
        self.kind == Self::DICTIONARY
    }

    /// Whether one value of the page may become a part of many.
    pub(crate) fn repeats(&self) -> bool {
        self.is_dictionary() || self.encoding == Self::DELTA_BYTE_ARRAY
    }
}

impl<R: Read> Compact<R> {
    pub(crate) fn new(reader: R) -> Self {
        Self { reader, used: 0 }
    }

    /// The header of a page.
    pub(crate) fn page_header(&mut self) -> io::Result<PageHeader> {
        let (mut header, mut last) = (PageHeader::default(), 0);
        while let Some((id, kind)) = self.field(&mut last)? {
            match (id, kind) {
                (1, I32) => header.kind = self.integer()?,
                (2, I32) => header.uncompressed = self.integer()?,
                (3, I32) => header.compressed = self.integer()?,
                // Of a data page, a dictionary, and a data page of the second version.
                (5 | 7 | 8, STRUCT) => self.of_kind(&mut header, if id == 8 { 4 } else { 2 })?,
                _ => self.skip(kind, DEEPEST)?,
            }
        }
        Ok(header)
    }

    fn of_kind(&mut self, header: &mut PageHeader, place_of_encoding: i16) -> io::Result<()> {
        let mut last = 0;
        while let Some((id, kind)) = self.field(&mut last)? {
            match kind {
                I32 if id == 1 => header.values = self.integer()?,
                I32 if id == place_of_encoding => header.encoding = self.integer()?,
                _ => self.skip(kind, DEEPEST)?,
            }
        }
        Ok(())
    }

    /// Whether no column of a file with this footer is deeper than structures may be: the `parquet` crate
    /// descends by recursion.
    pub(crate) fn is_schema_flat(&mut self) -> io::Result<bool> {
        let mut last = 0;
        while let Some((id, kind)) = self.field(&mut last)? {
            match (id, kind) {
                (2, LIST) if !self.is_tree_flat()? => return Ok(false),
                (2, LIST) => {}
                _ => self.skip(kind, DEEPEST)?,
            }
        }
        Ok(true)
    }

    /// Whether a list of schema elements, each in front of its children, is not too deep.
    fn is_tree_flat(&mut self) -> io::Result<bool> {
        let (count, kind) = self.list()?;
        // For each open element how many of its children are to come.
        let mut open: Vec<i64> = Vec::new();
        for _ in 0..count {
            let children = if kind == STRUCT { self.children()? } else { return Err(invalid()) };
            if let Some(last) = open.last_mut() {
                *last -= 1;
            }
            if children > 0 {
                open.push(children);
            }
            if open.len() > DEEPEST as usize {
                return Ok(false);
            }
            while open.pop_if(|children| *children <= 0).is_some() {}
        }
        Ok(true)
    }

    /// How many children a schema element has.
    fn children(&mut self) -> io::Result<i64> {
        let (mut children, mut last) = (0, 0);
        while let Some((id, kind)) = self.field(&mut last)? {
            match (id, kind) {
                (5, I32) => children = self.integer()?,
                _ => self.skip(kind, DEEPEST)?,
            }
        }
        Ok(children)
    }

    /// The number and the type of the next field; nothing at the end of a structure.
    fn field(&mut self, last: &mut i16) -> io::Result<Option<(i16, u8)>> {
        let byte = self.byte()?;
        if byte == 0 {
            return Ok(None);
        }
        let id = match byte >> 4 {
            0 => i16::try_from(self.integer()?).map_err(|_| invalid())?,
            more => last.checked_add(i16::from(more)).ok_or_else(invalid)?,
        };
        *last = id;
        Ok(Some((id, byte & 15)))
    }

    /// How many elements a list has, and of which type.
    fn list(&mut self) -> io::Result<(u64, u8)> {
        let byte = self.byte()?;
        let count = if byte >> 4 == 15 { self.varint()? } else { u64::from(byte >> 4) };
        Ok((count, byte & 15))
    }

    fn skip(&mut self, kind: u8, depth: u32) -> io::Result<()> {
        let below = depth.checked_sub(1).ok_or_else(invalid)?;
        match kind {
            1 | 2 => Ok(()),
            3 => self.byte().map(drop),
            4..=6 => self.varint().map(drop),
            7 => self.pass(8),
            8 => {
                let length = self.varint()?;
                self.pass(length)
            }
            9 | 10 => {
                let (count, kind) = self.list()?;
                (0..count).try_for_each(|_| self.skip_element(kind, below))
            }
            11 => {
                let count = self.varint()?;
                let kinds = if count > 0 { self.byte()? } else { 0 };
                (0..count).try_for_each(|_| {
                    self.skip_element(kinds >> 4, below)?;
                    self.skip_element(kinds & 15, below)
                })
            }
            STRUCT => {
                let mut last = 0;
                while let Some((_, kind)) = self.field(&mut last)? {
                    self.skip(kind, below)?;
                }
                Ok(())
            }
            _ => Err(invalid()),
        }
    }

    /// An element of a list, where even a truth value has a byte.
    fn skip_element(&mut self, kind: u8, depth: u32) -> io::Result<()> {
        if matches!(kind, 1 | 2) { self.byte().map(drop) } else { self.skip(kind, depth) }
    }

    fn pass(&mut self, bytes: u64) -> io::Result<()> {
        let found = io::copy(&mut self.reader.by_ref().take(bytes), &mut io::sink())?;
        self.used += found;
        if found == bytes { Ok(()) } else { Err(ErrorKind::UnexpectedEof.into()) }
    }

    /// A signed number, as the protocol folds it.
    fn integer(&mut self) -> io::Result<i64> {
        let folded = self.varint()?;
        Ok((folded >> 1).cast_signed() ^ -(folded & 1).cast_signed())
    }

    fn varint(&mut self) -> io::Result<u64> {
        let mut value = 0;
        for place in 0..10 {
            let byte = self.byte()?;
            value |= u64::from(byte & 127) << (7 * place);
            if byte < 128 {
                return Ok(value);
            }
        }
        Err(invalid())
    }

    fn byte(&mut self) -> io::Result<u8> {
        let mut byte = [0];
        self.reader.read_exact(&mut byte)?;
        self.used += 1;
        Ok(byte[0])
    }
}

fn invalid() -> io::Error {
    ErrorKind::InvalidData.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_header_is_read_and_other_fields_are_passed_over() {
        // 1: dictionary, 2: 300, 3: -1, 4: 7 (crc), 7: { 1: 5, 2: 8, 3: true }, 9: "ab", 10: [[1.5]]
        let mut bytes = vec![0x15, 4, 0x15, 0xD8, 4, 0x15, 1, 0x15, 14, 0x3C];
        bytes.extend([0x15, 10, 0x15, 16, 0x11, 0, 0x28, 2, b'a', b'b', 0x19, 0x19, 0x17]);
        bytes.extend([0; 8]);
        bytes.extend([0, 99]);
        let mut compact = Compact::new(&bytes[..]);
        let header = compact.page_header().unwrap();
        let expected =
            PageHeader { kind: 2, uncompressed: 300, compressed: -1, values: 5, encoding: 8 };
        assert_eq!((header, compact.used), (expected, bytes.len() as u64 - 1));
        for cut in 0..bytes.len() - 1 {
            assert!(Compact::new(&bytes[..cut]).page_header().is_err(), "{cut}");
        }
    }

    #[test]
    fn depth_is_found_without_recursion() {
        // 2: a list of structures { 5: children }
        let schema = |children: &[u8]| {
            let mut bytes = vec![0x29, 0xFC, u8::try_from(children.len()).unwrap()];
            children.iter().for_each(|count| bytes.extend([0x55, 2 * count, 0]));
            bytes.push(0);
            Compact::new(&bytes[..]).is_schema_flat()
        };
        assert!(schema(&[2, 0, 1, 0]).unwrap());
        assert!(schema(&[1; 60]).unwrap());
        assert!(!schema(&[1; 100]).unwrap());
        let wide: Vec<u8> = std::iter::once(40).chain([0; 40]).collect();
        assert!(schema(&wide).unwrap());
        let endless = vec![0x1C; 100_000];
        assert!(Compact::new(&endless[..]).is_schema_flat().is_err());
    }
}
