//! The private part of an entry: what can identify a person, kept so that it can be erased.
//!
//! It lies beside the log, sealed under its subject's key. The entry holds a commitment to it,
//! HMAC-SHA256 under a random salt that is sealed with it: whoever can open the private part can
//! check that it is the one that was recorded, and nobody can guess it from the log. When the
//! subject's key is deleted, part and salt are gone, and the log still proves what it proved.

use std::collections::BTreeMap;
use std::fmt;

use hmac::{Hmac, KeyInit, Mac};
use serde::{Deserialize, Serialize};
use sha2::Sha256;
use zeroize::Zeroizing;

use crate::{Entry, Error, Hash};

/// What stands beside an entry. Every field may be empty.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PrivatePart {
    /// Why, in the actor's words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// From where: network address, or terminal and user on the machine.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
    /// With what: user agent, or the command that asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent: Option<String>,
    /// What the ids in the entry were called at that time.
    #[serde(default)]
    pub names: Names,
    /// Whatever else an action wants to say.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub more: BTreeMap<String, String>,
}

/// Names at the time of the event.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Names {
    /// Name of the project.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub project: Option<String>,
    /// Name of the environment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub environment: Option<String>,
    /// Name of the secret.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret: Option<String>,
}

/// Seals and opens private parts under their subject's key. The vault implements it.
pub trait SealPrivate: Send + Sync {
    /// Ciphertext of the bytes, bound to the context.
    ///
    /// # Errors
    /// Why the key cannot be used.
    fn seal(&self, subject: &str, plain: &[u8], context: &[u8]) -> Result<Vec<u8>, String>;

    /// The bytes again; none when the subject's key has been erased.
    ///
    /// # Errors
    /// Why they cannot be opened.
    fn open(&self, subject: &str, sealed: &[u8], context: &[u8]) -> Result<Option<Zeroizing<Vec<u8>>>, String>;
}

/// Salt and JSON of a private part: the bytes that are sealed.
#[derive(Clone)]
pub struct Salted {
    /// The salt and the part.
    bytes: Zeroizing<Vec<u8>>,
    commitment: Hash,
}

/// The commitment in the entry: HMAC-SHA256 of the private bytes under the salt.
pub fn commit(salt: &[u8; 32], private: &[u8]) -> Hash {
    Hash(mac(salt, private).finalize().into_bytes().into())
}

impl PrivatePart {
    /// The bytes to seal. The salt must be random and used once.
    pub fn salted(&self, salt: &[u8; 32]) -> Salted {
        let mut bytes = Zeroizing::new(salt.to_vec());
        serde_json::to_writer(&mut *bytes, self).expect("strings and maps of strings are JSON");
        let commitment = commit(salt, &bytes[salt.len()..]);
        Salted { bytes, commitment }
    }

    /// Opens the private part beside an entry and checks that it is the one recorded. None when
    /// the subject was erased.
    ///
    /// # Errors
    /// [`Error::Private`] when it cannot be opened or read; [`Error::Commitment`] when it is not
    /// the one recorded.
    pub fn open(
        entry: &Entry,
        subject: &str,
        sealed: &[u8],
        keys: &dyn SealPrivate,
    ) -> Result<Option<PrivatePart>, Error> {
        let opened = keys.open(subject, sealed, &entry.private_context()).map_err(Error::Private)?;
        let Some(bytes) = opened else { return Ok(None) };
        part(&bytes, &entry.commit).map(Some)
    }
}

impl Salted {
    /// The commitment for the entry.
    pub fn commitment(&self) -> Hash {
        self.commitment
    }

    /// The sealed bytes to store beside the entry, whose `commit` must be set.
    ///
    /// # Errors
    /// [`Error::Private`] when the subject's key cannot be used; [`Error::Commitment`] when the
    /// entry commits to something else.
    pub fn seal(&self, entry: &Entry, subject: &str, keys: &dyn SealPrivate) -> Result<Vec<u8>, Error> {
        if self.commitment != entry.commit {
            return Err(Error::Commitment);
        }
        keys.seal(subject, &self.bytes, &entry.private_context()).map_err(Error::Private)
    }
}

/// What opened bytes (salt and JSON) say, where they fit the commitment.
fn part(opened: &[u8], commitment: &Hash) -> Result<PrivatePart, Error> {
    serde_json::from_slice(checked(opened, commitment)?).map_err(|why| Error::Private(why.to_string()))
}

/// Checks opened bytes (salt and JSON) against the commitment in an entry, without reading them.
///
/// # Errors
/// [`Error::Private`] when they are shorter than a salt; [`Error::Commitment`].
pub fn check(opened: &[u8], commitment: &Hash) -> Result<(), Error> {
    checked(opened, commitment).map(drop)
}

fn checked<'a>(opened: &'a [u8], commitment: &Hash) -> Result<&'a [u8], Error> {
    let short = || Error::Private("it is cut short".to_owned());
    let (salt, json) = opened.split_first_chunk::<32>().ok_or_else(short)?;
    mac(salt, json).verify_slice(&commitment.0).map_err(|_| Error::Commitment)?;
    Ok(json)
}

fn mac(salt: &[u8; 32], private: &[u8]) -> Hmac<Sha256> {
    let mut mac = Hmac::<Sha256>::new_from_slice(salt).expect("HMAC takes keys of any length");
    mac.update(private);
    mac
}

impl fmt::Debug for PrivatePart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PrivatePart(..)")
    }
}

impl fmt::Debug for Names {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Names(..)")
    }
}

impl fmt::Debug for Salted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Salted(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Action, Outcome};

    /// Not encryption: it marks bytes with subject and context, to see that both are passed on.
    struct Marks {
        erased: bool,
    }

    impl Marks {
        fn mark(subject: &str, context: &[u8]) -> Vec<u8> {
            [subject.as_bytes(), b"|", context, b"|"].concat()
        }
    }

    impl SealPrivate for Marks {
        fn seal(&self, subject: &str, plain: &[u8], context: &[u8]) -> Result<Vec<u8>, String> {
            Ok([Marks::mark(subject, context), plain.to_vec()].concat())
        }

        fn open(&self, subject: &str, sealed: &[u8], context: &[u8]) -> Result<Option<Zeroizing<Vec<u8>>>, String> {
            let plain = sealed.strip_prefix(Marks::mark(subject, context).as_slice());
            let plain = plain.ok_or("not sealed for this")?;
            Ok((!self.erased).then(|| Zeroizing::new(plain.to_vec())))
        }
    }

    fn part() -> PrivatePart {
        PrivatePart {
            reason: Some("on call".into()),
            names: Names { secret: Some("API_KEY".into()), ..Names::default() },
            more: BTreeMap::from([("ticket".into(), "4711".into())]),
            ..PrivatePart::default()
        }
    }

    fn entry(commit: Hash) -> Entry {
        let time = "2026-11-23T21:43:00.123Z";
        Entry::new(Action::SecretRead, Outcome::Allowed, "p", "v", time, commit)
    }

    /// Test case 2 of RFC 4231 with its key padded to 32 bytes, which HMAC does anyway.
    #[test]
    fn the_commitment_is_hmac_sha_256() {
        let mut salt = [0; 32];
        salt[..4].copy_from_slice(b"Jefe");
        let expected = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843";
        assert_eq!(commit(&salt, b"what do ya want for nothing?").to_hex(), expected);
    }

    #[test]
    fn a_private_part_opens_beside_its_entry_alone() {
        let keys = Marks { erased: false };
        let salted = part().salted(&[9; 32]);
        let entry = entry(salted.commitment());
        let sealed = salted.seal(&entry, "subject", &keys).unwrap();
        assert_eq!(PrivatePart::open(&entry, "subject", &sealed, &keys), Ok(Some(part())));
        let mut other = entry.clone();
        other.commit = part().salted(&[8; 32]).commitment();
        assert!(matches!(PrivatePart::open(&other, "subject", &sealed, &keys), Err(Error::Private(_))));
        assert_eq!(salted.seal(&other, "subject", &keys), Err(Error::Commitment));
    }

    #[test]
    fn an_altered_private_part_does_not_fit_its_commitment() {
        let salted = part().salted(&[9; 32]);
        let commitment = salted.commitment();
        assert_eq!(check(&salted.bytes, &commitment), Ok(()));
        for at in 0..salted.bytes.len() {
            let mut altered = salted.bytes.clone();
            altered[at] ^= 1;
            assert_eq!(super::part(&altered, &commitment), Err(Error::Commitment));
            assert_eq!(check(&altered, &commitment), Err(Error::Commitment));
        }
        assert!(check(&salted.bytes[..31], &commitment).is_err());
    }

    #[test]
    fn an_erased_subject_leaves_nothing_to_read() {
        let salted = part().salted(&[9; 32]);
        let entry = entry(salted.commitment());
        let sealed = salted.seal(&entry, "subject", &Marks { erased: false }).unwrap();
        assert_eq!(PrivatePart::open(&entry, "subject", &sealed, &Marks { erased: true }), Ok(None));
    }

    #[test]
    fn debug_output_says_nothing() {
        let text = format!("{:?} {:?} {:?}", part(), part().names, part().salted(&[9; 32]));
        assert_eq!(text, "PrivatePart(..) Names(..) Salted(..)");
    }
}
