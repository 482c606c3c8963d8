//! The map that a parser fills: names in order of appearance, the last value wins.

use std::collections::HashMap;

use crate::{Caution, Entry, Parsed, Warning};

/// Entries and warnings while a text is read.
#[derive(Default)]
pub(crate) struct Entries {
    parsed: Parsed,
    places: HashMap<String, usize>,
}

impl Entries {
    /// Gives `name` a value, or the state of having none.
    pub(crate) fn set(&mut self, name: &str, value: Option<String>, line: usize) {
        let entries = &mut self.parsed.entries;
        match self.places.get(name) {
            Some(&place) => {
                entries[place].value = value;
                entries[place].line = line;
            }
            None => {
                self.places.insert(name.to_owned(), entries.len());
                entries.push(Entry { name: name.to_owned(), value, line });
            }
        }
    }

    /// The entry of `name` so far.
    pub(crate) fn get(&self, name: &str) -> Option<&Entry> {
        self.places.get(name).map(|&place| &self.parsed.entries[place])
    }

    /// The value of `name` so far.
    pub(crate) fn value(&self, name: &str) -> Option<&str> {
        self.get(name)?.value.as_deref()
    }

    pub(crate) fn warn(&mut self, line: usize, name: Option<&str>, caution: Caution) {
        self.parsed.warnings.push(Warning { line, name: name.map(str::to_owned), caution });
    }

    pub(crate) fn finish(self) -> Parsed {
        self.parsed
    }
}
