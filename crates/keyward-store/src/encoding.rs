//! The bytes that are hashed and MACed. Every part is preceded by its length, so no two different
//! records give the same bytes.

use sha2::{Digest, Sha256};

use crate::{Error, Result};

/// SHA-256 of a record without its generation: what an audit entry carries of the record it leaves
/// behind, and what replaying the log is compared with.
#[must_use]
pub fn record_hash(collection: &str, key: &[u8], value: &[u8], indexes: &[(String, Vec<u8>)]) -> [u8; 32] {
    let mut hash = Sha256::new();
    let prefix = prefix(b"keyward/record/v1", collection, key, None, value.len(), indexes);
    hash.update(&prefix);
    hash.update(value);
    hash.finalize().into()
}

/// Feeds `update` with the bytes that a record's MAC covers, for the caller's [`RecordMac`].
///
/// [`RecordMac`]: crate::RecordMac
pub fn mac_input(
    collection: &str,
    key: &[u8],
    generation: u64,
    value: &[u8],
    indexes: &[(String, Vec<u8>)],
    mut update: impl FnMut(&[u8]),
) {
    let context = b"keyward/record-mac/v1";
    update(&prefix(context, collection, key, Some(generation), value.len(), indexes));
    update(value);
}

/// SHA-256 of a header, as [`Expect::Header`] takes it.
///
/// [`Expect::Header`]: crate::Expect::Header
#[must_use]
pub fn header_hash(header: &[u8]) -> [u8; 32] {
    Sha256::digest(header).into()
}

/// A record's index values as one blob, the form in which engines keep them beside the value.
#[must_use]
pub fn encode_indexes(indexes: &[(String, Vec<u8>)]) -> Vec<u8> {
    let mut out = Vec::with_capacity(indexes.iter().map(|(n, v)| n.len() + v.len() + 16).sum());
    push_indexes(&mut out, indexes);
    out
}

/// Reads what [`encode_indexes`] wrote.
///
/// # Errors
/// [`Error::Damaged`] for anything else, trailing bytes too.
pub fn decode_indexes(mut bytes: &[u8]) -> Result<Vec<(String, Vec<u8>)>> {
    let mut indexes = Vec::new();
    while !bytes.is_empty() {
        let name = take_part(&mut bytes)?.to_vec();
        let name = String::from_utf8(name).map_err(|_| undecodable())?;
        indexes.push((name, take_part(&mut bytes)?.to_vec()));
    }
    Ok(indexes)
}

fn prefix(
    context: &[u8],
    collection: &str,
    key: &[u8],
    generation: Option<u64>,
    value_len: usize,
    indexes: &[(String, Vec<u8>)],
) -> Vec<u8> {
    let mut out = Vec::with_capacity(256);
    push_part(&mut out, context);
    push_part(&mut out, collection.as_bytes());
    push_part(&mut out, key);
    out.extend_from_slice(&generation.unwrap_or(0).to_be_bytes());
    out.extend_from_slice(&(indexes.len() as u64).to_be_bytes());
    push_indexes(&mut out, indexes);
    out.extend_from_slice(&(value_len as u64).to_be_bytes());
    out
}

fn push_indexes(out: &mut Vec<u8>, indexes: &[(String, Vec<u8>)]) {
    for (name, value) in indexes {
        push_part(out, name.as_bytes());
        push_part(out, value);
    }
}

fn push_part(out: &mut Vec<u8>, part: &[u8]) {
    out.extend_from_slice(&(part.len() as u64).to_be_bytes());
    out.extend_from_slice(part);
}

fn take_part<'a>(bytes: &mut &'a [u8]) -> Result<&'a [u8]> {
    let (len, rest) = bytes.split_first_chunk::<8>().ok_or_else(undecodable)?;
    let len = usize::try_from(u64::from_be_bytes(*len)).map_err(|_| undecodable())?;
    let (part, rest) = rest.split_at_checked(len).ok_or_else(undecodable)?;
    *bytes = rest;
    Ok(part)
}

fn undecodable() -> Error {
    Error::Damaged { detail: "index values that cannot be decoded".into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn index(name: &str, value: &str) -> (String, Vec<u8>) {
        (name.into(), value.into())
    }

    #[test]
    fn indexes_survive_the_round_trip() {
        let indexes = [index("name", "a\0b"), index("", ""), index("name", "c")];
        assert_eq!(decode_indexes(&encode_indexes(&indexes)).unwrap(), indexes);
        assert_eq!(decode_indexes(b"").unwrap(), []);
    }

    #[test]
    fn mangled_indexes_are_refused() {
        let bytes = encode_indexes(&[index("name", "value")]);
        for cut in 1..bytes.len() {
            assert!(decode_indexes(&bytes[..cut]).is_err(), "cut at {cut}");
        }
        assert!(decode_indexes(&[0xff; 24]).is_err());
    }

    #[test]
    fn moving_a_byte_between_parts_changes_the_hash() {
        let hashes = [
            record_hash("a", b"bc", b"d", &[]),
            record_hash("ab", b"c", b"d", &[]),
            record_hash("a", b"b", b"cd", &[]),
            record_hash("a", b"bc", b"d", &[index("", "")]),
            record_hash("a", b"bc", b"", &[index("", "d")]),
            record_hash("a", b"bc", b"", &[index("d", "")]),
        ];
        for (i, hash) in hashes.iter().enumerate() {
            assert!(!hashes[i + 1..].contains(hash), "case {i}");
        }
    }

    #[test]
    fn the_mac_covers_the_generation() {
        let input = |generation| {
            let mut out = Vec::new();
            mac_input("a", b"b", generation, b"c", &[], |part| out.extend_from_slice(part));
            out
        };
        assert_ne!(input(1), input(2));
    }
}
