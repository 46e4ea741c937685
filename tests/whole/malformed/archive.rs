//! A ZIP archive of files as they are, which is what PyTorch writes
//! (PKWARE, "APPNOTE.TXT - .ZIP File Format Specification", sections 4.3.7 to 4.3.16).

/// An archive of `files`, each a name and its content.
pub(super) fn archive(files: &[(&str, &[u8])]) -> Vec<u8> {
    let (mut body, mut directory) = (Vec::new(), Vec::new());
    for (name, content) in files {
        let start = number(body.len());
        body.extend([b"PK\x03\x04", &entry(name, content)[..], name.as_bytes(), content].concat());
        // No comment, on disk 0, without attributes.
        let tail = [&[0; 10][..], &start, name.as_bytes()].concat();
        directory.extend([b"PK\x01\x02\x14\0", &entry(name, content)[..], &tail].concat());
    }
    let count = u16::try_from(files.len()).unwrap().to_le_bytes();
    let (size, start) = (number(directory.len()), number(body.len()));
    let end = [b"PK\x05\x06\0\0\0\0", &count[..], &count, &size, &start, &[0, 0]].concat();
    [body, directory, end].concat()
}

/// What both headers say of a file: version 2.0, stored, no date, checksum, sizes, name.
fn entry(name: &str, content: &[u8]) -> Vec<u8> {
    let size = number(content.len());
    let name = u16::try_from(name.len()).unwrap().to_le_bytes();
    let before = [0x14, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    [&before[..], &checksum(content).to_le_bytes(), &size, &size, &name, &[0, 0]].concat()
}

fn number(value: usize) -> [u8; 4] {
    u32::try_from(value).unwrap().to_le_bytes()
}

/// CRC-32 of the reflected polynomial 0xEDB88320, bit by bit.
fn checksum(content: &[u8]) -> u32 {
    !content.iter().fold(u32::MAX, |sum, byte| {
        (0..8).fold(sum ^ u32::from(*byte), |sum, _| {
            if sum & 1 == 1 { (sum >> 1) ^ 0xEDB8_8320 } else { sum >> 1 }
        })
    })
}
