//! Signed notes (C2SP signed-note) with Ed25519.
//!
//! A note is text, an empty line, and signature lines `— <key name> <base64 of key id and
//! signature>`. Signatures of unknown keys are passed over, so that witnesses can add theirs; a
//! signature of a known key that does not fit refuses the whole note.

use std::fmt;
use std::str::FromStr;

use ed25519_dalek::{Signature, SigningKey, VerifyingKey};
use sha2::{Digest, Sha256};

use crate::{Error, base64};

/// Public half of a key that signs notes, with the name it signs under.
///
/// Written as `<name>+<key id, 8 hex digits>+<base64 of 0x01 and the 32 byte public key>`, the
/// form of Go's `sumdb/note`.
#[derive(Clone, PartialEq, Eq)]
pub struct VerifierKey {
    name: String,
    id: u32,
    key: VerifyingKey,
}

/// Signs notes under one name. The vault implements it over its `log-sign` key.
pub trait Signer: Send + Sync {
    /// The public half.
    fn verifier(&self) -> &VerifierKey;

    /// Ed25519 signature (RFC 8032) of these bytes.
    ///
    /// # Errors
    /// Why the key cannot be used.
    fn sign(&self, message: &[u8]) -> Result<[u8; 64], String>;
}

/// A [`Signer`] that holds its key in memory; it is wiped when dropped.
pub struct Ed25519Signer {
    key: SigningKey,
    verifier: VerifierKey,
}

/// A note that was split into its parts; nothing is verified yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note<'a> {
    /// What is signed, with its final newline.
    pub text: &'a str,
    /// One for each signature line.
    pub signatures: Vec<NoteSignature<'a>>,
}

/// One signature line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoteSignature<'a> {
    /// Name of the key.
    pub name: &'a str,
    /// Hint at the key: first four bytes of a hash over name and public key.
    pub id: u32,
    /// The signature itself; 64 bytes for Ed25519.
    pub bytes: Vec<u8>,
}

impl VerifierKey {
    /// The key of this name.
    ///
    /// # Errors
    /// [`Error::VerifierKey`] when the name is empty or has spaces, `+` or control characters, or
    /// the bytes are not a point on the curve.
    pub fn new(name: &str, public: &[u8; 32]) -> Result<VerifierKey, Error> {
        if !is_key_name(name) {
            return Err(Error::VerifierKey("its name is empty or has spaces or `+`"));
        }
        let key = VerifyingKey::from_bytes(public)
            .map_err(|_| Error::VerifierKey("its bytes are not an Ed25519 public key"))?;
        Ok(VerifierKey { name: name.to_owned(), id: key_id(name, public), key })
    }

    /// The name in signature lines; for a log, its origin.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The id in signature lines.
    pub fn id(&self) -> u32 {
        self.id
    }

    /// The 32 bytes of the public key (RFC 8032).
    pub fn public(&self) -> [u8; 32] {
        self.key.to_bytes()
    }

    /// Whether the signature fits; strict, so that no second signature fits the same text.
    fn fits(&self, text: &[u8], signature: &[u8]) -> bool {
        Signature::from_slice(signature).is_ok_and(|s| self.key.verify_strict(text, &s).is_ok())
    }
}

impl fmt::Display for VerifierKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut encoded = vec![ED25519];
        encoded.extend_from_slice(&self.public());
        write!(f, "{}+{:08x}+{}", self.name, self.id, base64::encode(&encoded))
    }
}

impl fmt::Debug for VerifierKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "VerifierKey({self})")
    }
}

impl FromStr for VerifierKey {
    type Err = Error;

    fn from_str(text: &str) -> Result<VerifierKey, Error> {
        let mut parts = text.splitn(3, '+');
        let (Some(name), Some(id), Some(key)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(Error::VerifierKey("it needs the form `name+id+key`"));
        };
        let key = base64::decode(key).ok_or(Error::VerifierKey("its last part is not base64"))?;
        let Some((&ED25519, public)) = key.split_first() else {
            return Err(Error::VerifierKey("it is not an Ed25519 key"));
        };
        let public = public.try_into();
        let public = public.map_err(|_| Error::VerifierKey("it has not 32 bytes"))?;
        let key = VerifierKey::new(name, public)?;
        if format!("{:08x}", key.id) != id {
            return Err(Error::VerifierKey("its id does not fit"));
        }
        Ok(key)
    }
}

impl Ed25519Signer {
    /// Signs under this name with the key made from a 32 byte seed (RFC 8032's secret key).
    ///
    /// # Errors
    /// [`Error::VerifierKey`] when the name cannot be a key's name.
    pub fn new(name: &str, seed: &[u8; 32]) -> Result<Ed25519Signer, Error> {
        let key = SigningKey::from_bytes(seed);
        let verifier = VerifierKey::new(name, key.verifying_key().as_bytes())?;
        Ok(Ed25519Signer { key, verifier })
    }
}

impl Signer for Ed25519Signer {
    fn verifier(&self) -> &VerifierKey {
        &self.verifier
    }

    fn sign(&self, message: &[u8]) -> Result<[u8; 64], String> {
        use ed25519_dalek::Signer as _;
        Ok(self.key.sign(message).to_bytes())
    }
}

impl fmt::Debug for Ed25519Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Ed25519Signer({})", self.verifier.name)
    }
}

impl<'a> Note<'a> {
    /// Splits a note into text and signatures.
    ///
    /// # Errors
    /// [`Error::Note`] when it does not have the form, is longer than 1 MB or has more than 100
    /// signatures.
    pub fn parse(note: &'a str) -> Result<Note<'a>, Error> {
        if note.len() > MAX_LENGTH {
            return Err(Error::Note("it is too long"));
        }
        if note.bytes().any(|b| b < 0x20 && b != b'\n') {
            return Err(Error::Note("it has control characters"));
        }
        let split = note.rfind("\n\n").ok_or(Error::Note("it has no signatures"))?;
        let (text, lines) = (&note[..=split], &note[split + 2..]);
        let lines = lines.strip_suffix('\n').ok_or(Error::Note("its last line does not end"))?;
        let signatures = lines.split('\n').take(MAX_SIGNATURES + 1).map(NoteSignature::parse);
        let signatures = signatures.collect::<Result<Vec<_>, _>>()?;
        if signatures.len() > MAX_SIGNATURES {
            return Err(Error::Note("it has too many signatures"));
        }
        Ok(Note { text, signatures })
    }

    /// Returns the text when at least one of these keys has signed it.
    ///
    /// # Errors
    /// [`Error::Signature`] when a signature of one of the keys does not fit; [`Error::Unsigned`]
    /// when none of them has signed.
    pub fn verify(&self, keys: &[VerifierKey]) -> Result<&'a str, Error> {
        let mut signed = false;
        for signature in &self.signatures {
            let known = |key: &&VerifierKey| key.name == signature.name && key.id == signature.id;
            let Some(key) = keys.iter().find(known) else {
                continue;
            };
            if !key.fits(self.text.as_bytes(), &signature.bytes) {
                return Err(Error::Signature { name: key.name.clone() });
            }
            signed = true;
        }
        if signed { Ok(self.text) } else { Err(Error::Unsigned) }
    }
}

impl<'a> NoteSignature<'a> {
    fn parse(line: &'a str) -> Result<NoteSignature<'a>, Error> {
        const MALFORMED: Error = Error::Note("a signature line does not have its form");
        let line = line.strip_prefix("— ").ok_or(MALFORMED)?;
        let (name, encoded) = line.split_once(' ').ok_or(MALFORMED)?;
        let bytes = base64::decode(encoded).ok_or(MALFORMED)?;
        let (id, bytes) = bytes.split_first_chunk::<4>().ok_or(MALFORMED)?;
        if !is_key_name(name) || bytes.is_empty() {
            return Err(MALFORMED);
        }
        Ok(NoteSignature { name, id: u32::from_be_bytes(*id), bytes: bytes.to_vec() })
    }
}

/// The text with one signature: a complete note.
///
/// # Errors
/// [`Error::Note`] when the text is empty, lacks its final newline or has control characters;
/// [`Error::Signer`] when the key cannot be used.
pub fn sign(text: &str, signer: &dyn Signer) -> Result<String, Error> {
    if !text.ends_with('\n') || text.bytes().any(|b| b < 0x20 && b != b'\n') {
        return Err(Error::Note("its text cannot be signed"));
    }
    let signature = signer.sign(text.as_bytes()).map_err(Error::Signer)?;
    let key = signer.verifier();
    let mut bytes = [0; 68];
    bytes[..4].copy_from_slice(&key.id.to_be_bytes());
    bytes[4..].copy_from_slice(&signature);
    Ok(format!("{text}\n— {} {}\n", key.name, base64::encode(&bytes)))
}

/// Names may hold neither spaces nor `+`, which separate the parts of a line or a key.
fn is_key_name(name: &str) -> bool {
    !name.is_empty() && !name.contains(|c: char| c.is_whitespace() || c.is_control() || c == '+')
}

fn key_id(name: &str, public: &[u8; 32]) -> u32 {
    let mut hasher = Sha256::new();
    hasher.update(name);
    hasher.update([b'\n', ED25519]);
    hasher.update(public);
    let hash: [u8; 32] = hasher.finalize().into();
    u32::from_be_bytes([hash[0], hash[1], hash[2], hash[3]])
}

/// Signature type of Ed25519 in the signed-note specification.
const ED25519: u8 = 0x01;
const MAX_LENGTH: usize = 1_000_000;
const MAX_SIGNATURES: usize = 100;

#[cfg(test)]
mod tests {
    use super::*;

    fn signer(name: &str, seed: u8) -> Ed25519Signer {
        Ed25519Signer::new(name, &[seed; 32]).unwrap()
    }

    #[test]
    fn a_note_is_verified_by_the_key_that_signed_it_alone() {
        let (a, b) = (signer("a.example", 1), signer("a.example", 2));
        let note = sign("first\n\nlast\n", &a).unwrap();
        let note = Note::parse(&note).unwrap();
        assert_eq!(note.verify(&[a.verifier().clone()]), Ok("first\n\nlast\n"));
        assert_eq!(note.verify(&[b.verifier().clone()]), Err(Error::Unsigned));
        assert_eq!(note.verify(&[]), Err(Error::Unsigned));
    }

    #[test]
    fn signatures_of_strangers_are_passed_over_but_a_broken_one_of_ours_is_not() {
        let (a, b) = (signer("a.example", 1), signer("w.example", 2));
        let ours = sign("text\n", &a).unwrap();
        let theirs = sign("text\n", &b).unwrap();
        let line = theirs.lines().last().unwrap();
        let both = format!("{ours}{line}\n");
        let both = Note::parse(&both).unwrap();
        assert_eq!(both.verify(&[a.verifier().clone()]), Ok("text\n"));
        let other = sign("other\n", &b).unwrap();
        let broken = format!("{ours}{}\n", other.lines().last().unwrap());
        let broken = Note::parse(&broken).unwrap();
        assert_eq!(broken.verify(&[a.verifier().clone()]), Ok("text\n"));
        assert_eq!(
            broken.verify(&[a.verifier().clone(), b.verifier().clone()]),
            Err(Error::Signature { name: "w.example".into() })
        );
    }

    #[test]
    fn no_bit_of_text_or_signature_can_change() {
        let a = signer("a.example", 1);
        let note = sign("text of it\n", &a).unwrap();
        for at in 0..note.len() {
            for bit in 0..8 {
                let mut bytes = note.clone().into_bytes();
                bytes[at] ^= 1 << bit;
                let Ok(text) = String::from_utf8(bytes) else {
                    continue;
                };
                let opened =
                    Note::parse(&text).and_then(|note| note.verify(&[a.verifier().clone()]).map(str::to_owned));
                assert!(opened.is_err(), "byte {at} bit {bit}: {text}");
            }
        }
    }

    #[test]
    fn malformed_notes_are_refused() {
        for bad in ["", "\n", "text\n", "text\n\n", "text\n\n\n", "text\n\nline\n", "a\n\n— n AAAA\n"] {
            assert!(matches!(Note::parse(bad), Err(Error::Note(_))), "{bad:?}");
        }
        let good = sign("text\n", &signer("a.example", 1)).unwrap();
        assert!(Note::parse(good.trim_end()).is_err());
        assert!(Note::parse(&good.replace("text", "te\tt")).is_err());
        let line = good.lines().last().unwrap();
        let many = format!("{good}{}", format!("{line}\n").repeat(100));
        assert_eq!(Note::parse(&many), Err(Error::Note("it has too many signatures")));
        for text in ["", "text", "te\rt\n"] {
            assert!(sign(text, &signer("a.example", 1)).is_err(), "{text:?}");
        }
    }

    #[test]
    fn verifier_keys_are_read_as_written_and_in_no_other_form() {
        let key = signer("a.example/log", 7).verifier().clone();
        let text = key.to_string();
        assert_eq!(text.parse(), Ok(key));
        let upper = text.replace("+", "+0");
        for bad in [&text[1..], &text[..text.len() - 1], &upper, "a+b", "", "+00000000+AQ=="] {
            assert!(bad.parse::<VerifierKey>().is_err(), "{bad}");
        }
        for name in ["", "a b", "a+b", "a\u{a0}b", "a\n"] {
            assert!(Ed25519Signer::new(name, &[1; 32]).is_err(), "{name:?}");
        }
    }

    /// The example of the signed-note specification, whose key is known from Go's documentation.
    #[test]
    fn the_known_example_of_go_is_verified() {
        let key = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
        let note = "If you think cryptography is the answer to your problem,\n\
                    then you don't know what your problem is.\n\n\
                    — PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n";
        let key: VerifierKey = key.parse().unwrap();
        let note = Note::parse(note).unwrap();
        assert!(note.verify(&[key]).unwrap().starts_with("If you think"));
    }
}
