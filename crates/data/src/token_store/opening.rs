//! A token file of an earlier run, opened in the time that its lengths take.

use std::path::Path;

use lockstep_world::open_file;

use super::fault::StoreFault;
use super::header::{BLOCK, BODY, HASH, HEADER, Header, get};
use super::image::{CheckedFile, Image};
use super::tokenising::Tokenising;
use super::{TokenStore, starts};

/// Bytes of a body up to which all of it is checked at once; of a larger one each block is checked when it is first read.
const CHECKED_AT_ONCE: u64 = 64 << 20;

/// Bytes that are read at once.
const AT_ONCE: usize = 16 * BLOCK;

impl TokenStore {
    /// The store in the file at `path`, which must be that of `key` and have `texts` texts.
    ///
    /// # Errors
    /// [`StoreFault`] for any other file.
    pub(crate) fn open(
        path: &Path,
        key: u128,
        how: Tokenising<'_>,
        texts: usize,
    ) -> Result<Self, StoreFault> {
        let file = open_file(path)?;
        let mut start = [0; HEADER];
        let whole = file.metadata()?.len();
        if whole < BODY {
            return Err(StoreFault::Damaged("it is not complete"));
        }
        read_at(&file, 0, &mut start)?;
        let header = Header::decode(&start)?;
        if (header.key, header.widths, header.texts) != (key, how.widths(), texts as u64) {
            return Err(StoreFault::Foreign);
        }
        let (Some(body), true) = (header.body(), header.file() == Some(whole)) else {
            return Err(StoreFault::Damaged("it is not complete"));
        };
        let hashes = hashes(&file, body, &header)?;
        let checked = CheckedFile::new(file, Some(path.to_owned()), body, hashes);
        if body <= CHECKED_AT_ONCE {
            checked.check_all()?;
        }
        let image = Image::File(checked);
        let lengths = lengths(&image, &header)?;
        let starts = starts(&lengths);
        Ok(Self { image: image.into(), header, lengths: lengths.into(), starts })
    }
}

fn read_at(file: &std::fs::File, at: u64, into: &mut [u8]) -> Result<(), StoreFault> {
    Ok(std::os::unix::fs::FileExt::read_exact_at(file, into, at)?)
}

/// The hash of each block.
fn hashes(file: &std::fs::File, body: u64, header: &Header) -> Result<Vec<u128>, StoreFault> {
    let count = usize::try_from(body.div_ceil(BLOCK as u64));
    let bytes = count.ok().and_then(|count| count.checked_mul(HASH));
    // The file is longer than what is taken for it.
    let mut bytes = vec![0; bytes.ok_or(StoreFault::Damaged("it is too large"))?];
    read_at(file, BODY + body, &mut bytes)?;
    if twox_hash::XxHash3_128::oneshot(&bytes) != header.hashes {
        return Err(StoreFault::Damaged("its hashes are damaged"));
    }
    Ok(bytes.as_chunks::<HASH>().0.iter().map(|hash| u128::from_le_bytes(*hash)).collect())
}

/// The number of tokens of each text.
fn lengths(image: &Image, header: &Header) -> Result<Vec<u32>, StoreFault> {
    const WRONG: StoreFault = StoreFault::Damaged("its lengths are not those of its tokens");
    let width = header.widths.length();
    let (Some(mut at), Ok(texts)) = (header.lengths_at(), usize::try_from(header.texts)) else {
        return Err(WRONG);
    };
    let mut lengths = Vec::with_capacity(texts);
    let mut bytes = vec![0; AT_ONCE];
    let mut sum = 0_u64;
    while lengths.len() < texts {
        let now = (texts - lengths.len()).min(AT_ONCE / width) * width;
        let part = bytes.get_mut(..now).unwrap_or_default();
        image.read(at, part)?;
        at += now as u64;
        for length in part.chunks_exact(width).map(get) {
            if length == 0 || u64::from(length) > header.widths.longest {
                return Err(WRONG);
            }
            sum += u64::from(length);
            lengths.push(length);
        }
    }
    if sum == header.tokens { Ok(lengths) } else { Err(WRONG) }
}
