use std::sync::Arc;

use proptest::collection;
use proptest::prelude::*;

use super::frames::{FromCaller, FromUpstream};
use super::*;
use crate::glob::Glob;
use crate::meter::Interface;
use crate::redact::Patterns;

fn head(text: &[(&'static str, &'static str)]) -> HeaderMap {
    text.iter().map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value))).collect()
}

fn opening() -> Opening {
    let headers = head(&[(KEY, "dGhlIHNhbXBsZSBub25jZQ=="), (PROTOCOLS, "chat, openai-insecure-api-key.k, superchat")]);
    Opening::of(&headers, [127, 0, 0, 1].into()).unwrap()
}

/// RFC 6455, 1.3.
#[test]
fn the_example_of_the_standard_is_answered_as_there() {
    let told = |accept| head(&[("upgrade", "websocket"), ("connection", "Upgrade"), (ACCEPT, accept)]);
    let answer = opening().answer(&told("s3pPLMBiTxaQ9kYGzzhZRbK+xOo=")).unwrap();
    assert_eq!(answer.headers()[ACCEPT], "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    assert!(opening().answer(&told("s3pPLMBiTxaQ9kYGzzhZRbK+xOp=")).is_err());
}

#[test]
fn what_goes_on_has_no_key_in_it() {
    let mut out = b"GET / HTTP/1.1\r\n\r\n".to_vec();
    opening().write(&mut out);
    let text = String::from_utf8(out).unwrap();
    assert!(text.starts_with("GET / HTTP/1.1\r\nconnection: Upgrade\r\n") && text.ends_with("\r\n\r\n"), "{text}");
    assert!(text.contains("sec-websocket-protocol: chat, superchat\r\n") && !text.contains("insecure"), "{text}");
}

#[test]
fn every_model_of_a_query_counts() {
    let allowed = [Glob::name("small*")];
    let fits = |query: &str| {
        let mut named = models(Some(query)).peekable();
        named.peek().is_some() && named.all(|model| allowed.iter().any(|allowed| allowed.matches(model)))
    };
    assert!(fits("a=b&model=small-1") && fits("model=small-1&model=small-2"));
    for query in ["", "a=b", "model=large", "model=small&Model=large", "model=small&mode%6c=large", "model=%73mall"] {
        assert!(!fits(query), "{query}");
    }
}

/// What is passed on of bytes that come in pieces of this size, and whether all of it is what it should be.
fn passed(pieces: usize, bytes: &[u8], mut take: impl FnMut(&mut BytesMut, &mut Vec<u8>) -> bool) -> (bool, Vec<u8>) {
    let (mut ahead, mut out) = (BytesMut::new(), Vec::new());
    for piece in bytes.chunks(pieces.max(1)) {
        ahead.extend_from_slice(piece);
        if !take(&mut ahead, &mut out) {
            return (false, out);
        }
    }
    (true, out)
}

fn of_caller(pieces: usize, bytes: &[u8]) -> (bool, Vec<u8>) {
    let mut frames = FromCaller::new(1 << 20);
    passed(pieces, bytes, |ahead, out| frames.take(ahead, out).is_ok())
}

fn of_upstream(pieces: usize, bytes: &[u8]) -> (bool, Vec<u8>) {
    let value = ["real-", "0123456789abcdef"].concat();
    let patterns = Arc::new(Patterns::of(value.as_bytes()));
    let mut frames = FromUpstream::new(Some(patterns), Some(Interface::OpenAi), 1 << 20);
    passed(pieces, bytes, |ahead, out| frames.take(ahead, out).is_ok())
}

#[test]
fn frames_are_read_alike_in_pieces_of_every_size() {
    let value = ["real-", "0123456789abcdef"].concat();
    let said =
        [&b"\x01\x05real-"[..], b"\x89\x02hi", b"\x80\x10", &value.as_bytes()[5..], b"\x82\x00", b"\x88\x02\x03\xe8"];
    let said = said.concat();
    let (good, out) = of_upstream(said.len(), &said);
    assert!(good && !out.windows(4).any(|four| four == b"real"), "{out:?}");
    let sent = [&b"\x01\x85abcdhello"[..], b"\x89\x80abcd", b"\x80\x81abcdx", b"\x88\x82abcd\x00\x01"].concat();
    for pieces in 1..=said.len() {
        assert_eq!(of_upstream(pieces, &said), (true, out.clone()), "{pieces}");
        assert_eq!(of_caller(pieces, &sent), (true, sent.clone()), "{pieces}");
    }
}

proptest! {
    #[test]
    fn any_bytes_have_one_reading(bytes in collection::vec(any::<u8>(), 0..400), pieces in 1usize..50, heads in any::<bool>()) {
        // Heads of frames are seldom met by chance.
        let bytes: Vec<u8> = match heads {
            true => bytes.chunks(9).flat_map(|chunk| [&[chunk[0] & 0x8f, chunk.len() as u8 - 1][..], &chunk[1..]].concat()).collect(),
            false => bytes,
        };
        prop_assert_eq!(of_upstream(pieces, &bytes).0, of_upstream(bytes.len(), &bytes).0);
        prop_assert_eq!(of_upstream(pieces, &bytes).1, of_upstream(bytes.len(), &bytes).1);
        prop_assert_eq!(of_caller(pieces, &bytes).0, of_caller(bytes.len(), &bytes).0);
    }
}
