use keyward_types::{Random, RandomError};
use proptest::prelude::*;

use super::*;

struct From1(u8);
impl Random for From1 {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), RandomError> {
        bytes.iter_mut().enumerate().for_each(|(i, byte)| *byte = (i as u8).wrapping_mul(37).wrapping_add(self.0));
        Ok(())
    }
}

fn token(n: u8) -> PlainToken {
    PlainToken::generate(TokenKind::Virtual, &From1(n)).unwrap()
}

fn caveats(lines: &[&str]) -> Vec<Caveat> {
    lines.iter().map(|line| line.parse().unwrap()).collect()
}

/// A text with these lines and this tag, whole.
fn forged(id: &str, lines: &str, tag: &[u8]) -> String {
    let body = format!("kwv_{id}.{}.{}", BASE64URL_NOPAD.encode(lines.as_bytes()), BASE64URL_NOPAD.encode(tag));
    format!("{body}{}", checksum(body.as_bytes()))
}

const LINES: [&str; 3] = ["model gpt-4o-mini", "max max_tokens=300", "tag user-1"];

#[test]
fn a_key_is_narrowed_twice_and_known_again() {
    let token = token(1);
    let once = NarrowedKey::of(token.expose(), &caveats(&LINES[..2])).unwrap();
    let twice = NarrowedKey::of(&once.expose(), &caveats(&LINES[2..])).unwrap();
    let at_once = NarrowedKey::of(token.expose(), &caveats(&LINES)).unwrap();
    assert_eq!(*twice.expose(), *at_once.expose());
    let read: NarrowedKey = twice.expose().parse().unwrap();
    assert_eq!((read.id(), read.caveats()), (token.id(), &caveats(&LINES)[..]));
    assert_eq!(read.verified(&AttenuationKey::of(&token)), Some(caveats(&LINES)));
    assert!(!twice.expose().contains(&token.root()[16..]), "the key is not in it");
    assert!(!format!("{twice:?}").contains(&*BASE64URL_NOPAD.encode(&*twice.tag)));
    assert!(is_narrowed(&twice.expose()) && !is_narrowed(token.expose()));
}

#[test]
fn what_is_removed_altered_moved_or_anothers_is_seen() {
    let token = token(1);
    let key = AttenuationKey::of(&token);
    let narrowed = NarrowedKey::of(token.expose(), &caveats(&LINES)).unwrap();
    let earlier = NarrowedKey::of(token.expose(), &caveats(&LINES[..2])).unwrap();
    let [a, b, c] = LINES;
    for lines in [
        format!("{a}\n{b}"),
        format!("{b}\n{c}"),
        format!("{b}\n{a}\n{c}"),
        format!("{a}\n{b}\n{c}\n{c}"),
        format!("{a}\nmax max_tokens=301\n{c}"),
        format!("model *\n{b}\n{c}"),
    ] {
        for tag in [&*narrowed.tag, &*earlier.tag] {
            let text = forged(token.id(), &lines, tag);
            let right = lines == format!("{a}\n{b}") && *tag == *earlier.tag;
            assert_eq!(text.parse::<NarrowedKey>().unwrap().verified(&key).is_some(), right, "{lines}");
        }
    }
    // Its own tag is not the key of another, nor is a shorter message the beginning of a longer one.
    assert!(narrowed.clone().verified(&AttenuationKey::of(&self::token(2))).is_none());
    let glued = forged(token.id(), "model gpt-4o-minimax max_tokens=300", &*earlier.tag);
    assert!(glued.parse::<NarrowedKey>().ok().and_then(|glued| glued.verified(&key)).is_none());
}

#[test]
fn unknown_caveats_and_too_many_are_refused() {
    let token = token(1);
    let of = |lines: &str| forged(token.id(), lines, &[7; 32]).parse::<NarrowedKey>();
    assert!(of(LINES[0]).is_ok());
    for lines in
        ["", "uses 3", "model gpt\nfoo bar", "model gpt\n", "\nmodel gpt", "model gpt\r\nmodel x", "model gp\u{e9}"]
    {
        assert!(of(lines).is_err(), "{lines:?}");
    }
    assert!(of(&["model a"; 16].join("\n")).is_ok() && of(&["model a"; 17].join("\n")).is_err());
    let long = format!("model {}", "a".repeat(249));
    assert!(of(&[&*long; 4].join("\n")).is_ok() && of(&[&*long; 5].join("\n")).is_err());
    assert!(NarrowedKey::of(token.expose(), &[]).is_err(), "it would be as wide as its parent");
    let sixteen = NarrowedKey::of(token.expose(), &caveats(&["tag a"; 16])).unwrap();
    assert!(NarrowedKey::of(&sixteen.expose(), &caveats(&["tag a"])).is_err());
    let service = PlainToken::generate(TokenKind::Service, &From1(1)).unwrap();
    assert!(NarrowedKey::of(service.expose(), &caveats(&["tag a"])).is_err());
}

proptest! {
    #[test]
    fn no_single_change_of_a_text_makes_another_key(at in 0_usize..120, letter in "[A-Za-z0-9._-]", fixed in any::<bool>()) {
        let token = token(3);
        let key = AttenuationKey::of(&token);
        let text = NarrowedKey::of(token.expose(), &caveats(&LINES)).unwrap().expose();
        let mut bytes = text.as_bytes().to_vec();
        let at = at % bytes.len();
        bytes[at] = letter.as_bytes()[0];
        let mut altered = String::from_utf8(bytes).unwrap();
        if fixed {
            // Whoever alters it makes a checksum that fits.
            altered.truncate(altered.len() - 6);
            altered += &checksum(altered.as_bytes());
        }
        prop_assume!(altered != *text);
        // Another id leads to another key; with the right one nothing fits.
        if let Ok(read) = altered.parse::<NarrowedKey>()
            && read.id() == token.id()
        {
            prop_assert!(read.verified(&key).is_none(), "{altered}");
        }
    }

    #[test]
    fn any_text_is_read_or_refused(text in "(kwv_)?[A-Za-z0-9]{0,14}\\.?[A-Za-z0-9_-]{0,60}\\.?[A-Za-z0-9_-]{0,60}") {
        if let Ok(read) = text.parse::<NarrowedKey>() {
            prop_assert_eq!(&*read.expose(), &text);
        }
    }
}
