//! The lasting name of a finding, which needs no vault and is no oracle.
//!
//! A strong value is hashed with its rule: the name survives moves, rebases and edits around it,
//! and nobody guesses 80 bits. A weak one could be guessed from its hash, so that it is cut out of
//! what is hashed: the rule, the line around it, and which such line of the file it is.

use data_encoding::HEXLOWER;
use keyward_providers::strength;
use keyward_types::Fingerprint;
use sha2::{Digest, Sha256};

/// Values of fewer bits than this never go into a fingerprint.
const STRONG_BITS: f64 = 80.0;

/// The fingerprint of a strong value under a rule; `None` for a weak one.
pub fn fingerprint(rule: &str, value: &[u8]) -> Option<Fingerprint> {
    let text = std::str::from_utf8(value).ok()?;
    (strength::bits(text) >= STRONG_BITS).then(|| hash(&[b"value", rule.as_bytes(), value]))
}

/// The fingerprint of a weak value: `before` and `after` are the rest of its line, `ordinal` counts
/// the findings of that rule with such a line before it in the file.
pub fn fingerprint_in_line(rule: &str, before: &[u8], after: &[u8], ordinal: u32) -> Fingerprint {
    hash(&[b"line", rule.as_bytes(), before.trim_ascii(), after.trim_ascii(), &ordinal.to_be_bytes()])
}

fn hash(parts: &[&[u8]]) -> Fingerprint {
    let mut hasher = Sha256::new_with_prefix(b"kwf1");
    for part in parts {
        hasher.update((part.len() as u64).to_be_bytes());
        hasher.update(part);
    }
    Fingerprint(format!("kwf1:{}", HEXLOWER.encode(&hasher.finalize()[..16])))
}
