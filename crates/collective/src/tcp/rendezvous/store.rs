//! The store of torchrun's agent: a table of names and values behind `MASTER_ADDR:MASTER_PORT`, where
//! rank 0 writes down at which port it is met.
//!
//! This is what c10d's `TCPStore` speaks since PyTorch 2.1, whatever its backend: a byte that says
//! what is asked, lengths of eight bytes, all in the machine's own order. Names are never deleted
//! there, so one that is there can be read.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use super::entry::{Entry, LONGEST};

/// What a client says first.
const VALIDATE: u8 = 0;
const MAGIC: u32 = 0x3C85_F7CE;
const SET: u8 = 1;
const GET: u8 = 3;
const CHECK: u8 = 5;
/// The answers to [`CHECK`].
const READY: u8 = 0;
const NOT_READY: u8 = 1;

/// Where rank 0 writes.
const NAME: &[u8] = b"lockstep/rank0";
/// How long the agent may take to answer.
const ANSWER: Duration = Duration::from_secs(10);

/// A connection to an agent's store.
pub(super) struct Store(TcpStream);

impl Store {
    /// Greets the store at the other end.
    pub(super) fn new(stream: TcpStream) -> io::Result<Self> {
        stream.set_read_timeout(Some(ANSWER))?;
        stream.set_write_timeout(Some(ANSWER))?;
        stream.set_nodelay(true)?;
        let mut store = Self(stream);
        store.say(VALIDATE, &[&MAGIC.to_ne_bytes()])?;
        Ok(store)
    }

    /// Writes, and reads it again: the store does not answer to what is written.
    pub(super) fn write(&mut self, entry: &Entry) -> io::Result<()> {
        let value = entry.written().into_bytes();
        self.say(SET, &[&length(NAME), NAME, &length(&value), &value])?;
        match self.read()? {
            Some(found) if found == *entry => Ok(()),
            _ => Err(unknown()),
        }
    }

    /// What rank 0 has written, if it has.
    pub(super) fn read(&mut self) -> io::Result<Option<Entry>> {
        self.say(CHECK, &[&1_u64.to_ne_bytes(), &length(NAME), NAME])?;
        match self.take::<1>()? {
            [READY] => {}
            [NOT_READY] => return Ok(None),
            _ => return Err(unknown()),
        }
        self.say(GET, &[&length(NAME), NAME])?;
        let count = usize::try_from(u64::from_ne_bytes(self.take()?)).unwrap_or(usize::MAX);
        let mut value = [0; LONGEST];
        let value = value.get_mut(..count).ok_or_else(unknown)?;
        self.0.read_exact(value)?;
        std::str::from_utf8(value).ok().and_then(Entry::read).map(Some).ok_or_else(unknown)
    }

    fn say(&mut self, what: u8, parts: &[&[u8]]) -> io::Result<()> {
        self.0.write_all(&[&[what], &parts.concat()[..]].concat())
    }

    fn take<const N: usize>(&mut self) -> io::Result<[u8; N]> {
        let mut bytes = [0; N];
        self.0.read_exact(&mut bytes).map(|()| bytes)
    }
}

fn length(bytes: &[u8]) -> [u8; 8] {
    (bytes.len() as u64).to_ne_bytes()
}

fn unknown() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "it answers in a way that PyTorch 2 does not")
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;
    use std::thread;

    use super::*;

    /// What the store gives that answers with `bytes` to all that is asked.
    fn answered(bytes: &'static [u8]) -> io::Result<Option<Entry>> {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let server = thread::spawn(move || {
            let mut stream = listener.accept().unwrap().0;
            stream.write_all(bytes).unwrap();
            let _ = stream.shutdown(std::net::Shutdown::Write);
            let _ = stream.read_to_end(&mut Vec::new());
        });
        let found = Store::new(TcpStream::connect(address).unwrap()).and_then(|mut s| s.read());
        server.join().unwrap();
        found
    }

    #[test]
    fn only_what_rank_0_wrote_is_believed() {
        assert_eq!(answered(&[NOT_READY]).unwrap(), None);
        let whole = answered(b"\0\x06\0\0\0\0\0\0\01/2/3/").unwrap();
        assert_eq!(whole, Some(Entry { port: 1, nonce: [2, 3], addresses: Vec::new() }));
        for wrong in [
            &b""[..],
            b"HTTP/1.1 400 Bad Request\r\n\r\n",
            b"\0\xff\xff\xff\xff\xff\xff\xff\xff",
            b"\0\x05\0\0\0\0\0\0\01/2/3",
            b"\0\x40\0\0\0\0\0\0\01/2/3/",
        ] {
            assert!(answered(wrong).is_err(), "{wrong:?}");
        }
    }
}
