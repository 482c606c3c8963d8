use proptest::prelude::*;

use super::*;

/// The definition: all places of all forms, in the whole text at once.
fn naive(value: &[u8], text: &[u8]) -> Vec<u8> {
    let mut out = text.to_vec();
    for form in keyward_types::forms::forms(value).iter().filter(|form| form.bytes.len() >= 8) {
        for start in 0..text.len() {
            if text[start..].starts_with(&form.bytes) {
                out[start..start + form.bytes.len()].fill(b'*');
            }
        }
    }
    out
}

fn run(value: &[u8], chunks: &[&[u8]]) -> Vec<u8> {
    let mut redactor = Redactor::new(Arc::new(Patterns::of(value)));
    let mut out = Vec::new();
    for chunk in chunks {
        out.extend_from_slice(&redactor.push(Bytes::copy_from_slice(chunk)));
    }
    out.extend_from_slice(&redactor.finish());
    out
}

fn value() -> Vec<u8> {
    ["sk", "-proj-", "Ab3/+x==\"q", "zzzzzz"].concat().into_bytes()
}

#[test]
fn every_form_at_every_split() {
    let value = value();
    for form in keyward_types::forms::forms(&value) {
        let text = [b"{\"echo\":\"".as_slice(), &form.bytes, b"\"}\n"].concat();
        let whole = run(&value, &[&text]);
        assert_eq!(whole, naive(&value, &text), "{:?}", form.kind);
        assert_eq!(whole.len(), text.len());
        for first in 0..=text.len() {
            for second in first..=text.len() {
                let out = run(&value, &[&text[..first], &text[first..second], &text[second..]]);
                assert_eq!(out, whole, "{:?} split at {first} and {second}", form.kind);
            }
        }
        let bytes: Vec<&[u8]> = text.chunks(1).collect();
        assert_eq!(run(&value, &bytes), whole);
    }
}

#[test]
fn a_key_that_breaks_off_is_not_given_away() {
    let value = value();
    let text = [b"key ".as_slice(), &value[..value.len() - 1]].concat();
    let out = run(&value, &[&text]);
    assert!(!out.windows(value.len() / 2 + 1).any(|part| part == &value[..=value.len() / 2]));
    assert_eq!(out.len(), text.len());
}

#[test]
fn an_event_never_waits() {
    let value = value();
    let mut redactor = Redactor::new(Arc::new(Patterns::of(&value)));
    let event = Bytes::from_static(b"data: {\"delta\":\"sk-pro\"}\n\n");
    assert_eq!(redactor.push(event.clone()), event);
    assert!(redactor.finish().is_empty());
}

#[test]
fn a_chunk_without_a_hit_is_not_copied() {
    let mut redactor = Redactor::new(Arc::new(Patterns::of(&value())));
    let chunk = Bytes::from(vec![b'{'; 4096]);
    assert_eq!(redactor.push(chunk.clone()).as_ptr(), chunk.as_ptr());
}

#[test]
fn a_value_too_short_is_left_alone() {
    assert!(Patterns::of(b"1234567").is_empty());
    assert_eq!(run(b"1234567", &[b"1234567"]), b"1234567");
}

#[test]
fn headers_are_masked_with_the_same_length() {
    let value = value();
    let patterns = Patterns::of(&value);
    let header = HeaderValue::from_bytes(&[b"Bearer ".as_slice(), &value].concat()).unwrap();
    let masked = redact_header(&patterns, &header).unwrap();
    assert_eq!(masked.len(), header.len());
    assert!(masked.as_bytes().ends_with(&vec![b'*'; value.len()]));
    assert!(redact_header(&patterns, &HeaderValue::from_static("Bearer other")).is_none());
}

proptest! {
    /// Values that overlap themselves, in texts made of their parts, cut anywhere.
    #[test]
    fn as_it_is_defined(
        value in "[ab]{8,12}",
        text in "[ab]{0,60}",
        cuts in proptest::collection::vec(0usize..60, 0..6),
    ) {
        // The end is taken off: what breaks off there is the business of `finish`.
        let text = format!("{text}\n");
        let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(text.len())).collect();
        cuts.push(text.len());
        cuts.sort_unstable();
        let mut from = 0;
        let chunks: Vec<&[u8]> = cuts.iter().map(|cut| {
            let chunk = &text.as_bytes()[from..*cut];
            from = *cut;
            chunk
        }).collect();
        prop_assert_eq!(run(value.as_bytes(), &chunks), naive(value.as_bytes(), text.as_bytes()));
    }

    #[test]
    fn nothing_else_is_touched(text in proptest::collection::vec(any::<u8>(), 0..300), cut in 0usize..300) {
        let value = value();
        let cut = cut.min(text.len());
        let text = [text.as_slice(), b"\n"].concat();
        prop_assert_eq!(run(&value, &[&text[..cut], &text[cut..]]), naive(&value, &text));
    }
}
