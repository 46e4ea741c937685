//! What a pickle made, once it was run to its end.

use std::collections::BTreeMap;
use std::rc::Rc;

use super::claim::{self, Claim, ClaimFault, Stored};
use super::pickle::{Machine, Node, PickleFault, Value};

/// The tensors a pickle describes, by name; each either a claim or why it makes none.
pub(super) type Described = Vec<(Rc<str>, Result<Claim, ClaimFault>)>;

/// A pickle that was run.
pub(super) struct Outcome<'a> {
    machine: Machine<'a>,
    value: Value,
    /// The bytes of its program.
    pub(super) length: usize,
}

/// Runs the pickle at the front of these bytes.
///
/// # Errors
/// [`PickleFault`] when there is none.
pub(super) fn run(program: &[u8]) -> Result<Outcome<'_>, PickleFault> {
    let (machine, value, length) = Machine::run(program)?;
    Ok(Outcome { machine, value, length })
}

impl Outcome<'_> {
    /// The tensors of a dictionary.
    ///
    /// # Errors
    /// [`PickleFault::NoDictionary`] when it is none.
    pub(super) fn tensors(&self) -> Result<Described, PickleFault> {
        let machine = &self.machine;
        let entries = self.entries().ok_or(PickleFault::NoDictionary)?;
        let tensor =
            |(name, value): &(Value, Value)| match (machine.node(*name), machine.node(*value)) {
                (Some(Node::Text(name)), Some(Node::Tensor(arguments))) => {
                    Some((Rc::clone(name), claim::of(machine, *arguments)))
                }
                _ => None,
            };
        Ok(entries.iter().filter_map(tensor).collect())
    }

    fn entries(&self) -> Option<&[(Value, Value)]> {
        match self.machine.node(self.value) {
            Some(Node::Dictionary(entries)) => Some(entries),
            _ => None,
        }
    }

    /// The number that it is.
    pub(super) fn integer(&self) -> Option<i64> {
        match self.value {
            Value::Integer(value) => Some(value),
            Value::Other | Value::At(_) => None,
        }
    }

    /// The number that a dictionary has under this name; yes and no count as 1 and 0.
    pub(super) fn entry(&self, name: &str) -> Option<i64> {
        let is_it = |key: &Value| matches!(self.machine.node(*key), Some(Node::Text(text)) if **text == *name);
        match self.entries()?.iter().find(|(key, _)| is_it(key))? {
            (_, Value::Integer(value)) => Some(*value),
            _ => None,
        }
    }

    /// The texts of a list of texts.
    pub(super) fn texts(&self) -> Option<Vec<Rc<str>>> {
        let Some(Node::List(values)) = self.machine.node(self.value) else { return None };
        let text = |value: &Value| match self.machine.node(*value) {
            Some(Node::Text(text)) => Some(Rc::clone(text)),
            _ => None,
        };
        values.iter().map(text).collect()
    }

    /// All storages that it names, also those of no tensor.
    pub(super) fn storages(&self) -> BTreeMap<Rc<str>, Stored> {
        let keys = self.machine.nodes().iter().filter_map(|node| match node {
            Node::Storage(key) => claim::stored(&self.machine, key).ok(),
            _ => None,
        });
        keys.map(|stored| (Rc::clone(&stored.name), stored)).collect()
    }
}
