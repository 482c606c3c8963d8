//! What a reader of the file should know although it was read.

use std::fmt;

/// Something at a line that deserves a look. No value is in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Warning {
    /// The line, from 1, at which the statement begins.
    pub line: usize,
    /// The variable it concerns, if any.
    pub name: Option<String>,
    /// What about it.
    pub caution: Caution,
}

/// What deserves the look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Caution {
    /// The library skips the statement as malformed (`python`).
    Skipped,
    /// The library would execute `$(…)`; here the command stays in the value as it is written.
    Command,
    /// The value is one that dotenvx decrypts with a private key; here it stays encrypted.
    Encrypted,
    /// The environment has the name already and its value was taken, as the library does (`dotenvx`).
    FromEnvironment,
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: ", self.line)?;
        if let Some(name) = &self.name {
            write!(f, "`{name}`: ")?;
        }
        f.write_str(match self.caution {
            Caution::Skipped => "malformed statement, skipped",
            Caution::Command => "`$(…)` is kept as it is written and not executed",
            Caution::Encrypted => "encrypted by dotenvx, not decrypted",
            Caution::FromEnvironment => "the environment's value is taken, not the file's",
        })
    }
}
