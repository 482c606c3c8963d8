//! Epochs: the log is one tree, cut into stretches that can be exported and dropped.
//!
//! An epoch ends with its month, or after ten million entries. The next one's first entry,
//! `epoch.begin`, carries the last checkpoint of the closed one: whoever holds a closed epoch can
//! verify it by that checkpoint alone, and the log goes on proving what it signed. Indexes,
//! tree and checkpoints run through; nothing starts anew.

use crate::checkpoint::Checkpoint;
use crate::entry::is_time;
use crate::note::VerifierKey;
use crate::tile::WIDTH;
use crate::{Action, Entry, Error, Hash, Outcome};

/// A stretch of the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Epoch {
    /// From 1 on.
    pub number: u64,
    /// Index of its first entry.
    pub first: u64,
    /// The month it began in, in UTC: `2026-11`.
    pub month: String,
}

/// So many entries end an epoch before its month does.
pub const MAX_ENTRIES: u64 = 10_000_000;

impl Epoch {
    /// The first epoch of a log whose first entry has this time.
    ///
    /// # Errors
    /// [`Error::Field`] when it is not a time of the log.
    pub fn initial(time: &str) -> Result<Epoch, Error> {
        Ok(Epoch { number: 1, first: 0, month: month(time)? })
    }

    /// The epoch that the entry of this index begins, if it begins one.
    pub fn begun_by(index: u64, entry: &Entry) -> Option<Epoch> {
        let number = entry.epoch.filter(|_| entry.action == Action::EpochBegin)?;
        Some(Epoch { number, first: index, month: month(&entry.time).ok()? })
    }

    /// Whether the next entry, at this time and index `size`, must begin another epoch. A clock
    /// that goes back does not.
    pub fn is_over(&self, size: u64, time: &str) -> bool {
        let later = month(time).is_ok_and(|month| month > self.month);
        size > self.first && (later || size - self.first >= MAX_ENTRIES)
    }

    /// The entry that begins the next epoch. `checkpoint` is the signed checkpoint of the log's
    /// present head; the entry must be the next one of the log, committed alone.
    ///
    /// # Errors
    /// Those of [`Checkpoint::open`]; [`Error::NotDense`] when the checkpoint does not reach past
    /// this epoch's first entry.
    pub fn begin_next(
        &self,
        checkpoint: &str,
        keys: &[VerifierKey],
        principal: &str,
        vault: &str,
        time: &str,
        commit: Hash,
    ) -> Result<Entry, Error> {
        let size = Checkpoint::open(checkpoint, keys)?.size;
        if size <= self.first {
            return Err(Error::NotDense { expected: self.first + 1, found: size });
        }
        let mut entry = Entry::new(Action::EpochBegin, Outcome::Allowed, principal, vault, time, commit);
        entry.epoch = Some(self.number + 1);
        entry.checkpoint = Some(checkpoint.to_owned());
        Ok(entry)
    }

    /// The first entry to keep when all epochs before this one are dropped: the cut lies on the
    /// border of a tile, so that tiles and proofs of what is kept stay whole.
    pub fn keep_from(&self) -> u64 {
        self.first / WIDTH * WIDTH
    }
}

fn month(time: &str) -> Result<String, Error> {
    match is_time(time) {
        true => Ok(time[..7].to_owned()),
        false => Err(Error::Field { field: "time", why: "it must read like `2026-11-23T21:43:00.123Z`" }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checkpoint::origin;
    use crate::note::{Ed25519Signer, Signer};

    const NOVEMBER: &str = "2026-11-30T23:59:59.999Z";
    const DECEMBER: &str = "2026-12-01T00:00:00.000Z";

    #[test]
    fn an_epoch_ends_with_its_month_or_when_it_is_full() {
        let epoch = Epoch { number: 3, first: 1000, month: "2026-11".into() };
        assert!(!epoch.is_over(1500, NOVEMBER));
        assert!(epoch.is_over(1500, DECEMBER));
        assert!(!epoch.is_over(1000, DECEMBER), "it has no entry yet");
        assert!(!epoch.is_over(1500, "2026-10-01T00:00:00.000Z"), "the clock went back");
        assert!(epoch.is_over(1500, "2027-01-01T00:00:00.000Z"));
        assert!(!epoch.is_over(1000 + MAX_ENTRIES - 1, NOVEMBER));
        assert!(epoch.is_over(1000 + MAX_ENTRIES, NOVEMBER));
        assert!(Epoch::initial("yesterday").is_err());
    }

    #[test]
    fn the_next_epoch_begins_with_the_checkpoint_of_the_closed_one() {
        let signer = Ed25519Signer::new(&origin("v"), &[1; 32]).unwrap();
        let keys = [signer.verifier().clone()];
        let note = |size| Checkpoint { origin: origin("v"), size, root: Hash::of(b"root") }.sign(&signer).unwrap();
        let epoch = Epoch::initial(NOVEMBER).unwrap();
        let begin = |note: &str| epoch.begin_next(note, &keys, "system:log", "v", DECEMBER, Hash::of(b""));
        let entry = begin(&note(700)).unwrap();
        assert_eq!(entry.checkpoint, Some(note(700)));
        let next = Epoch::begun_by(700, &entry).unwrap();
        assert_eq!(next, Epoch { number: 2, first: 700, month: "2026-12".into() });
        assert_eq!((epoch.keep_from(), next.keep_from()), (0, 512));
        assert!(matches!(begin(&note(0)), Err(Error::Checkpoint(_))));
        assert!(matches!(begin("no note"), Err(Error::Note(_))));
        let mut other = entry.clone();
        other.action = Action::SecretRead;
        assert_eq!(Epoch::begun_by(700, &other), None);
    }
}
