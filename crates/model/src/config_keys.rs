//! The keys of a config.json, read one by one.

use serde_json::{Map, Value};

/// Reads keys one by one and gathers what is wrong with them.
pub(crate) struct KeyReader<'a> {
    written: &'a Map<String, Value>,
    faults: Vec<String>,
}

impl<'a> KeyReader<'a> {
    pub(crate) fn new(written: &'a Map<String, Value>) -> Self {
        Self { written, faults: Vec::new() }
    }

    /// What is wrong with the keys that were read.
    pub(crate) fn into_faults(self) -> Vec<String> {
        self.faults
    }

    pub(crate) fn one_of(&mut self, key: &str, only: &str) {
        match self.written.get(key).map(|value| (value, value.as_str())) {
            None => {}
            Some((_, Some(found))) if found == only => {}
            Some((found, _)) => {
                self.faults.push(format!("`{key}` is {found}; only \"{only}\" is supported"));
            }
        }
    }

    pub(crate) fn empty(&mut self, key: &str, why: &str) {
        let is_empty = |value: &Value| match value {
            Value::Null => true,
            Value::Object(entries) => entries.is_empty(),
            _ => false,
        };
        if self.written.get(key).is_some_and(|value| !is_empty(value)) {
            self.faults.push(format!("`{key}` is not empty: {why}"));
        }
    }

    pub(crate) fn same(&mut self, key: &str, other: &str) {
        if let (Some(value), Some(second)) = (self.written.get(key), self.written.get(other))
            && value != second
        {
            self.faults
                .push(format!("`{key}` is {value}, but `{other}` is {second}: they are one"));
        }
    }

    pub(crate) fn size(&mut self, key: &str, limit: usize) -> usize {
        let found = self.written.get(key);
        let size = found.and_then(Value::as_u64).and_then(|size| usize::try_from(size).ok());
        match (size, found) {
            (Some(size), _) if (1..=limit).contains(&size) => return size,
            (_, None) => self.faults.push(format!("`{key}` is missing")),
            (_, Some(found)) => {
                let fault =
                    format!("`{key}` is {found}; a whole number from 1 to {limit} is needed");
                self.faults.push(fault);
            }
        }
        1
    }

    /// A size that older files lack.
    pub(crate) fn size_or(&mut self, key: &str, limit: usize, default: usize) -> usize {
        if self.written.contains_key(key) { self.size(key, limit) } else { default }
    }

    /// The number of a token.
    pub(crate) fn index(&mut self, key: &str, default: usize) -> usize {
        const LIMIT: usize = 10_000_000;
        let Some(found) = self.written.get(key).filter(|found| !found.is_null()) else {
            return default;
        };
        let index = found.as_u64().and_then(|index| usize::try_from(index).ok());
        index.filter(|index| *index <= LIMIT).unwrap_or_else(|| {
            let fault = format!("`{key}` is {found}; a whole number from 0 to {LIMIT} is needed");
            self.faults.push(fault);
            default
        })
    }

    /// A rate as the kernels have it, which is judged as such: what is nearly 1 becomes 1.
    #[expect(clippy::cast_possible_truncation, reason = "rates are f32 in the kernels")]
    pub(crate) fn rate(&mut self, key: &str, default: f64) -> f32 {
        let written = self.number(key, default);
        let rate = written as f32;
        if written < 0.0 || !(0.0..1.0).contains(&rate) {
            self.faults.push(format!("`{key}` is {written}; a rate from 0 to below 1 is needed"));
        }
        rate
    }

    /// The standard deviation of weights, which are f32.
    pub(crate) fn spread(&mut self, key: &str, default: f64) -> f64 {
        let spread = self.number(key, default);
        if !(0.0..=1e3).contains(&spread) {
            self.faults.push(format!("`{key}` is {spread}; a number from 0 to 1000 is needed"));
        }
        spread
    }

    /// What keeps the layer norms' divisors above zero.
    pub(crate) fn epsilon(&mut self, key: &str, default: f64) -> f64 {
        let epsilon = self.number(key, default);
        if !(1e-30..=1.0).contains(&epsilon) {
            self.faults.push(format!("`{key}` is {epsilon}; a number from 1e-30 to 1 is needed"));
        }
        epsilon
    }

    /// A switch that must be off.
    pub(crate) fn off(&mut self, key: &str, why: &str) {
        let found = self.written.get(key).filter(|found| !found.is_null());
        if let Some(found) = found.filter(|found| **found != Value::Bool(false)) {
            self.faults.push(format!("`{key}` is {found}: {why}"));
        }
    }

    fn number(&mut self, key: &str, default: f64) -> f64 {
        match self.written.get(key) {
            None | Some(Value::Null) => default,
            Some(value) => value.as_f64().unwrap_or_else(|| {
                self.faults.push(format!("`{key}` is {value}; a number is needed"));
                default
            }),
        }
    }
}
