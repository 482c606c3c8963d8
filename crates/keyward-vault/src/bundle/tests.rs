use keyward_types::forms::forms;

use super::*;
use crate::testing::Seeded;

fn name(n: usize) -> KnownSecret {
    KnownSecret {
        project: "shop".parse().unwrap(),
        environment: "production".parse().unwrap(),
        name: format!("KEY_{n}").parse().unwrap(),
        version: keyward_types::Version::FIRST,
    }
}

fn bundle(values: &[Vec<u8>], holder: Holder) -> MatchBundle {
    let key = Key::random(&Seeded::new(7)).unwrap();
    let windows = WindowKey::from(&key);
    let mut all = Vec::new();
    for (secret, value) in (0..).zip(values) {
        let records = forms(value).into_iter().filter_map(|form| MatchRecord::of(&form, value.len(), &key, windows));
        all.extend(records.map(|record| Form::new(&record, holder, secret).unwrap()));
    }
    MatchBundle::new(key, (0..values.len()).map(name).collect(), all)
}

fn found(bundle: &MatchBundle, text: &[u8]) -> Vec<(Range<usize>, String)> {
    let mut all = Vec::new();
    bundle.find(text, &mut |range, secret| all.push((range, secret.name.to_string())));
    all
}

#[test]
fn every_form_is_found_at_every_place() {
    let values = vec![
        b"a b/c+d=e&f<g>h'i 12345".to_vec(),
        b"plain-Value-0123456789".to_vec(),
        b"words with a space each".to_vec(),
        b"<a\"b\\c>d e\"f\ng'h\"i j".to_vec(),
        b"/one%percent+in=the-middle".to_vec(),
        b"exactly_16_bytes".to_vec(),
        b"0123456789abcdef0123456789abcdef".to_vec(),
        "a longer phrase of several words, \u{e9}tude \u{1f600} & \"quotes\"".into(),
        b"a line of the beginning\n0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ\nthe end\n".to_vec(),
        "<>&'\"".repeat(20).into(),
        (0..=255).collect(),
    ];
    for (holder, n) in [Holder::Owner, Holder::Other].into_iter().flat_map(|h| (0..values.len()).map(move |n| (h, n))) {
        let (bundle, value) = (bundle(&values, holder), &values[n]);
        for form in forms(value).iter() {
            for before in [0usize, 1, 2, 3, 7, 64, 255] {
                for after in [0usize, 1, 5, 100] {
                    let mut text = vec![b'.'; before];
                    text.extend_from_slice(&form.bytes);
                    text.resize(text.len() + after, b' ');
                    let hits = found(&bundle, &text);
                    let place = before..before + form.bytes.len();
                    assert!(hits.contains(&(place, format!("KEY_{n}"))), "{:?} {before} {after}", form.kind);
                }
            }
        }
    }
}

#[test]
fn nothing_is_found_where_nothing_is() {
    let bundle = bundle(&[b"plain-Value-0123456789".to_vec()], Holder::Other);
    assert!(found(&bundle, b"").is_empty());
    assert!(found(&bundle, b"plain-Value-012345678").is_empty());
    assert!(found(&bundle, "plain-Value-012345678x ".repeat(500).as_bytes()).is_empty());
}

#[test]
fn a_bundle_survives_the_wire_and_damage_is_refused() {
    let bundle = bundle(&[b"plain-Value-0123456789".to_vec()], Holder::Other);
    let bytes = bundle.to_bytes();
    let again = MatchBundle::from_bytes(&bytes).unwrap();
    assert_eq!(found(&again, b"x plain-Value-0123456789"), found(&bundle, b"x plain-Value-0123456789"));
    assert_eq!(again.version(), bundle.version());
    for cut in 0..bytes.len() {
        assert!(MatchBundle::from_bytes(&bytes[..cut]).is_err(), "{cut}");
    }
}

#[test]
fn the_version_changes_with_what_is_known() {
    let one = bundle(&[b"plain-Value-0123456789".to_vec()], Holder::Other);
    let two = bundle(&[b"plain-Value-0123456789".to_vec(), b"other-Value-0123456789".to_vec()], Holder::Other);
    assert_ne!(one.version(), two.version());
}

#[test]
fn a_record_whose_window_is_not_in_its_form_is_damage() {
    let bundle = bundle(&[b"plain-Value-0123456789".to_vec()], Holder::Other);
    let sound = bundle.to_bytes();
    let first = sound.len() - bundle.forms.len() * FORM;
    for (offset, number) in [(4, u32::MAX), (4, 1000), (8, 15), (8, 0), (12, 1), (16, 15), (16, 65), (16, 0x510)] {
        let mut bytes = sound.to_vec();
        bytes[first + offset..][..4].copy_from_slice(&number.to_be_bytes());
        assert!(MatchBundle::from_bytes(&bytes).is_err(), "{offset} {number}");
    }
}

#[test]
fn of_equal_values_the_first_is_named_and_once_only() {
    let same = b"plain-Value-0123456789".to_vec();
    let hits = found(&bundle(&[same.clone(), same.clone()], Holder::Other), &same);
    assert_eq!(hits, [(0..same.len(), "KEY_0".to_owned())]);
}
