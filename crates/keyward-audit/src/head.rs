//! The head of the log: what the store keeps beside the entries, and how a commit moves it on.
//!
//! The head is the tree's right edge and a signed checkpoint. It is read, moved and written in
//! the transaction that adds the entries, so each state of the store that was ever visible is
//! signed, and a log that was cut or edited disagrees with its head.

use std::sync::Mutex;

use keyward_store::LogHead;

use crate::merkle::{Frontier, leaf_hash};
use crate::note::{Signer, VerifierKey};
use crate::{Checkpoint, Error};

/// The persisted state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head {
    /// Right edge of the tree over all entries.
    pub frontier: Frontier,
    /// The signed checkpoint (a note) of that tree.
    pub checkpoint: String,
}

impl Head {
    /// Bytes for the store: format, frontier, note.
    pub fn encode(&self) -> Vec<u8> {
        let nodes = self.frontier.nodes().len() * 32;
        let mut bytes = Vec::with_capacity(1 + 8 + nodes + self.checkpoint.len());
        bytes.push(FORMAT);
        self.frontier.encode(&mut bytes);
        bytes.extend_from_slice(self.checkpoint.as_bytes());
        bytes
    }

    /// Reads the bytes; nothing is verified yet.
    ///
    /// # Errors
    /// [`Error::Head`] when they are cut short or of another format.
    pub fn decode(bytes: &[u8]) -> Result<Head, Error> {
        let rest = match bytes.split_first() {
            Some((&FORMAT, rest)) => rest,
            Some(_) => return Err(Error::Head("its format is unknown")),
            None => return Err(Error::Head("it is empty")),
        };
        let (frontier, note) = Frontier::decode(rest)?;
        let note = str::from_utf8(note).map_err(|_| Error::Head("its checkpoint is not text"))?;
        Ok(Head { frontier, checkpoint: note.to_owned() })
    }

    /// Reads the bytes and checks that one of the keys has signed this very tree.
    ///
    /// # Errors
    /// Those of [`Head::decode`] and [`Checkpoint::open`]; [`Error::HeadAltered`] when the
    /// checkpoint is of another tree.
    pub fn open(bytes: &[u8], keys: &[VerifierKey]) -> Result<(Head, Checkpoint), Error> {
        let head = Head::decode(bytes)?;
        let checkpoint = Checkpoint::open(&head.checkpoint, keys)?;
        if (checkpoint.size, checkpoint.root) != (head.frontier.size(), head.frontier.root()) {
            return Err(Error::HeadAltered("its checkpoint is of another tree"));
        }
        Ok((head, checkpoint))
    }
}

/// Moves the head on with each commit. One lives in each process that writes to the store.
///
/// It continues from a stored head only when the log's own key has signed it (which it remembers
/// for the head it wrote last, so that the check costs nothing in the long run), and never from
/// one that lies before a head that the store gave it. Whether what it wrote since was committed it
/// is not told: the store's writer knows, and refuses what lies before that
/// ([`keyward_store::Head::must_follow`]).
#[derive(Debug)]
pub struct Integrator<S> {
    signer: S,
    trusted: Vec<VerifierKey>,
    seen: Mutex<Seen>,
}

/// What the process knows of the store's head.
#[derive(Debug, Default)]
struct Seen {
    /// The head written last; it may not have been committed.
    written: Option<(Vec<u8>, Frontier)>,
    /// Size of the last head that the store gave back.
    committed: u64,
}

impl<S: Signer> Integrator<S> {
    /// Signs with this key, and trusts heads that it has signed.
    pub fn new(signer: S) -> Integrator<S> {
        let trusted = vec![signer.verifier().clone()];
        Integrator { signer, trusted, seen: Mutex::default() }
    }

    /// Also trusts heads signed by former generations of the log's key.
    #[must_use]
    pub fn trusting(mut self, former: impl IntoIterator<Item = VerifierKey>) -> Integrator<S> {
        self.trusted.extend(former);
        self
    }

    /// The keys whose heads are trusted, the present one first.
    pub fn keys(&self) -> &[VerifierKey] {
        &self.trusted
    }

    /// The head after these entries have been added to the log. `state` is the stored head, none
    /// for a new log; `first_index` the index of the first new entry; `public` the canonical
    /// bytes of each.
    ///
    /// # Errors
    /// [`Error::NotDense`] when the entries do not follow on the head; those of [`Head::open`]
    /// when the stored head is not authentic; [`Error::HeadAltered`] when it went back;
    /// [`Error::Signer`].
    pub fn extend(&self, state: Option<&[u8]>, first_index: u64, public: &[&[u8]]) -> Result<Vec<u8>, Error> {
        let mut seen = self.seen.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        let mut frontier = self.resume(&seen, state)?;
        if frontier.size() < seen.committed {
            return Err(Error::HeadAltered("it lies before one that this process has seen"));
        }
        if frontier.size() != first_index {
            return Err(Error::NotDense { expected: frontier.size(), found: first_index });
        }
        seen.committed = frontier.size();
        for entry in public {
            frontier.push(leaf_hash(entry));
        }
        let head = self.sign(frontier)?;
        let bytes = head.encode();
        seen.written = Some((bytes.clone(), head.frontier));
        Ok(bytes)
    }

    fn resume(&self, seen: &Seen, state: Option<&[u8]>) -> Result<Frontier, Error> {
        match (state, &seen.written) {
            (None, _) => Ok(Frontier::new()),
            (Some(state), Some((written, frontier))) if state == written => Ok(frontier.clone()),
            (Some(state), _) => Ok(Head::open(state, &self.trusted)?.0.frontier),
        }
    }

    fn sign(&self, frontier: Frontier) -> Result<Head, Error> {
        let origin = self.signer.verifier().name().to_owned();
        let checkpoint = Checkpoint { origin, size: frontier.size(), root: frontier.root() };
        Ok(Head { frontier, checkpoint: checkpoint.sign(&self.signer)? })
    }
}

impl<S: Signer> LogHead for Integrator<S> {
    fn extend(&self, state: Option<&[u8]>, first_index: u64, public: &[&[u8]]) -> Result<Vec<u8>, String> {
        Integrator::extend(self, state, first_index, public).map_err(|why| why.to_string())
    }
}

/// First byte of the stored head.
const FORMAT: u8 = 1;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checkpoint::origin;
    use crate::merkle::root_of;
    use crate::note::Ed25519Signer;

    fn integrator(seed: u8) -> Integrator<Ed25519Signer> {
        Integrator::new(Ed25519Signer::new(&origin("v"), &[seed; 32]).unwrap())
    }

    fn entries(range: std::ops::Range<u64>) -> Vec<Vec<u8>> {
        range.map(|n| format!("entry {n}").into_bytes()).collect()
    }

    fn extend(
        integrator: &Integrator<Ed25519Signer>,
        state: Option<&[u8]>,
        range: std::ops::Range<u64>,
    ) -> Result<Vec<u8>, Error> {
        let first = range.start;
        let entries = entries(range);
        let entries: Vec<&[u8]> = entries.iter().map(Vec::as_slice).collect();
        integrator.extend(state, first, &entries)
    }

    #[test]
    fn each_commit_leaves_a_signed_checkpoint_of_all_entries() {
        let integrator = integrator(1);
        let mut state: Option<Vec<u8>> = None;
        for (from, to) in [(0, 1), (1, 1), (1, 4), (4, 300)] {
            let bytes = extend(&integrator, state.as_deref(), from..to).unwrap();
            let (head, checkpoint) = Head::open(&bytes, integrator.keys()).unwrap();
            let leaves = entries(0..to);
            let root = root_of(leaves.iter().map(|e| Ok::<_, Error>(leaf_hash(e)))).unwrap();
            assert_eq!((checkpoint.size, checkpoint.root), (to, root));
            assert_eq!(Head::decode(&bytes).unwrap(), head);
            state = Some(bytes);
        }
    }

    #[test]
    fn entries_must_follow_on_the_head() {
        let integrator = integrator(1);
        let state = extend(&integrator, None, 0..3).unwrap();
        for first in [0, 2, 4] {
            let found = extend(&integrator, Some(&state), first..first + 1);
            assert_eq!(found, Err(Error::NotDense { expected: 3, found: first }));
        }
        let found = extend(&integrator, None, 3..4);
        assert_eq!(found, Err(Error::NotDense { expected: 0, found: 3 }));
    }

    #[test]
    fn a_commit_that_failed_can_be_repeated_with_other_entries() {
        let integrator = integrator(1);
        let committed = extend(&integrator, None, 0..3).unwrap();
        extend(&integrator, Some(&committed), 3..9).unwrap();
        let after = extend(&integrator, Some(&committed), 3..5).unwrap();
        assert_eq!(Head::open(&after, integrator.keys()).unwrap().1.size, 5);
    }

    #[test]
    fn a_head_that_went_back_is_not_continued() {
        let integrator = integrator(1);
        let old = extend(&integrator, None, 0..3).unwrap();
        let new = extend(&integrator, Some(&old), 3..5).unwrap();
        extend(&integrator, Some(&new), 5..6).unwrap();
        let found = extend(&integrator, Some(&old), 3..4);
        assert!(matches!(found, Err(Error::HeadAltered(_))), "{found:?}");
        let found = extend(&integrator, None, 0..1);
        assert!(matches!(found, Err(Error::HeadAltered(_))), "{found:?}");
    }

    /// Who writes to the database must not get a tree of his own making signed.
    #[test]
    fn a_forged_or_altered_head_is_never_signed() {
        let ours = integrator(1);
        let state = extend(&ours, None, 0..5).unwrap();
        let mut forged = Head::decode(&state).unwrap();
        let nodes = vec![leaf_hash(b"forged"); forged.frontier.nodes().len()];
        forged.frontier = Frontier::from_nodes(5, nodes).unwrap();
        let found = extend(&ours, Some(&forged.encode()), 5..6);
        assert!(matches!(found, Err(Error::HeadAltered(_))), "{found:?}");
        let foreign = extend(&integrator(2), None, 0..5).unwrap();
        assert_eq!(extend(&ours, Some(&foreign), 5..6), Err(Error::Unsigned));
        for at in 0..state.len() {
            let mut flipped = state.clone();
            flipped[at] ^= 1;
            assert!(extend(&ours, Some(&flipped), 5..6).is_err(), "byte {at}");
            assert!(extend(&ours, Some(&state[..at]), 5..6).is_err(), "cut at {at}");
        }
    }

    #[test]
    fn a_new_key_continues_the_log_of_the_former_one() {
        let former = integrator(1);
        let state = extend(&former, None, 0..5).unwrap();
        assert_eq!(extend(&integrator(2), Some(&state), 5..6), Err(Error::Unsigned));
        let present = integrator(2).trusting(former.keys().to_vec());
        let state = extend(&present, Some(&state), 5..6).unwrap();
        assert!(Head::open(&state, &present.keys()[..1]).is_ok());
    }
}
