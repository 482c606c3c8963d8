//! Marker secrets: values that are easy to recognise, in every spelling.

use std::cell::OnceCell;

use aho_corasick::AhoCorasick;
use keyward_types::forms::forms;

/// Secrets to be searched for, with all encoded forms of each.
#[derive(Default)]
pub struct Markers {
    needles: Vec<(String, Vec<u8>)>,
    values: Vec<String>,
    search: OnceCell<AhoCorasick>,
}

/// Shorter forms could stand somewhere by chance.
const SHORTEST: usize = 8;

impl Markers {
    /// No markers yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// A new marker, made of parts at run time so that no file of ours holds one; answers its value.
    pub fn make(&mut self, number: u64) -> String {
        let value = ["kw", "-", "marker", "/", "+", &format!("{number:08x}"), "&", "zQ9", "=", "s3cr3t"].concat();
        for form in forms(value.as_bytes()) {
            if form.bytes.len() >= SHORTEST && !self.needles.iter().any(|(_, known)| *known == **form.bytes) {
                self.needles.push((format!("{:?}", form.kind), form.bytes.to_vec()));
            }
        }
        self.values.push(value.clone());
        self.search = OnceCell::new();
        value
    }

    /// The markers' values.
    #[must_use]
    pub fn values(&self) -> &[String] {
        &self.values
    }

    /// How many spellings are searched for.
    #[must_use]
    pub fn spellings(&self) -> usize {
        self.needles.len()
    }

    /// What of them is in `hay`: kind of the form, and where.
    #[must_use]
    pub fn found_in(&self, hay: &[u8]) -> Option<(&str, usize)> {
        let found = self.search().find(hay)?;
        Some((self.needles[found.pattern().as_usize()].0.as_str(), found.start()))
    }

    fn search(&self) -> &AhoCorasick {
        self.search.get_or_init(|| {
            let needles = self.needles.iter().map(|(_, needle)| needle);
            AhoCorasick::new(needles).expect("some hundred short needles fit")
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_spelling_of_a_marker_is_found() {
        let mut markers = Markers::new();
        let value = markers.make(3);
        assert!(markers.found_in(b"nothing of it here").is_none());
        assert_eq!(markers.found_in(format!("x{value}y").as_bytes()), Some(("Raw", 1)));
        for form in forms(value.as_bytes()) {
            let hay = [b"before".as_slice(), &form.bytes, b"after"].concat();
            assert!(markers.found_in(&hay).is_some(), "{:?}", form.kind);
        }
    }
}
