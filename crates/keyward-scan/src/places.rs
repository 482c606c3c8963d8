//! Places in a text that are taken by a finding each.

use std::collections::BTreeMap;
use std::ops::Range;

/// Places that are taken. Those that overlap are of one text, so that each stretch belongs to one.
#[derive(Default)]
pub(crate) struct Places(BTreeMap<usize, Taken>);

#[derive(Clone, Copy)]
struct Taken {
    end: usize,
    text: usize,
    /// Of the first hit there, among those that are kept.
    index: usize,
}

impl Places {
    /// The hit of another text than `text` that has some of `range`.
    pub(crate) fn other(&self, range: &Range<usize>, text: usize) -> Option<usize> {
        let taken = self.overlapping(range).find(|(_, taken)| taken.text != text);
        taken.map(|(_, taken)| taken.index)
    }

    /// Takes `range` for the hit with this index.
    pub(crate) fn add(&mut self, range: &Range<usize>, text: usize, index: usize) {
        let (mut start, mut taken) = (range.start, Taken { end: range.end, text, index });
        let own: Vec<usize> = self.overlapping(range).map(|(start, _)| start).collect();
        for old in own.iter().filter_map(|start| self.0.remove_entry(start)) {
            start = start.min(old.0);
            taken.end = taken.end.max(old.1.end);
            taken.index = taken.index.min(old.1.index);
        }
        self.0.insert(start, taken);
    }

    fn overlapping(&self, range: &Range<usize>) -> impl Iterator<Item = (usize, Taken)> {
        let start = range.start;
        let before = self.0.range(..range.end).rev().map(|(start, taken)| (*start, *taken));
        before.take_while(move |(_, taken)| taken.end > start)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_taken_for_other_texts_only() {
        let mut places = Places::default();
        places.add(&(10..20), 1, 0);
        places.add(&(15..30), 1, 1);
        assert_eq!(places.other(&(5..10), 2), None, "ends where it begins");
        assert_eq!(places.other(&(30..31), 2), None);
        assert_eq!(places.other(&(29..31), 2), Some(0));
        assert_eq!(places.other(&(12..13), 1), None, "its own");
        places.add(&(40..50), 2, 2);
        assert_eq!(places.other(&(0..100), 1), Some(2));
    }
}
