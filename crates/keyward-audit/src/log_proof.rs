//! A proof for one entry that stands alone (C2SP tlog-proof): checkpoint, index, inclusion proof
//! and, as extra data, the entry itself. Whoever has the log's verifier key can check it offline.

use std::fmt;
use std::str::FromStr;

use crate::checkpoint::decimal;
use crate::merkle::{HashSource, RangeHasher, inclusion_ranges, leaf_hash, verify_inclusion};
use crate::note::VerifierKey;
use crate::verify::Log;
use crate::{Checkpoint, Error, Hash, base64};

/// The proof; written and read as text, by custom in a file `*.tlog-proof`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogProof {
    /// The entry's bytes. The format calls this extra data and does not authenticate it;
    /// [`LogProof::verify`] does, by its hash.
    pub extra: Option<Vec<u8>>,
    /// Index of the entry.
    pub index: u64,
    /// From the leaf's sibling to the root's child.
    pub hashes: Vec<Hash>,
    /// The signed checkpoint (a note) of the tree that holds the entry.
    pub checkpoint: String,
}

impl LogProof {
    /// Proves that `entry` is number `index` of the log at this checkpoint, and checks the proof
    /// before it is given out, so that a damaged source makes no false one.
    ///
    /// # Errors
    /// Those of [`Checkpoint::open`], of the source, [`Error::OutsideTree`] and [`Error::Proof`].
    pub fn new<S>(
        source: &S,
        entry: &[u8],
        index: u64,
        checkpoint: &str,
        keys: &[VerifierKey],
    ) -> Result<LogProof, S::Error>
    where
        S: HashSource + ?Sized,
    {
        let size = Checkpoint::open(checkpoint, keys)?.size;
        let hashes = crate::merkle::inclusion(source, index, size)?;
        let proof = LogProof { extra: Some(entry.to_vec()), index, hashes, checkpoint: checkpoint.to_owned() };
        proof.verify(keys)?;
        Ok(proof)
    }

    /// The same from the log's entries, in one pass that keeps nothing but the proof. The log must
    /// be whole, from entry 0 on; where epochs were dropped, take [`crate::tile::TileHashes`].
    ///
    /// # Errors
    /// Those of [`LogProof::new`]; [`Error::Log`] when the log cannot be read.
    pub fn from_log(log: &dyn Log, index: u64, checkpoint: &str, keys: &[VerifierKey]) -> Result<LogProof, Error> {
        let size = Checkpoint::open(checkpoint, keys)?.size;
        let mut hasher = RangeHasher::new(inclusion_ranges(index, size)?);
        let mut entry = None;
        for (place, row) in (0..size).zip(log.entries()) {
            let row = row.map_err(Error::Log)?;
            hasher.push(leaf_hash(&row.public));
            if place == index {
                entry = Some(row.public);
            }
        }
        let hashes = hasher.finish()?;
        let proof = LogProof { extra: entry, index, hashes, checkpoint: checkpoint.to_owned() };
        proof.verify(keys)?;
        Ok(proof)
    }

    /// Checks the proof for the entry it carries; returns the entry's bytes and the checkpoint.
    ///
    /// # Errors
    /// [`Error::ProofText`] when it carries none; those of [`LogProof::verify_entry`].
    pub fn verify(&self, keys: &[VerifierKey]) -> Result<(&[u8], Checkpoint), Error> {
        let entry = self.extra.as_deref().ok_or(Error::ProofText("it carries no entry"))?;
        Ok((entry, self.verify_entry(entry, keys)?))
    }

    /// Checks the proof for an entry that the caller has.
    ///
    /// # Errors
    /// Those of [`Checkpoint::open`]; [`Error::Proof`] when the entry is not at this place.
    pub fn verify_entry(&self, entry: &[u8], keys: &[VerifierKey]) -> Result<Checkpoint, Error> {
        let checkpoint = Checkpoint::open(&self.checkpoint, keys)?;
        let leaf = leaf_hash(entry);
        verify_inclusion(&self.hashes, &leaf, self.index, checkpoint.size, &checkpoint.root)?;
        Ok(checkpoint)
    }
}

impl fmt::Display for LogProof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{HEADER}")?;
        if let Some(extra) = &self.extra {
            writeln!(f, "extra {}", base64::encode(extra))?;
        }
        writeln!(f, "index {}", self.index)?;
        for hash in &self.hashes {
            writeln!(f, "{hash}")?;
        }
        write!(f, "\n{}", self.checkpoint)
    }
}

/// Reads the form; nothing is verified yet.
impl FromStr for LogProof {
    type Err = Error;

    fn from_str(text: &str) -> Result<LogProof, Error> {
        let bad = Error::ProofText;
        let (head, checkpoint) = text.split_once("\n\n").ok_or(bad("it has no checkpoint"))?;
        let mut lines = head.split('\n');
        if lines.next() != Some(HEADER) {
            return Err(bad("its first line is not that of a proof"));
        }
        let mut line = lines.next();
        let mut extra = None;
        if let Some(encoded) = line.and_then(|line| line.strip_prefix("extra ")) {
            extra = Some(base64::decode(encoded).ok_or(bad("its extra data is not base64"))?);
            line = lines.next();
        }
        let index = line.and_then(|line| line.strip_prefix("index ")).and_then(decimal);
        let index = index.ok_or(bad("it has no index"))?;
        let hashes = lines.map(Hash::from_base64).take(MAX_HASHES + 1).collect::<Option<Vec<_>>>();
        let hashes = hashes.ok_or(bad("a line is not the base64 of a hash"))?;
        if hashes.len() > MAX_HASHES {
            return Err(bad("it has too many hashes"));
        }
        Checkpoint::parse_unverified(checkpoint)?;
        Ok(LogProof { extra, index, hashes, checkpoint: checkpoint.to_owned() })
    }
}

const HEADER: &str = "c2sp.org/tlog-proof@v1";
/// The depth of the largest tree.
const MAX_HASHES: usize = 64;

#[cfg(test)]
mod tests {
    use keyward_store::LogRow;

    use super::*;
    use crate::checkpoint::origin;
    use crate::note::{Ed25519Signer, Signer};

    fn log(size: u64) -> (Vec<Hash>, String, [VerifierKey; 1]) {
        let leaves: Vec<Hash> = (0..size).map(|n| leaf_hash(n.to_string().as_bytes())).collect();
        let root = crate::merkle::root_of(leaves.iter().map(|leaf| Ok::<_, Error>(*leaf))).unwrap();
        let signer = Ed25519Signer::new(&origin("v"), &[1; 32]).unwrap();
        let note = Checkpoint { origin: origin("v"), size, root }.sign(&signer).unwrap();
        (leaves, note, [signer.verifier().clone()])
    }

    fn row(index: u64) -> LogRow {
        LogRow { index, public: index.to_string().into_bytes(), private: Vec::new() }
    }

    #[test]
    fn a_proof_is_written_read_and_verified() {
        let (leaves, note, keys) = log(11);
        for index in 0..11 {
            let entry = index.to_string();
            let proof = LogProof::new(leaves.as_slice(), entry.as_bytes(), index, &note, &keys).unwrap();
            let rows: Vec<LogRow> = (0..11).map(row).collect();
            assert_eq!(LogProof::from_log(&rows, index, &note, &keys), Ok(proof.clone()));
            let text = proof.to_string();
            let head = format!("c2sp.org/tlog-proof@v1\nextra {}\nindex {index}\n", base64::encode(entry.as_bytes()));
            assert!(text.starts_with(&head) && text.ends_with(&format!("\n\n{note}")), "{text}");
            let read: LogProof = text.parse().unwrap();
            assert_eq!(read, proof);
            let (proved, checkpoint) = read.verify(&keys).unwrap();
            assert_eq!((proved, checkpoint.size), (entry.as_bytes(), 11));
        }
    }

    #[test]
    fn no_proof_is_made_for_what_is_not_there() {
        let (mut leaves, note, keys) = log(11);
        let make = |leaves: &[Hash], entry: &[u8], index| LogProof::new(leaves, entry, index, &note, &keys);
        assert_eq!(make(&leaves, b"3", 4), Err(Error::Proof));
        assert_eq!(make(&leaves, b"11", 11), Err(Error::OutsideTree { index: 11, size: 11 }));
        let rows: Vec<LogRow> = (0..10).map(row).collect();
        assert!(LogProof::from_log(&rows, 3, &note, &keys).is_err());
        assert!(LogProof::from_log(&rows, 11, &note, &keys).is_err());
        leaves[9] = leaf_hash(b"damaged");
        assert_eq!(make(&leaves, b"3", 3), Err(Error::Proof));
    }

    #[test]
    fn no_bit_of_a_proof_can_change() {
        let (leaves, note, keys) = log(5);
        let good = LogProof::new(leaves.as_slice(), b"3", 3, &note, &keys).unwrap().to_string();
        for at in 0..good.len() {
            for bit in 0..8 {
                let mut bytes = good.clone().into_bytes();
                bytes[at] ^= 1 << bit;
                let Ok(text) = String::from_utf8(bytes) else { continue };
                let verified = text.parse::<LogProof>().and_then(|proof| proof.verify(&keys).map(drop));
                assert!(verified.is_err(), "byte {at} bit {bit}");
            }
        }
        let long = format!("{HEADER}\nindex 0\n{}\n{note}", format!("{}\n", leaves[0]).repeat(65));
        assert_eq!(long.parse::<LogProof>(), Err(Error::ProofText("it has too many hashes")));
    }
}
