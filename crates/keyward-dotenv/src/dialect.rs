//! The libraries whose reading of `.env` is reproduced.

use std::fmt;
use std::str::FromStr;

use crate::Error;

/// A library, in the version that the tests compare with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Dialect {
    /// PyPI `python-dotenv` 1.2: `dotenv_values(stream=…)`, interpolation on. Given a path instead of
    /// a stream, Python itself turns `\r\n` and `\r` into `\n` before the library reads; that is the
    /// caller's to do.
    Python,
    /// npm `dotenv` 18: `dotenv.parse(text)`.
    Node,
    /// Node.js 20: `util.parseEnv(text)`, which `node --env-file` uses too.
    NodeBuiltin,
    /// npm `@dotenvx/dotenvx` 2: `dotenvx.parse(text)`.
    Dotenvx,
    /// Ruby gem `dotenv` 3.2: `Dotenv::Parser.call(text, overwrite: true)`. The gem's loader of files
    /// drops a byte order mark first; its parser does not.
    Ruby,
    /// Go `compose-spec/compose-go` 2.13: `dotenv.ParseWithLookup`, which Docker Compose uses.
    Compose,
}

impl Dialect {
    /// Every dialect, in the order in which they are listed to a user.
    pub const ALL: [Self; 6] = [Self::Python, Self::Node, Self::NodeBuiltin, Self::Dotenvx, Self::Ruby, Self::Compose];

    /// The name that [`FromStr`] takes.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Python => "python",
            Self::Node => "node",
            Self::NodeBuiltin => "node-builtin",
            Self::Dotenvx => "dotenvx",
            Self::Ruby => "ruby",
            Self::Compose => "compose",
        }
    }
}

impl fmt::Display for Dialect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Dialect {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self, Error> {
        let found = Self::ALL.into_iter().find(|dialect| dialect.name() == name);
        found.ok_or_else(|| Error::UnknownDialect(name.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_back() {
        for dialect in Dialect::ALL {
            assert_eq!(dialect.to_string().parse(), Ok(dialect));
        }
        assert_eq!("Python".parse::<Dialect>(), Err(Error::UnknownDialect("Python".to_owned())));
    }
}
