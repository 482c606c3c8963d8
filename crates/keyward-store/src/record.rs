//! Records: what a collection holds.

/// Name of a collection, declared beside the record type that lives in it: `"secret"`, `"token"`.
pub type Collection = &'static str;

/// One record, as its writer put it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Ordered within its collection, byte by byte.
    pub key: Vec<u8>,
    /// Starts at 1 and grows by one with each put; not reused when a key is deleted and put again.
    pub generation: u64,
    /// Opaque bytes.
    pub value: Vec<u8>,
    /// Declared secondary indexes, name and value, in the order in which they were put.
    pub indexes: Vec<(String, Vec<u8>)>,
}

impl Record {
    /// Does this record declare `value` under the index `index`?
    #[must_use]
    pub fn has_index(&self, index: &str, value: &[u8]) -> bool {
        self.indexes.iter().any(|(n, v)| n == index && v == value)
    }
}

/// A record as an engine found it, with the MAC that lay beside it. Nothing of it is trusted yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredRecord {
    /// The record; of a row that the engine could not decode, what was legible of it.
    pub record: Record,
    /// `None` when the row could not be decoded: no record verifies under it.
    pub mac: Option<[u8; 32]>,
}

/// A range of keys, from `start` (in) to `end` (out).
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct KeyRange {
    start: Vec<u8>,
    end: Option<Vec<u8>>,
}

impl KeyRange {
    /// Every key.
    #[must_use]
    pub fn all() -> Self {
        Self::default()
    }

    /// Keys from `start` on and before `end`.
    #[must_use]
    pub fn between(start: impl Into<Vec<u8>>, end: impl Into<Vec<u8>>) -> Self {
        Self { start: start.into(), end: Some(end.into()) }
    }

    /// Keys that begin with `prefix`.
    #[must_use]
    pub fn prefix(prefix: &[u8]) -> Self {
        Self { start: prefix.to_vec(), end: successor(prefix) }
    }

    /// First key that may lie in the range.
    #[must_use]
    pub fn start(&self) -> &[u8] {
        &self.start
    }

    /// First key after the range, if it has an end.
    #[must_use]
    pub fn end(&self) -> Option<&[u8]> {
        self.end.as_deref()
    }

    /// This range in at most `parts` parts, in order, cut after its start by the byte that follows:
    /// of equal length where that byte is random.
    #[must_use]
    pub fn split(&self, parts: usize) -> Vec<Self> {
        let parts = parts.clamp(1, 256);
        let cuts = (1..parts).map(|part| [&self.start[..], &[(256 * part / parts) as u8]].concat());
        let cuts = cuts.filter(|cut| self.end.as_ref().is_none_or(|end| cut < end));
        let mut ranges = vec![self.clone()];
        for cut in cuts {
            let last = ranges.len() - 1;
            let end = ranges[last].end.replace(cut.clone());
            ranges.push(Self { start: cut, end });
        }
        ranges
    }
}

/// The first key after all keys with this prefix; none when it is empty or all `0xff`.
fn successor(prefix: &[u8]) -> Option<Vec<u8>> {
    let last = prefix.iter().rposition(|&byte| byte != 0xff)?;
    let mut end = prefix[..=last].to_vec();
    end[last] += 1;
    Some(end)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prefix_ends_before_its_successor() {
        assert_eq!(KeyRange::prefix(b"ab").end(), Some(b"ac".as_slice()));
        assert_eq!(KeyRange::prefix(b"a\xff\xff").end(), Some(b"b".as_slice()));
        assert_eq!(KeyRange::prefix(b"\xff").end(), None);
        assert_eq!(KeyRange::prefix(b""), KeyRange::all());
    }

    #[test]
    fn parts_follow_one_another_and_cover_the_range() {
        for range in [KeyRange::all(), KeyRange::prefix(b"a"), KeyRange::between(*b"a", *b"a\x40")] {
            for parts in [0, 1, 2, 4, 1_000] {
                let split = range.split(parts);
                assert!((1..=parts.clamp(1, 256)).contains(&split.len()));
                assert_eq!(split[0].start(), range.start());
                assert_eq!(split[split.len() - 1].end(), range.end());
                assert!(split.windows(2).all(|pair| pair[0].end() == Some(pair[1].start())));
                assert!(split.iter().all(|part| part.end().is_none_or(|end| part.start() < end)));
            }
        }
        assert_eq!(KeyRange::prefix(b"a").split(2)[1].start(), b"a\x80");
    }
}
