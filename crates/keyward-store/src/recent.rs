//! What was used lately, within so many bytes: the second-chance ring. What is asked for is marked; whoever
//! needs room goes round the ring, takes away marks, and takes what had none. So one look at something
//! costs one search, moves nothing, and a long run over what is asked for once drives out little else.

use hashbrown::HashTable;

use crate::cache::Place;

/// Things by their places, the least used of which go when the room ends.
pub(crate) struct Recent<T> {
    found: HashTable<usize>,
    ring: Vec<Option<Held<T>>>,
    /// Places of the ring that hold nothing.
    free: Vec<usize>,
    hand: usize,
    bytes: usize,
    most: usize,
}

struct Held<T> {
    hash: u64,
    place: Box<[u8]>,
    kept: T,
    size: usize,
    /// Whether it was asked for since the hand was here.
    used: bool,
}

/// What is larger than this part of the room is not kept.
const PART: usize = 8;

impl<T> Recent<T> {
    /// With room for so many bytes.
    pub(crate) fn new(bytes: usize) -> Self {
        Self { found: HashTable::new(), ring: Vec::new(), free: Vec::new(), hand: 0, bytes: 0, most: bytes }
    }

    /// What lies there, which counts as a use.
    pub(crate) fn get(&mut self, place: Place<'_>) -> Option<&T> {
        let at = self.at(place)?;
        let held = self.ring[at].as_mut()?;
        held.used = true;
        Some(&held.kept)
    }

    /// Whether something lies there, which is no use.
    pub(crate) fn has(&self, place: Place<'_>) -> bool {
        self.at(place).is_some()
    }

    /// Lays something there, in the place of what was.
    pub(crate) fn put(&mut self, place: Place<'_>, kept: T, size: usize) {
        let at = self.at(place);
        if let Some(held) = at.and_then(|at| self.ring[at].as_mut()).filter(|_| size <= self.most / PART) {
            self.bytes = self.bytes - held.size + size;
            (held.kept, held.size, held.used) = (kept, size, true);
            return self.make_room(0);
        }
        if let Some(at) = at {
            self.take(at);
        }
        if size > self.most / PART {
            return;
        }
        self.make_room(size);
        let held = Some(Held { hash: place.hash(), place: place.bytes(), kept, size, used: false });
        let at = match self.free.pop() {
            Some(at) => at,
            None => {
                self.ring.push(None);
                self.ring.len() - 1
            }
        };
        self.ring[at] = held;
        self.bytes += size;
        let hash = |at: &usize| self.ring[*at].as_ref().map_or(0, |held| held.hash);
        self.found.insert_unique(place.hash(), at, hash);
    }

    /// Takes away what lies there.
    pub(crate) fn remove(&mut self, place: Place<'_>) {
        if let Some(at) = self.at(place) {
            self.take(at);
        }
    }

    fn at(&self, place: Place<'_>) -> Option<usize> {
        let same = |at: &usize| self.ring[*at].as_ref().is_some_and(|held| place.is(&held.place));
        self.found.find(place.hash(), same).copied()
    }

    /// Until so many bytes more fit.
    fn make_room(&mut self, size: usize) {
        while self.bytes + size > self.most && !self.found.is_empty() {
            self.hand = (self.hand + 1) % self.ring.len();
            match &mut self.ring[self.hand] {
                Some(held) if held.used => held.used = false,
                Some(_) => self.take(self.hand),
                None => {}
            }
        }
    }

    fn take(&mut self, at: usize) {
        let Some(held) = self.ring[at].take() else { return };
        self.bytes -= held.size;
        self.free.push(at);
        if let Ok(entry) = self.found.find_entry(held.hash, |other| *other == at) {
            entry.remove();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::hash::RandomState;

    use super::*;

    struct Ring {
        recent: Recent<u8>,
        hasher: RandomState,
    }

    impl Ring {
        fn new(bytes: usize) -> Self {
            Self { recent: Recent::new(bytes), hasher: RandomState::new() }
        }

        fn put(&mut self, key: u8, kept: u8, size: usize) {
            self.recent.put(Place::new(&self.hasher, "c", "", &[key]), kept, size);
        }

        fn get(&mut self, key: u8) -> Option<u8> {
            self.recent.get(Place::new(&self.hasher, "c", "", &[key])).copied()
        }

        /// What it holds, by its own account and counted.
        fn bytes(&self) -> usize {
            let counted = self.recent.ring.iter().flatten().map(|held| held.size).sum();
            assert_eq!(self.recent.bytes, counted);
            assert_eq!(self.recent.found.len() + self.recent.free.len(), self.recent.ring.len());
            counted
        }
    }

    #[test]
    fn it_stays_within_its_bytes_and_keeps_what_is_used() {
        let mut ring = Ring::new(1000);
        for n in 0..100 {
            ring.put(n, n, 25);
            assert_eq!(ring.get(0), Some(0), "after {n}");
            assert!(ring.bytes() <= 1000, "{}", ring.bytes());
        }
        assert_eq!(ring.bytes(), 1000, "all of it is of use");
        ring.put(0, 1, 100);
        assert_eq!((ring.get(0), ring.bytes() <= 1000), (Some(1), true), "a larger one takes its place");
        ring.put(0, 2, 126);
        assert_eq!(ring.get(0), None, "more than its part of the room, and what was there is over");
    }

    /// Whoever reads the same in a ring finds it whole as long as it fits.
    #[test]
    fn what_fits_is_kept_whole() {
        let mut ring = Ring::new(8000);
        let mut missed = 0;
        for turn in 0..10 {
            for n in 0..80 {
                if ring.get(n).is_none() {
                    missed += u32::from(turn > 0);
                    ring.put(n, n, 100);
                }
            }
        }
        assert_eq!(missed, 0);
    }

    /// A job that reads everything once must not take from others what they use.
    #[test]
    fn a_long_run_drives_out_little_that_is_used() {
        let mut ring = Ring::new(4000);
        (0..20).for_each(|n| ring.put(n, n, 100));
        for n in 20..=255 {
            ring.put(n, n, 100);
            assert_eq!(ring.get(n % 20), Some(n % 20), "after {n}");
        }
    }

    #[test]
    fn what_was_taken_away_leaves_its_room() {
        let mut ring = Ring::new(1000);
        (0..40).for_each(|n| ring.put(n, n, 25));
        for n in 0..40 {
            ring.recent.remove(Place::new(&ring.hasher, "c", "", &[n]));
            assert_eq!(ring.get(n), None);
        }
        assert_eq!(ring.bytes(), 0);
        (0..40).for_each(|n| ring.put(n, n, 25));
        assert_eq!((ring.bytes(), ring.recent.ring.len()), (1000, 40), "places serve again");
    }
}
