//! An event as a message of Protocol Buffers, written by hand: it has three kinds and few fields.
//!
//! The numbers of the fields are those of `tensorboard/compat/proto/event.proto` and `summary.proto`:
//!
//! ```text
//! Event       1 wall_time: double   2 step: int64   3 file_version: string
//!             5 summary: Summary    7 session_log: SessionLog
//! Summary     1 value: repeated Value
//! Value       1 tag: string         2 simple_value: float
//! SessionLog  1 status: enum        (START is 1)
//! ```

/// One record's content.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    /// Seconds since 1970.
    pub wall_time: f64,
    /// The update's number.
    pub step: u64,
    /// What it says.
    pub content: Content,
}

/// What an event says.
#[derive(Clone, Debug, PartialEq)]
pub enum Content {
    /// That this is a file of events: the first event of each.
    FileVersion,
    /// That the run begins, or begins again: earlier events of this step and of later ones no longer
    /// count.
    Start,
    /// Points of curves.
    Scalars(Vec<Scalar>),
}

/// A point of a curve.
#[derive(Clone, Debug, PartialEq)]
pub struct Scalar {
    /// The curve: `train/loss`.
    pub tag: String,
    /// The value; NaN and infinities are allowed.
    pub value: f32,
}

/// The first version in which a start makes earlier events invalid.
const FILE_VERSION: &[u8] = b"brain.Event:2";

impl Event {
    /// The message.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut message = Vec::new();
        key(&mut message, 1, Wire::Eight);
        message.extend(self.wall_time.to_le_bytes());
        if self.step > 0 {
            key(&mut message, 2, Wire::Varint);
            varint(&mut message, self.step);
        }
        match &self.content {
            Content::FileVersion => bytes(&mut message, 3, FILE_VERSION),
            Content::Start => bytes(&mut message, 7, &[0x08, 0x01]),
            Content::Scalars(scalars) => {
                let mut summary = Vec::new();
                scalars.iter().for_each(|scalar| bytes(&mut summary, 1, &scalar.encode()));
                bytes(&mut message, 5, &summary);
            }
        }
        message
    }
}

impl Scalar {
    fn encode(&self) -> Vec<u8> {
        let mut message = Vec::new();
        bytes(&mut message, 1, self.tag.as_bytes());
        key(&mut message, 2, Wire::Four);
        message.extend(self.value.to_le_bytes());
        message
    }
}

/// How many bytes the value of a field has.
#[derive(Clone, Copy)]
enum Wire {
    /// As many as it needs, seven bits in each.
    Varint = 0,
    Eight = 1,
    /// As many as the number before it says.
    Counted = 2,
    Four = 5,
}

fn key(message: &mut Vec<u8>, field: u64, wire: Wire) {
    varint(message, field << 3 | wire as u64);
}

fn bytes(message: &mut Vec<u8>, field: u64, content: &[u8]) {
    key(message, field, Wire::Counted);
    varint(message, content.len() as u64);
    message.extend(content);
}

fn varint(message: &mut Vec<u8>, mut value: u64) {
    loop {
        let [low, ..] = (value & 0x7f).to_le_bytes();
        value >>= 7;
        if value == 0 {
            message.push(low);
            return;
        }
        message.push(low | 0x80);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_has_the_bytes_of_tensorboards_own_encoder() {
        let check = |step, content, expected: &[u8]| {
            let found = Event { wall_time: 1.5, step, content }.encode();
            assert_eq!(found, expected);
        };
        let golden = include_str!("../golden/events.txt");
        let bytes = |name: &str| -> Vec<u8> {
            let line = golden.lines().find_map(|line| line.strip_prefix(name)).unwrap();
            let hex = line.trim().as_bytes().chunks(2);
            hex.map(|two| u8::from_str_radix(str::from_utf8(two).unwrap(), 16).unwrap()).collect()
        };
        let scalar = |tag: &str, value| Scalar { tag: tag.to_owned(), value };
        check(0, Content::FileVersion, &bytes("version"));
        check(7, Content::Start, &bytes("start"));
        let two = vec![scalar("train/loss", 0.5), scalar("eval/accuracy", f32::INFINITY)];
        check(300, Content::Scalars(two), &bytes("scalars"));
        let long = vec![scalar(&"x".repeat(200), -1.0)];
        check(u64::from(u32::MAX), Content::Scalars(long), &bytes("long"));
    }
}
