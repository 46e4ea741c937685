//! A message on the wire: its length in four bytes, then JSON.

use serde::Serialize;
use serde::de::DeserializeOwned;

/// No message is longer, in bytes, so that a stranger cannot make us keep more.
pub const LONGEST: usize = 8 * 1024;

/// The bytes of a message's length.
pub(crate) const HEAD: usize = 4;

/// The bytes of a message on the wire; none if it is too long to be read.
pub(crate) fn bytes(message: &impl Serialize) -> Vec<u8> {
    let body = serde_json::to_vec(message).unwrap_or_default();
    match u32::try_from(body.len()) {
        Ok(length) if body.len() <= LONGEST => [&length.to_le_bytes()[..], &body].concat(),
        _ => Vec::new(),
    }
}

/// The first message of `inbox`, which is taken out; nothing while it is incomplete.
///
/// # Errors
/// What is not a message of ours.
pub(crate) fn take<M: DeserializeOwned>(inbox: &mut Vec<u8>) -> Result<Option<M>, NotOurs> {
    let Some((head, rest)) = inbox.split_first_chunk::<HEAD>() else { return Ok(None) };
    let length = u32::from_le_bytes(*head) as usize;
    if length > LONGEST {
        return Err(NotOurs);
    }
    let Some(body) = rest.get(..length) else { return Ok(None) };
    let message = serde_json::from_slice(body).map_err(|_| NotOurs)?;
    inbox.drain(..HEAD + length);
    Ok(Some(message))
}

/// Bytes that no rank sent.
#[derive(Clone, Copy, Debug)]
pub(crate) struct NotOurs;

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    enum Word {
        Number(u64),
        Text(String),
    }

    #[test]
    fn messages_come_one_after_the_other() {
        let mut inbox = [bytes(&Word::Number(7)), bytes(&Word::Text("a".to_owned()))].concat();
        assert_eq!(take(&mut inbox).unwrap(), Some(Word::Number(7)));
        assert_eq!(take(&mut inbox).unwrap(), Some(Word::Text("a".to_owned())));
        assert_eq!(take::<Word>(&mut inbox).unwrap(), None);
        assert!(bytes(&Word::Text("a".repeat(LONGEST))).is_empty());
    }

    #[test]
    fn what_is_not_a_message_is_refused_before_it_is_kept() {
        let huge = u32::MAX.to_le_bytes();
        let wrong = [3, 0, 0, 0, b'{', b'}', b'x'];
        for bytes in [&b"GET / HTTP/1.1\r\n\r\n"[..], &[0xff; 64], &huge, &wrong] {
            assert!(take::<Word>(&mut bytes.to_vec()).is_err(), "{bytes:?}");
        }
        assert!(matches!(take::<Word>(&mut vec![1, 0]), Ok(None)));
    }
}
