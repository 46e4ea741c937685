//! The messages of an Arrow IPC stream, whose claimed lengths are compared with what the file holds.

use std::io::{BufRead, Read};

use arrow_ipc::{Message, RecordBatch, root_as_message};

use crate::ColumnarError;
use crate::bounds::{allowed, allowed_rows};

/// What introduces a message; before Arrow 0.15 there was nothing.
const CONTINUATION: [u8; 4] = [0xFF; 4];
/// A message as it is in the file.
pub(crate) struct Framed {
    /// What it is; a message of flatbuffers.
    pub(crate) header: Vec<u8>,
    /// The buffers that it describes.
    pub(crate) body: Vec<u8>,
}

/// The next message; nothing at the end of the stream. `left` is how many bytes of messages the
/// file can still hold.
pub(crate) fn next<R: BufRead>(
    reader: &mut R,
    left: &mut u64,
) -> Result<Option<Framed>, ColumnarError> {
    let (mut length, mut header, mut body) = (Vec::new(), Vec::new(), Vec::new());
    if *left == 0 || !take(reader, left, 4, &mut length)? {
        return Ok(None);
    }
    if length == CONTINUATION {
        length.clear();
        take(reader, left, 4, &mut length)?;
    }
    let length = length.first_chunk::<4>().map_or(0, |length| u32::from_le_bytes(*length));
    if length == 0 {
        return Ok(None);
    }
    take(reader, left, u64::from(length), &mut header)?;
    let of_body = u64::try_from(parsed(&header)?.bodyLength())
        .map_err(|_| ColumnarError::Damaged("a message of it has a negative length".to_owned()))?;
    take(reader, left, of_body, &mut body)?;
    check_claims(&header, &body)?;
    Ok(Some(Framed { header, body }))
}

/// Appends `length` bytes of `reader`; whether there were any.
fn take<R: BufRead>(
    reader: &mut R,
    left: &mut u64,
    length: u64,
    message: &mut Vec<u8>,
) -> Result<bool, ColumnarError> {
    if length <= *left {
        // The buffer grows with what is read, so that it is never larger than the file.
        let found = reader.by_ref().take(length).read_to_end(message)? as u64;
        *left -= found;
        if found == length {
            return Ok(true);
        }
        if found == 0 && message.is_empty() {
            return Ok(false);
        }
    }
    Err(ColumnarError::Damaged("it ends inside of a message".to_owned()))
}

/// The message that `header` holds.
pub(crate) fn parsed(header: &[u8]) -> Result<Message<'_>, ColumnarError> {
    root_as_message(header)
        .map_err(|_| ColumnarError::Damaged("a message of it cannot be read".to_owned()))
}

/// Refuses a batch that claims far more bytes or rows than it can honestly hold.
fn check_claims(header: &[u8], body: &[u8]) -> Result<(), ColumnarError> {
    let message = parsed(header)?;
    let batch: Option<RecordBatch<'_>> = message
        .header_as_record_batch()
        .or_else(|| message.header_as_dictionary_batch().and_then(|dictionary| dictionary.data()));
    let Some(batch) = batch else { return Ok(()) };
    let size = body.len() as u64;
    let too_large = |claim: String| {
        ColumnarError::TooLarge(format!("a batch of {size} bytes claims to hold {claim}"))
    };
    if batch.length() < 0 || batch.length().unsigned_abs() > allowed_rows(size) {
        return Err(too_large(format!("{} rows", batch.length())));
    }
    if batch.compression().is_none() {
        return Ok(());
    }
    let claim = |offset: i64| {
        let start = usize::try_from(offset).ok()?;
        let claimed = body.get(start..)?.first_chunk::<8>()?;
        u64::try_from(i64::from_le_bytes(*claimed)).ok()
    };
    let buffers = batch.buffers().into_iter().flatten();
    let claims = buffers.filter(|buffer| buffer.length() > 0);
    let claimed =
        claims.filter_map(|buffer| claim(buffer.offset())).fold(0u64, u64::saturating_add);
    match claimed > allowed(size) {
        true => Err(too_large(format!("{claimed} bytes"))),
        false => Ok(()),
    }
}
