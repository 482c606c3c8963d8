use proptest::prelude::*;

use super::*;

fn entry() -> Entry {
    let time = "2026-11-23T21:43:00.123Z";
    let commit = Hash::of(b"private");
    Entry::new(Action::SecretRead, Outcome::Allowed, "p_1", "v_1", time, commit)
}

fn full() -> Entry {
    let record = |key: &[u8], hash| RecordChange { collection: "heads".into(), hash, key: key.into() };
    Entry {
        answered: Some("e_0".into()),
        checkpoint: Some("log\n1\nroot\n\n— log sig\n".into()),
        count: Some(3),
        environment: Some("e_1".into()),
        epoch: Some(2),
        fingerprint: Some("00ff".into()),
        header: Some(Hash::of(b"header")),
        project: Some("pr_1".into()),
        records: vec![record(b"k1", Some(Hash::of(b"bytes"))), record(b"", None)],
        secret: Some("s_1".into()),
        version: Some(7),
        via: Some(Via::Run),
        ..entry()
    }
}

#[test]
fn the_bytes_of_an_entry_never_change() {
    let text = String::from_utf8(entry().canonical().unwrap()).unwrap();
    assert_eq!(
        text,
        "{\"action\":\"secret.read\",\
         \"commit\":\"715dc8493c36579a5b116995100f635e3572fdf8703e708ef1a08d943b36774e\",\
         \"outcome\":\"allowed\",\"principal\":\"p_1\",\"time\":\"2026-11-23T21:43:00.123Z\",\
         \"v\":1,\"vault\":\"v_1\"}"
    );
    let text = String::from_utf8(full().canonical().unwrap()).unwrap();
    assert!(text.contains("\"records\":[{\"c\":\"heads\",\"h\":\"277089d9"), "{text}");
    assert!(text.contains("{\"c\":\"heads\",\"h\":null,\"k\":\"\"}]"), "{text}");
    assert!(text.contains("\"via\":\"run\""), "{text}");
}

#[test]
fn an_entry_is_read_as_it_was_written() {
    for entry in [entry(), full()] {
        assert_eq!(Entry::parse(&entry.canonical().unwrap()), Ok(entry));
    }
}

#[test]
fn another_spelling_of_an_entry_is_refused() {
    let good = String::from_utf8(full().canonical().unwrap()).unwrap();
    let replaced = |from: &str, to: &str| {
        assert!(good.contains(from), "{from}");
        good.replace(from, to)
    };
    for bad in [
        replaced("\"v\":1", "\"v\": 1"),
        replaced("\"v\":1", "\"v\":1.0"),
        replaced("\"v\":1", "\"v\":2"),
        replaced("\"v\":1", "\"v\":1,\"v\":1"),
        replaced("\"v\":1", "\"unknown\":1,\"v\":1"),
        replaced("\"answered\":\"e_0\"", "\"answered\":null"),
        replaced("\"h\":null,", ""),
        replaced("secret.read", "secret.reed"),
        replaced("secret.read", "secret\\u002eread"),
        replaced("\"commit\":\"7", "\"commit\":\"F"),
        replaced("T21:", "T24:"),
        replaced("p_1", ""),
        format!("{good} "),
        String::new(),
        "null".into(),
    ] {
        assert!(Entry::parse(bad.as_bytes()).is_err(), "{bad}");
    }
    let minimal = String::from_utf8(entry().canonical().unwrap()).unwrap();
    let spelled_out = minimal.replace("\"time\"", "\"records\":[],\"time\"");
    assert!(matches!(Entry::parse(spelled_out.as_bytes()), Err(Error::Entry(_))));
}

#[test]
fn a_later_format_is_named_as_such() {
    let good = String::from_utf8(entry().canonical().unwrap()).unwrap();
    let later = good.replace("\"v\":1", "\"u\":[],\"v\":2");
    assert!(matches!(Entry::parse(later.as_bytes()), Err(Error::Field { field: "v", .. })));
}

#[test]
fn fields_keep_their_rules() {
    let refused = |change: fn(&mut Entry)| {
        let mut entry = entry();
        change(&mut entry);
        match entry.canonical() {
            Err(Error::Field { field, .. }) => field,
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(refused(|e| e.v = 2), "v");
    assert_eq!(refused(|e| e.vault.clear()), "vault");
    assert_eq!(refused(|e| e.principal.clear()), "principal");
    assert_eq!(refused(|e| e.count = Some(1 << 53)), "count");
    assert_eq!(refused(|e| e.time = "2026-11-23T21:43:00Z".into()), "time");
    assert_eq!(refused(|e| e.time = "2026-13-23T21:43:00.000Z".into()), "time");
    assert_eq!(refused(|e| e.time = "2026-11-23t21:43:00.000Z".into()), "time");
}

#[test]
fn many_records_are_cut_into_entries_that_fit() {
    let mut entry = full();
    entry.records = (0..2000u32)
        .map(|n| RecordChange {
            collection: format!("collection\u{1}{}", n % 7),
            hash: (n % 3 > 0).then(|| Hash::of(&n.to_be_bytes())),
            key: n.to_be_bytes().repeat(1 + n as usize % 20),
        })
        .collect();
    assert!(matches!(entry.canonical(), Err(Error::TooLong(_))));
    let parts = entry.clone().into_parts();
    assert!(parts.len() > 2 && parts.len() < 20, "{}", parts.len());
    for part in &parts {
        part.canonical().unwrap();
    }
    assert_eq!(parts.iter().map(|part| part.count.unwrap_or(1)).sum::<u64>(), 3, "a part without one counts for one");
    let records: Vec<_> = parts.into_iter().flat_map(|part| part.records).collect();
    assert_eq!(records, entry.records);
    assert_eq!(full().into_parts(), [full()]);
}

#[test]
fn names_are_unique_and_read_back() {
    for action in Action::ALL {
        assert_eq!(action.as_str().parse(), Ok(*action));
        let json = serde_json::to_string(action).unwrap();
        assert_eq!(json, format!("\"{action}\""));
    }
    let mut names: Vec<_> = Action::ALL.iter().map(|action| action.as_str()).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), Action::ALL.len());
    assert!("secret.unknown".parse::<Action>().is_err());
}

fn any_entry() -> impl Strategy<Value = Entry> {
    let text = || prop::option::of(any::<String>());
    let number = || prop::option::of(0..=MAX_INTEGER);
    let hash = || prop::option::of(any::<[u8; 32]>().prop_map(Hash));
    let record = (any::<String>(), hash(), any::<Vec<u8>>()).prop_map(|(collection, hash, key)| RecordChange {
        collection,
        hash,
        key,
    });
    let names = (
        prop::sample::select(Action::ALL),
        prop::sample::select(Outcome::ALL),
        prop::option::of(prop::sample::select(Via::ALL)),
    );
    let ids = (text(), text(), text(), text(), "[^a]+", ".+");
    let rest = (text(), text(), hash(), number(), number(), number());
    let records = prop::collection::vec(record, 0..4);
    (names, ids, rest, records).prop_map(|(names, ids, rest, records)| Entry {
        action: names.0,
        outcome: names.1,
        via: names.2,
        answered: ids.0,
        environment: ids.1,
        project: ids.2,
        secret: ids.3,
        principal: ids.4,
        vault: ids.5,
        checkpoint: rest.0,
        fingerprint: rest.1,
        header: rest.2,
        count: rest.3,
        epoch: rest.4,
        version: rest.5,
        records,
        ..entry()
    })
}

proptest! {
    #[test]
    fn the_bytes_are_no_more_than_is_reckoned(entry in any_entry()) {
        let bytes = entry.to_bytes().unwrap();
        prop_assert!(bytes.len() <= entry.at_most());
        prop_assert_eq!(action_in(&bytes), Some(entry.action.as_str()));
    }

    #[test]
    fn the_bytes_are_those_of_another_canonicaliser(entry in any_entry()) {
        let bytes = entry.canonical().unwrap();
        prop_assert_eq!(&serde_json_canonicalizer::to_vec(&entry).unwrap(), &bytes);
        prop_assert_eq!(canonical::check(&bytes), Ok(()));
        prop_assert_eq!(Entry::parse(&bytes), Ok(entry));
    }

    #[test]
    fn altered_bytes_are_refused_or_another_entry(
        entry in any_entry(), at: prop::sample::Index, to: u8,
    ) {
        let good = entry.canonical().unwrap();
        let mut bytes = good.clone();
        bytes[at.index(good.len())] = to;
        if let Ok(read) = Entry::parse(&bytes) {
            prop_assert_eq!(read == entry, bytes == good);
        }
    }
}
