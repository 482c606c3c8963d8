//! Patterns of paths and models in a grant, read as whoever wrote them reads them
//! ([`keyward_types::glob`]).

use std::fmt;

use keyward_types::glob::{name_fits, path_fits};

/// A pattern.
#[derive(Clone, PartialEq, Eq)]
pub struct Glob {
    text: Box<str>,
    of: Of,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Of {
    Paths,
    Names,
}

impl Glob {
    /// Paths: a `*` stays within a segment, a `**` at the end is everything below.
    pub fn path(text: &str) -> Self {
        Self { text: text.into(), of: Of::Paths }
    }

    /// Names, of models for example: a `*` is any run of characters.
    pub fn name(text: &str) -> Self {
        Self { text: text.into(), of: Of::Names }
    }

    /// Whether all of the text fits.
    pub fn matches(&self, text: &str) -> bool {
        match self.of {
            Of::Paths => path_fits(&self.text, text),
            Of::Names => name_fits(&self.text, text),
        }
    }
}

impl fmt::Debug for Glob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}
