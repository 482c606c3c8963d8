//! The result of reading a `.env` text.

use std::fmt;

use crate::Warning;

/// What a library reads from a text. `Debug` shows names, never values.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Parsed {
    /// One entry a name, in the order in which the names first appear; of a name that is given
    /// several times the last value, as all six libraries do.
    pub entries: Vec<Entry>,
    /// What deserves a look.
    pub warnings: Vec<Warning>,
}

impl Parsed {
    /// The entry of `name`.
    #[must_use]
    pub fn entry(&self, name: &str) -> Option<&Entry> {
        self.entries.iter().find(|entry| entry.name == name)
    }

    /// The value of `name`; `None` also for a name without a value.
    #[must_use]
    pub fn value(&self, name: &str) -> Option<&str> {
        self.entry(name)?.value.as_deref()
    }
}

impl fmt::Debug for Parsed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Parsed").field("entries", &self.entries).field("warnings", &self.warnings).finish()
    }
}

/// A variable as it was read. `Debug` shows whether there is a value, never the value.
#[derive(Clone, PartialEq, Eq)]
pub struct Entry {
    /// The name as the library gives it: any text, even the empty one.
    pub name: String,
    /// `None` where the library gives the name no value (`python`, a name alone on its line).
    pub value: Option<String>,
    /// The line, from 1, of the statement that gave the value.
    pub line: usize,
}

impl fmt::Debug for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let value = self.value.as_ref().map(|_| format_args!("…"));
        f.debug_struct("Entry").field("name", &self.name).field("value", &value).field("line", &self.line).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_shows_no_value() {
        let entry = Entry { name: "TOKEN".to_owned(), value: Some("sesame".to_owned()), line: 3 };
        let shown = format!("{:?}", Parsed { entries: vec![entry], warnings: Vec::new() });
        assert!(shown.contains("TOKEN") && !shown.contains("sesame"), "{shown}");
    }
}
