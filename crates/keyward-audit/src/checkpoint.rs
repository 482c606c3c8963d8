//! Checkpoints (C2SP tlog-checkpoint): the size and root of a log at one moment, as a note.

use crate::note::{Note, Signer, VerifierKey, sign};
use crate::{Error, Hash};

/// The head of a log's tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    /// Which log: [`origin`] of the vault. Also the name of the key that signs.
    pub origin: String,
    /// Number of entries.
    pub size: u64,
    /// Root of the Merkle tree over them.
    pub root: Hash,
}

/// The origin line of a vault's log.
pub fn origin(vault: &str) -> String {
    format!("keyward.local/{vault}")
}

impl Checkpoint {
    /// The text that is signed: origin, size and base64 of the root, a line each.
    pub fn text(&self) -> String {
        format!("{}\n{}\n{}\n", self.origin, self.size, self.root)
    }

    /// Reads that text. Further lines are allowed by the specification and passed over.
    ///
    /// # Errors
    /// [`Error::Checkpoint`] with the line that does not fit.
    pub fn parse_text(text: &str) -> Result<Checkpoint, Error> {
        let text = text.strip_suffix('\n').ok_or(Error::Checkpoint("its last line does not end"))?;
        let mut lines = text.split('\n');
        let origin = lines.next().filter(|line| !line.is_empty());
        let origin = origin.ok_or(Error::Checkpoint("its origin is empty"))?;
        let size = lines.next().and_then(decimal).ok_or(Error::Checkpoint("its size is no number"))?;
        let root = lines.next().and_then(Hash::from_base64);
        let root = root.ok_or(Error::Checkpoint("its root is not the base64 of 32 bytes"))?;
        if lines.any(str::is_empty) {
            return Err(Error::Checkpoint("it has an empty line"));
        }
        if size == 0 && root != Hash::EMPTY {
            return Err(Error::Checkpoint("an empty log has another root"));
        }
        Ok(Checkpoint { origin: origin.to_owned(), size, root })
    }

    /// The signed note.
    ///
    /// # Errors
    /// [`Error::Origin`] when the signer signs for another log; those of [`sign`].
    pub fn sign(&self, signer: &dyn Signer) -> Result<String, Error> {
        let name = signer.verifier().name();
        if self.origin != name {
            return Err(Error::Origin { expected: name.to_owned(), found: self.origin.clone() });
        }
        sign(&self.text(), signer)
    }

    /// Opens a signed note: at least one of the keys has signed it, and it is of the log whose
    /// name the keys bear. Several keys are the generations of one log's key.
    ///
    /// # Errors
    /// Those of [`Note::parse`], [`Note::verify`] and [`Checkpoint::parse_text`];
    /// [`Error::Origin`] when it is of another log.
    pub fn open(note: &str, keys: &[VerifierKey]) -> Result<Checkpoint, Error> {
        let text = Note::parse(note)?.verify(keys)?;
        let checkpoint = Checkpoint::parse_text(text)?;
        let expected = keys.first().map_or("", VerifierKey::name);
        if keys.iter().all(|key| key.name() != checkpoint.origin) {
            let found = checkpoint.origin;
            return Err(Error::Origin { expected: expected.to_owned(), found });
        }
        Ok(checkpoint)
    }

    /// Reads a signed note without looking at its signatures: for display only.
    ///
    /// # Errors
    /// Those of [`Note::parse`] and [`Checkpoint::parse_text`].
    pub fn parse_unverified(note: &str) -> Result<Checkpoint, Error> {
        Checkpoint::parse_text(Note::parse(note)?.text)
    }
}

/// A decimal number without sign or leading zeros.
pub(crate) fn decimal(text: &str) -> Option<u64> {
    let number: u64 = text.parse().ok()?;
    (number.to_string() == text).then_some(number)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::note::Ed25519Signer;

    fn signer(vault: &str) -> Ed25519Signer {
        Ed25519Signer::new(&origin(vault), &[3; 32]).unwrap()
    }

    fn checkpoint() -> Checkpoint {
        Checkpoint { origin: origin("v1"), size: 5, root: Hash::of(b"root") }
    }

    #[test]
    fn a_signed_checkpoint_opens_with_its_key() {
        let signer = signer("v1");
        let note = checkpoint().sign(&signer).unwrap();
        assert!(note.starts_with("keyward.local/v1\n5\nSBNJTRN+FjG7owHV"), "{note}");
        assert_eq!(Checkpoint::open(&note, &[signer.verifier().clone()]), Ok(checkpoint()));
        assert_eq!(Checkpoint::parse_unverified(&note), Ok(checkpoint()));
    }

    #[test]
    fn a_checkpoint_of_another_log_is_refused() {
        let (ours, other) = (signer("v1"), signer("v2"));
        assert!(matches!(checkpoint().sign(&other), Err(Error::Origin { .. })));
        let note = sign(&checkpoint().text(), &other).unwrap();
        let opened = Checkpoint::open(&note, &[other.verifier().clone()]);
        assert!(matches!(opened, Err(Error::Origin { .. })), "{opened:?}");
        assert_eq!(Checkpoint::open(&note, &[ours.verifier().clone()]), Err(Error::Unsigned));
    }

    #[test]
    fn only_one_spelling_is_read() {
        let good = checkpoint().text();
        assert_eq!(Checkpoint::parse_text(&good), Ok(checkpoint()));
        assert_eq!(Checkpoint::parse_text(&format!("{good}more\n")), Ok(checkpoint()));
        let empty = format!("log\n0\n{}\n", Hash::EMPTY);
        assert_eq!(Checkpoint::parse_text(&empty).unwrap().size, 0);
        for bad in [
            good.replace("\n5\n", "\n05\n"),
            good.replace("\n5\n", "\n+5\n"),
            good.replace("\n5\n", "\n5 \n"),
            good.replace("\n5\n", "\n18446744073709551616\n"),
            good.replace("\n5\n", "\n0\n"),
            good.replace("\n5\n", "\n"),
            good.replace("=\n", "\n"),
            good.replace("keyward.local/v1", ""),
            format!("{good}\n"),
            good.trim_end().to_owned(),
            String::new(),
        ] {
            assert!(matches!(Checkpoint::parse_text(&bad), Err(Error::Checkpoint(_))), "{bad:?}");
        }
    }
}
