//! The mark that a group leaves with its first entry in the log: what tells it from all other groups, and
//! which records it changed.
//!
//! Layout, numbers big-endian: 24 bytes of name; `u32` entries of the group; then for each collection that
//! it changed `u16` length and name, `u16` keys ([`MANY`]: not told) and for each `u16` length and bytes.
//!
//! It is no more authenticated than the table of changes: whoever can write to the database can keep a change
//! from the eyes of nodes that run, until they look at everything for another reason.

use std::collections::{BTreeMap, BTreeSet};

use keyward_store::Changed;

use crate::needs::Place;

/// What tells a group from all others: its node, and how many groups that made before.
pub(crate) type Name = [u8; 24];

/// Records of one collection that a mark names at most, so that a log of large groups stays small.
const MOST: usize = 16;

/// Records of one collection that a watch names at most.
const MOST_TOLD: usize = 1_024;

/// Longer than every number of keys that are told.
const MANY: u16 = u16::MAX;

/// The mark of a group that changes these records and has so many entries.
pub(crate) fn encode<'a>(name: Name, entries: usize, places: impl Iterator<Item = Place<'a>>) -> Vec<u8> {
    let mut collections: BTreeMap<&str, Vec<&[u8]>> = BTreeMap::new();
    for (collection, key) in places {
        collections.entry(collection).or_default().push(key);
    }
    let mut mark = name.to_vec();
    mark.extend(u32::try_from(entries).unwrap_or(u32::MAX).to_be_bytes());
    let text = |mark: &mut Vec<u8>, bytes: &[u8]| {
        // A collection's name and a key fit into an index row, which is shorter than that.
        mark.extend(u16::try_from(bytes.len()).unwrap_or(MANY).to_be_bytes());
        mark.extend(bytes);
    };
    for (collection, keys) in collections {
        text(&mut mark, collection.as_bytes());
        if keys.len() > MOST {
            mark.extend(MANY.to_be_bytes());
            continue;
        }
        mark.extend(u16::try_from(keys.len()).unwrap_or(MANY).to_be_bytes());
        keys.iter().for_each(|key| text(&mut mark, key));
    }
    mark
}

/// What the groups changed whose entries lie one after another from `seen` to `size`, by their marks. Where
/// one lacks its mark, nothing is known of any key.
pub(crate) fn changed(collections: Vec<String>, marks: &[(i64, Vec<u8>)], seen: i64, size: i64) -> Vec<Changed> {
    let mut keys: BTreeMap<&str, Option<BTreeSet<&[u8]>>> = BTreeMap::new();
    let mut next = seen;
    for (index, mark) in marks {
        if *index != next {
            break;
        }
        let Some((entries, told)) = decode(mark) else { break };
        next = next.saturating_add(entries);
        for (collection, told) in told {
            let all = keys.entry(collection).or_insert_with(|| Some(BTreeSet::new()));
            match (&mut *all, told) {
                (Some(known), Some(told)) if known.len() + told.len() <= MOST_TOLD => known.extend(told),
                _ => *all = None,
            }
        }
    }
    let is_whole = next == size;
    let of = |collection: &str| keys.get(collection)?.as_ref().filter(|_| is_whole);
    let changed = |collection: String| {
        let keys = of(&collection).map(|keys| keys.iter().map(|key| key.to_vec()).collect());
        Changed { collection, keys }
    };
    collections.into_iter().map(changed).collect()
}

/// The keys of each collection; `None` where they are not told.
type Told<'a> = Vec<(&'a str, Option<Vec<&'a [u8]>>)>;

fn decode(mark: &[u8]) -> Option<(i64, Told<'_>)> {
    let (_name, rest) = mark.split_at_checked(size_of::<Name>())?;
    let (entries, mut rest) = rest.split_first_chunk()?;
    let entries = i64::from(u32::from_be_bytes(*entries));
    let mut told = Vec::new();
    while !rest.is_empty() {
        let collection = std::str::from_utf8(text(&mut rest)?).ok()?;
        let keys = match number(&mut rest)? {
            MANY => None,
            count => Some((0..count).map(|_| text(&mut rest)).collect::<Option<Vec<_>>>()?),
        };
        told.push((collection, keys));
    }
    Some((entries, told))
}

fn number(rest: &mut &[u8]) -> Option<u16> {
    let (number, after) = rest.split_first_chunk()?;
    *rest = after;
    Some(u16::from_be_bytes(*number))
}

fn text<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let length = number(rest)?;
    let (text, after) = rest.split_at_checked(usize::from(length))?;
    *rest = after;
    Some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(entries: usize, places: &[Place<'_>]) -> Vec<u8> {
        encode([7; 24], entries, places.iter().copied())
    }

    fn told(marks: &[(i64, Vec<u8>)], size: i64) -> Vec<Option<Vec<Vec<u8>>>> {
        let collections = vec!["key".to_owned(), "user".to_owned()];
        changed(collections, marks, 10, size).into_iter().map(|changed| changed.keys).collect()
    }

    #[test]
    fn groups_tell_what_they_changed_together() {
        let marks = [(10, of(2, &[("key", b"b"), ("user", b"u")])), (12, of(1, &[("key", b"a"), ("key", b"b")]))];
        assert_eq!(told(&marks, 13), [Some(vec![b"a".to_vec(), b"b".to_vec()]), Some(vec![b"u".to_vec()])]);
    }

    #[test]
    fn what_is_not_known_whole_is_not_known() {
        let mark = of(1, &[("key", b"a")]);
        for marks in [
            vec![],
            vec![(10, mark.clone())],
            vec![(10, mark.clone()), (12, mark.clone())],
            vec![(10, vec![7; 24]), (11, mark.clone())],
            vec![(10, mark[..mark.len() - 1].to_vec()), (11, mark.clone())],
        ] {
            assert_eq!(told(&marks, 12), [None, None], "{marks:?}");
        }
        // A collection that changed and that no mark names may have changed anywhere.
        assert_eq!(told(&[(10, mark.clone()), (11, mark)], 12), [Some(vec![b"a".to_vec()]), None]);
    }

    #[test]
    fn of_many_records_none_is_named() {
        let keys: Vec<[u8; 1]> = (0..=MOST).map(|n| [u8::try_from(n).unwrap()]).collect();
        let places: Vec<Place<'_>> = keys.iter().map(|key| ("key", &key[..])).chain([("user", &b"u"[..])]).collect();
        let mark = of(1, &places);
        assert!(mark.len() < 64, "{}", mark.len());
        assert_eq!(told(&[(10, mark)], 11), [None, Some(vec![b"u".to_vec()])]);
        let marks: Vec<(i64, Vec<u8>)> = (0..=MOST_TOLD)
            .map(|n| (10 + i64::try_from(n).unwrap(), of(1, &[("key", &n.to_be_bytes()), ("user", b"u")])))
            .collect();
        assert_eq!(told(&marks, 11 + i64::try_from(MOST_TOLD).unwrap()), [None, Some(vec![b"u".to_vec()])]);
    }
}
