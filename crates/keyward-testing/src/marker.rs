//! Marker secrets: values that are easy to recognise, in every spelling.

use keyward_types::forms::forms;

/// Secrets to be searched for, with all encoded forms of each.
#[derive(Default)]
pub struct Markers {
    needles: Vec<(String, Vec<u8>)>,
    values: Vec<String>,
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
        self.add(&value);
        value
    }

    /// Searches for this value too, and for each line of it.
    pub fn add(&mut self, value: &str) {
        let lines = value.lines().filter(|line| value.lines().count() > 1 && line.len() >= 2 * SHORTEST);
        for text in std::iter::once(value).chain(lines) {
            for form in forms(text.as_bytes()) {
                if form.bytes.len() >= SHORTEST && !self.needles.iter().any(|(_, known)| *known == **form.bytes) {
                    self.needles.push((format!("{:?}", form.kind), form.bytes.to_vec()));
                }
            }
        }
        self.values.push(value.to_owned());
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
        self.needles.iter().find_map(|(kind, needle)| Some((kind.as_str(), position(hay, needle)?)))
    }
}

fn position(hay: &[u8], needle: &[u8]) -> Option<usize> {
    let (&first, rest) = needle.split_first()?;
    let mut from = 0;
    while let Some(found) = hay.get(from..)?.iter().position(|&byte| byte == first) {
        let at = from + found;
        if hay[at + 1..].starts_with(rest) {
            return Some(at);
        }
        from = at + 1;
    }
    None
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
