//! The frame of a record, as TensorFlow's `tensorflow/core/lib/io/record_writer.h` lays it out:
//!
//! ```text
//! u64  length of the content
//! u32  masked CRC32C of these eight bytes
//!      the content
//! u32  masked CRC32C of the content
//! ```
//!
//! All numbers are little-endian.

use crc32c::crc32c;

/// The record of `content`.
#[must_use]
pub fn record(content: &[u8]) -> Vec<u8> {
    let length = (content.len() as u64).to_le_bytes();
    let mut bytes = Vec::with_capacity(content.len() + 16);
    bytes.extend(length);
    bytes.extend(masked(crc32c(&length)).to_le_bytes());
    bytes.extend(content);
    bytes.extend(masked(crc32c(content)).to_le_bytes());
    bytes
}

/// The checksum as it is stored, so that the checksum of bytes that hold checksums keeps its strength.
fn masked(crc: u32) -> u32 {
    crc.rotate_right(15).wrapping_add(0xa282_ead8)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Numbers of RFC 3720, appendix B.4, and of TensorFlow's `crc32c_test.cc`.
    #[test]
    fn the_checksum_is_castagnolis() {
        let rising: Vec<u8> = (0..32).collect();
        assert_eq!(crc32c(&[0; 32]), 0x8a91_36aa);
        assert_eq!(crc32c(&[0xff; 32]), 0x62a8_ab43);
        assert_eq!(crc32c(&rising), 0x46dd_794e);
        assert_eq!(crc32c(b"123456789"), 0xe306_9283);
        assert_ne!(masked(crc32c(b"foo")), crc32c(b"foo"));
    }

    /// The first record of a file as TensorBoard's own writer makes it, by `golden/golden.py`.
    #[test]
    fn a_record_is_that_of_tensorboards_writer() {
        let content = [&[0x09, 0, 0, 0, 0, 0, 0, 0xf0, 0x3f, 0x1a, 0x0d][..], b"brain.Event:2"];
        let expected = include_bytes!("../golden/first_record.bin");
        assert_eq!(record(&content.concat()), expected);
    }
}
