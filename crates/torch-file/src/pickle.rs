//! The pickle in PyTorch's archive, run on a machine that can describe tensors and nothing else.
//!
//! A pickle is a program, and it may be anybody's. Nothing it names is called: the calls that make
//! tensors are known by name, and any other gives a value that is no tensor. Values lie in one list
//! and point to one another by their place in it, so that nothing is ever copied or nested: memory
//! grows with the bytes of the program and with nothing else.
//!
//! The operations are those of Python's `pickletools` that PyTorch writes (protocol 2).

use std::collections::BTreeMap;
use std::rc::Rc;

use super::program::{Program, Truncated};

/// Why a pickle cannot be read.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum PickleFault {
    /// The program has no end.
    #[error(transparent)]
    Truncated(#[from] Truncated),
    /// An operation that PyTorch does not write.
    #[error("its pickle has the unknown operation {operation:#04x} at byte {at}")]
    Unknown {
        /// The operation.
        operation: u8,
        /// Its place.
        at: usize,
    },
    /// An operation that finds something else than it needs.
    #[error("its pickle is invalid at byte {at}")]
    Senseless {
        /// The place of the operation.
        at: usize,
    },
    /// The program does not end with a dictionary.
    #[error("its pickle is not a dictionary of tensors; save the model's state_dict()")]
    NoDictionary,
}

/// A value: small ones themselves, others by their place in the machine's list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Value {
    /// Anything that says nothing about a tensor.
    Other,
    /// A number; yes and no are 1 and 0, as in Python.
    Integer(i64),
    /// A node.
    At(usize),
}

/// What a value points to.
#[derive(Debug)]
pub(super) enum Node {
    /// A text.
    Text(Rc<str>),
    /// A class or function, as `module.name`.
    Class(Rc<str>),
    /// A tuple.
    Tuple(Vec<Value>),
    /// A list.
    List(Vec<Value>),
    /// A dictionary.
    Dictionary(Vec<(Value, Value)>),
    /// What stands for values that lie elsewhere in the archive.
    Storage(Vec<Value>),
    /// A tensor, by the arguments of the call that makes it.
    Tensor(Value),
}

/// The state of a program that runs.
#[derive(Debug, Default)]
pub(super) struct Machine<'a> {
    program: Program<'a>,
    stack: Vec<Value>,
    marks: Vec<usize>,
    memory: BTreeMap<u32, Value>,
    nodes: Vec<Node>,
}

impl<'a> Machine<'a> {
    /// Runs the pickle at the front of these bytes; gives its value and its length too.
    ///
    /// # Errors
    /// [`PickleFault`] when there is none.
    pub(super) fn run(program: &'a [u8]) -> Result<(Self, Value, usize), PickleFault> {
        let mut machine = Self { program: Program::new(program), ..Self::default() };
        while machine.step()? {}
        let value = machine.stack.pop().unwrap_or(Value::Other);
        let length = machine.program.at();
        Ok((machine, value, length))
    }

    /// All that was made.
    pub(super) fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    /// What a value points to.
    pub(super) fn node(&self, value: Value) -> Option<&Node> {
        match value {
            Value::At(place) => self.nodes.get(place),
            Value::Other | Value::Integer(_) => None,
        }
    }

    /// The values of a tuple.
    pub(super) fn tuple(&self, value: Value) -> Option<&[Value]> {
        match self.node(value) {
            Some(Node::Tuple(values)) => Some(values),
            _ => None,
        }
    }

    /// Runs one operation; tells whether another follows.
    fn step(&mut self) -> Result<bool, PickleFault> {
        let at = self.program.at();
        let [operation] = self.program.take()?;
        match operation {
            b'.' => return Ok(false),
            0x80 => drop(self.program.take::<1>()?),
            b'(' => self.marks.push(self.stack.len()),
            b'N' => self.stack.push(Value::Other),
            0x88 | 0x89 => self.stack.push(Value::Integer(i64::from(operation == 0x88))),
            b']' => self.push(Node::List(Vec::new())),
            b'G' => {
                self.program.take::<8>()?;
                self.stack.push(Value::Other);
            }
            b'K' | b'M' | b'J' | 0x8a => self.integer(operation)?,
            b'q' | b'r' | b'h' | b'j' => self.remember(operation, at)?,
            b'X' | b'U' | b'c' => self.word(operation)?,
            b')' => self.push(Node::Tuple(Vec::new())),
            b't' | 0x85..=0x87 => {
                let values = match operation {
                    b't' => self.since_mark(at)?,
                    _ => self.last(usize::from(operation - 0x84), at)?,
                };
                self.push(Node::Tuple(values));
            }
            b'}' => self.push(Node::Dictionary(Vec::new())),
            b's' | b'u' | b'a' | b'e' => self.put(operation, at)?,
            b'Q' | b'R' | b'b' | 0x81 => self.call(operation, at)?,
            operation => return Err(PickleFault::Unknown { operation, at }),
        }
        Ok(true)
    }

    fn push(&mut self, node: Node) {
        self.stack.push(Value::At(self.nodes.len()));
        self.nodes.push(node);
    }

    /// BININT1, BININT2, BININT and LONG1, all of them little-endian.
    fn integer(&mut self, operation: u8) -> Result<(), PickleFault> {
        let value = match operation {
            b'K' => i64::from(self.program.take::<1>()?[0]),
            b'M' => i64::from(u16::from_le_bytes(self.program.take()?)),
            b'J' => i64::from(i32::from_le_bytes(self.program.take()?)),
            _ => {
                let [length] = self.program.take()?;
                return self.long(usize::from(length));
            }
        };
        self.stack.push(Value::Integer(value));
        Ok(())
    }

    /// A number of `length` bytes in two's complement; one beyond 64 bits is no size.
    fn long(&mut self, length: usize) -> Result<(), PickleFault> {
        let bytes = self.program.bytes(length)?;
        let sign = if bytes.last().is_some_and(|byte| byte & 0x80 != 0) { 0xFF } else { 0 };
        let mut extended = [sign; 8];
        let value = match extended.get_mut(..bytes.len()) {
            Some(low) => {
                low.copy_from_slice(bytes);
                Value::Integer(i64::from_le_bytes(extended))
            }
            None => Value::Other,
        };
        self.stack.push(value);
        Ok(())
    }

    /// BINPUT and LONG_BINPUT, BINGET and LONG_BINGET.
    fn remember(&mut self, operation: u8, at: usize) -> Result<(), PickleFault> {
        let place = match operation {
            b'q' | b'h' => u32::from(self.program.take::<1>()?[0]),
            _ => u32::from_le_bytes(self.program.take()?),
        };
        let senseless = PickleFault::Senseless { at };
        if matches!(operation, b'q' | b'r') {
            self.memory.insert(place, *self.stack.last().ok_or(senseless)?);
        } else {
            self.stack.push(*self.memory.get(&place).ok_or(senseless)?);
        }
        Ok(())
    }

    /// BINUNICODE, SHORT_BINSTRING (a text of Python 2) and GLOBAL.
    fn word(&mut self, operation: u8) -> Result<(), PickleFault> {
        let length = match operation {
            b'X' => u32::from_le_bytes(self.program.take()?),
            b'U' => u32::from(self.program.take::<1>()?[0]),
            _ => {
                let names = [self.program.line()?, self.program.line()?];
                let names = names.map(String::from_utf8_lossy);
                self.push(Node::Class(names.join(".").into()));
                return Ok(());
            }
        };
        let text = self.program.bytes(usize::try_from(length).unwrap_or(usize::MAX))?;
        self.push(Node::Text(String::from_utf8_lossy(text).into()));
        Ok(())
    }

    /// SETITEM and SETITEMS into the dictionary before; APPEND and APPENDS into the list before.
    fn put(&mut self, operation: u8, at: usize) -> Result<(), PickleFault> {
        let values = match operation {
            b's' => self.last(2, at)?,
            b'a' => self.last(1, at)?,
            _ => self.since_mark(at)?,
        };
        let target = *self.stack.last().ok_or(PickleFault::Senseless { at })?;
        let Value::At(place) = target else { return Ok(()) };
        match (self.nodes.get_mut(place), operation) {
            (Some(Node::Dictionary(entries)), b's' | b'u') => {
                entries.extend(values.chunks_exact(2).map(|pair| (pair[0], pair[1])));
            }
            (Some(Node::List(list)), b'a' | b'e') => list.extend(values),
            _ => {}
        }
        Ok(())
    }

    /// BINPERSID, REDUCE, NEWOBJ and BUILD.
    fn call(&mut self, operation: u8, at: usize) -> Result<(), PickleFault> {
        if operation == b'Q' {
            let key = self.last(1, at)?[0];
            self.push(Node::Storage(self.tuple(key).unwrap_or_default().to_vec()));
            return Ok(());
        }
        let both = self.last(2, at)?;
        let (callable, arguments) = (both[0], both[1]);
        if operation == b'b' {
            self.stack.push(callable);
            return Ok(());
        }
        let class = match self.node(callable) {
            Some(Node::Class(class)) => &**class,
            _ => "",
        };
        match class {
            "collections.OrderedDict" => self.push(Node::Dictionary(Vec::new())),
            // The older of them has the first four arguments of the newer.
            "torch._utils._rebuild_tensor_v2" | "torch._utils._rebuild_tensor" => {
                self.push(Node::Tensor(arguments))
            }
            "torch._utils._rebuild_parameter" | "torch._utils._rebuild_parameter_with_state" => {
                let tensor = self.tuple(arguments).and_then(|values| values.first().copied());
                self.stack.push(tensor.unwrap_or(Value::Other));
            }
            _ => self.stack.push(Value::Other),
        }
        Ok(())
    }

    fn last(&mut self, count: usize, at: usize) -> Result<Vec<Value>, PickleFault> {
        let start = self.stack.len().checked_sub(count).ok_or(PickleFault::Senseless { at })?;
        Ok(self.stack.split_off(start))
    }

    fn since_mark(&mut self, at: usize) -> Result<Vec<Value>, PickleFault> {
        let mark = self.marks.pop().filter(|mark| *mark <= self.stack.len());
        Ok(self.stack.split_off(mark.ok_or(PickleFault::Senseless { at })?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outcome;

    /// A dictionary of one tensor, of shape (2, 3) and strides (3, 1).
    const PROGRAM: &[u8] = b"\x80\x02ccollections\nOrderedDict\nq\0)Rq\x01(X\x01\0\0\0wq\x02\
        ctorch._utils\n_rebuild_tensor_v2\nq\x03((X\x07\0\0\0storageq\x04\
        ctorch\nFloatStorage\nq\x05X\x01\0\0\x000q\x06X\x03\0\0\0cpuq\x07K\x06tq\x08Q\
        K\0K\x02K\x03\x86q\x09K\x03K\x01\x86q\x0a\x89h\0)Rq\x0btq\x0cRq\x0du\
        }q\x0eX\x09\0\0\0_metadataq\x0f}q\x10sb.";

    #[test]
    fn a_state_dict_gives_its_tensors() {
        let tensors = outcome::run(PROGRAM).unwrap().tensors().unwrap();
        assert_eq!(tensors.len(), 1);
        let (name, claim) = &tensors[0];
        let claim = claim.as_ref().unwrap();
        assert_eq!((&**name, &*claim.storage, &claim.shape[..]), ("w", "0", &[2, 3][..]));
    }

    #[test]
    fn no_damage_makes_it_panic() {
        for place in 0..PROGRAM.len() {
            assert!(Machine::run(&PROGRAM[..place]).is_err(), "cut at {place}");
            for byte in 0..=u8::MAX {
                let mut damaged = PROGRAM.to_vec();
                damaged[place] = byte;
                let _ =
                    outcome::run(&damaged).map(|outcome| (outcome.tensors(), outcome.storages()));
            }
        }
    }
}
