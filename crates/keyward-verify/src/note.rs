//! Verifier keys, signed notes and checkpoints (C2SP signed-note, tlog-checkpoint).

use std::str::FromStr;

use base64::prelude::{BASE64_STANDARD, Engine as _};
use ed25519_dalek::{Signature, VerifyingKey};
use sha2::{Digest, Sha256};

use crate::Fault;
use crate::tree::Hash;

/// A log's verifier key: `name+id+base64`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Key {
    name: String,
    id: [u8; 4],
    public: VerifyingKey,
}

/// A verified checkpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    /// The log, which is also the name of its key.
    pub origin: String,
    /// Number of entries.
    pub size: u64,
    /// Root of the tree over them.
    pub root: Hash,
}

impl FromStr for Key {
    type Err = Fault;

    fn from_str(text: &str) -> Result<Key, Fault> {
        parse_key(text).ok_or(Fault::Key)
    }
}

fn parse_key(text: &str) -> Option<Key> {
    let (name, rest) = text.split_once('+')?;
    let (id, encoded) = rest.split_once('+')?;
    let bytes = BASE64_STANDARD.decode(encoded).ok()?;
    let public: [u8; 32] = bytes.strip_prefix(&[1])?.try_into().ok()?;
    let hash = Sha256::new().chain_update(name).chain_update(b"\n").chain_update(&bytes).finalize();
    let expected: String = hash.iter().take(4).map(|b| format!("{b:02x}")).collect();
    if !is_name(name) || id != expected {
        return None;
    }
    let id = [hash[0], hash[1], hash[2], hash[3]];
    Some(Key { name: name.to_owned(), id, public: VerifyingKey::from_bytes(&public).ok()? })
}

impl Key {
    /// The log that the key signs for.
    pub fn origin(&self) -> &str {
        &self.name
    }
}

impl Checkpoint {
    /// Reads a signed checkpoint and checks that one of the keys has signed it for its log.
    /// `what` names it in faults.
    ///
    /// # Errors
    /// [`Fault::Malformed`], [`Fault::Signature`] or [`Fault::Origin`].
    pub fn open(note: &[u8], keys: &[Key], what: &str) -> Result<Checkpoint, Fault> {
        Ok(Checkpoint::open_with_key(note, keys, what)?.0)
    }

    /// The same, with the key that signed.
    pub(crate) fn open_with_key<'k>(note: &[u8], keys: &'k [Key], what: &str) -> Result<(Checkpoint, &'k Key), Fault> {
        let malformed = |why| Fault::malformed(what, why);
        let note = std::str::from_utf8(note).map_err(|_| malformed("not UTF-8"))?;
        if note.len() > 1_000_000 || note.chars().any(|c| c < ' ' && c != '\n') {
            return Err(malformed("too long, or with control characters"));
        }
        let (text, signatures) = note.rsplit_once("\n\n").ok_or(malformed("no signatures"))?;
        let signatures = signatures.strip_suffix('\n').ok_or(malformed("its last line does not end"))?;
        let text = format!("{text}\n");
        let key = signed_by(&text, signatures, keys, what)?;
        let checkpoint = parse_text(&text).map_err(malformed)?;
        if checkpoint.origin != key.name {
            return Err(Fault::Origin { what: what.to_owned(), found: checkpoint.origin });
        }
        Ok((checkpoint, key))
    }
}

/// The first of the keys that signed the text. A signature of any of them that does not fit
/// refuses the note; those of others are passed over.
fn signed_by<'k>(text: &str, lines: &str, keys: &'k [Key], what: &str) -> Result<&'k Key, Fault> {
    let unsigned = || Fault::Signature { what: what.to_owned() };
    let mut found = None;
    for (n, line) in lines.split('\n').enumerate() {
        let parsed = if n < 100 { parse_signature(line) } else { None };
        let (name, id, signature) = parsed.ok_or(Fault::malformed(what, "a signature line is malformed"))?;
        let Some(key) = keys.iter().find(|key| key.name == name && key.id == id) else { continue };
        let signature = Signature::from_slice(&signature).map_err(|_| unsigned())?;
        key.public.verify_strict(text.as_bytes(), &signature).map_err(|_| unsigned())?;
        found = found.or(Some(key));
    }
    found.ok_or_else(unsigned)
}

fn parse_signature(line: &str) -> Option<(&str, [u8; 4], Vec<u8>)> {
    let (name, encoded) = line.strip_prefix("\u{2014} ")?.split_once(' ')?;
    let bytes = BASE64_STANDARD.decode(encoded).ok()?;
    let (id, signature) = bytes.split_first_chunk::<4>()?;
    (is_name(name) && !signature.is_empty()).then(|| (name, *id, signature.to_vec()))
}

fn parse_text(text: &str) -> Result<Checkpoint, &'static str> {
    let lines: Vec<&str> = text.strip_suffix('\n').unwrap_or(text).split('\n').collect();
    let [origin, size, root, ..] = lines[..] else { return Err("fewer than three lines") };
    if lines.iter().any(|line| line.is_empty()) {
        return Err("an empty line");
    }
    let size = number(size).ok_or("its size is no number")?;
    let root = BASE64_STANDARD.decode(root).ok().and_then(|root| root.try_into().ok());
    let root: Hash = root.ok_or("its root is not the base64 of 32 bytes")?;
    if size == 0 && root != <Hash>::from(Sha256::digest(b"")) {
        return Err("an empty log has another root");
    }
    Ok(Checkpoint { origin: origin.to_owned(), size, root })
}

/// Decimal, without sign or leading zeros.
pub(crate) fn number(text: &str) -> Option<u64> {
    let plain = text.bytes().all(|b| b.is_ascii_digit()) && (text == "0" || !text.starts_with('0'));
    if plain { text.parse().ok() } else { None }
}

fn is_name(name: &str) -> bool {
    !name.is_empty() && !name.chars().any(|c| c == '+' || c.is_whitespace() || c.is_control())
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";

    /// Go's documentation of signed notes has this example; its text is not a checkpoint.
    #[test]
    fn the_signature_of_the_known_example_fits() {
        let note = "If you think cryptography is the answer to your problem,\n\
                    then you don't know what your problem is.\n\n\
                    \u{2014} PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n";
        let keys = [KEY.parse().unwrap()];
        let opened = Checkpoint::open(note.as_bytes(), &keys, "it");
        assert_eq!(opened, Err(Fault::malformed("it", "fewer than three lines")));
        let altered = note.replace("think", "thank");
        assert_eq!(Checkpoint::open(altered.as_bytes(), &keys, "it"), Err(Fault::Signature { what: "it".into() }));
        assert_eq!(Checkpoint::open(note.as_bytes(), &[], "it"), Err(Fault::Signature { what: "it".into() }));
    }

    #[test]
    fn keys_have_one_spelling() {
        assert_eq!(KEY.parse::<Key>().unwrap().origin(), "PeterNeumann");
        for bad in [&KEY[1..], &KEY[..60], "a+b", "", &KEY.replace("c74f", "C74F"), &KEY.replace("ARpc", "ARpd")] {
            assert_eq!(bad.parse::<Key>(), Err(Fault::Key), "{bad}");
        }
    }

    #[test]
    fn numbers_have_one_spelling() {
        assert_eq!((number("0"), number("17")), (Some(0), Some(17)));
        for bad in ["", "00", "017", "+1", "-1", " 1", "1 ", "18446744073709551616"] {
            assert_eq!(number(bad), None, "{bad:?}");
        }
    }
}
