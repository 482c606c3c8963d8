use keyward_types::forms::{FormKind, forms};
use proptest::prelude::*;

use super::*;
use crate::testing::Seeded;

fn key() -> WindowKey {
    WindowKey::from(&Key::random(&Seeded::new(3)).unwrap())
}

fn fits(among: Among, window: &[u8]) -> bool {
    let filled = || window.iter().all(|byte| *byte > b' ');
    match among {
        Among::Plain => filled(),
        Among::Base64 => window.iter().all(|byte| byte.is_ascii_alphanumeric() || b"+/-_".contains(byte)),
        Among::Hex => window.iter().all(u8::is_ascii_hexdigit),
        Among::Escaped => b"%\\".contains(&window[0]),
        Among::Any => true,
    }
}

fn visited(text: &[u8], shapes: &[Shape]) -> Vec<(usize, usize, u32)> {
    let mut all = Vec::new();
    key().visit(text, shapes, |shape, at, hash| all.push((shape, at, hash)));
    all.sort_unstable();
    all
}

proptest! {
    #[test]
    fn every_window_of_a_shape_is_visited_once_and_no_other(
        text in prop::collection::vec(
            prop_oneof![300 => b'0'..=b'9', 60 => 0x21u8..0x7f, 3 => 0u8..0x21, 2 => 0x7fu8.., 3 => Just(b'%')],
            0..400,
        ),
        shapes in prop::collection::btree_set((0usize..5, WINDOW..=LONGEST), 0..12),
    ) {
        let mut shapes: Vec<Shape> =
            shapes.into_iter().map(|(among, length)| Shape { among: Among::ALL[among], length }).collect();
        shapes.sort_unstable();
        let mut wanted = Vec::new();
        for (number, shape) in shapes.iter().enumerate() {
            for (at, window) in text.windows(shape.length).enumerate() {
                if fits(shape.among, window) {
                    wanted.push((number, at, key().hash(window)));
                }
            }
        }
        prop_assert_eq!(visited(&text, &shapes), wanted);
    }

    #[test]
    fn a_window_is_in_its_form_and_of_its_shape(value in "[a-zA-Z0-9%<\"\\\\ é&+/=]{0,80}") {
        for form in forms(value.as_bytes()) {
            match Chosen::of(&form, value.len()) {
                None => prop_assert!(value.len() < WINDOW),
                Some(Chosen { at, shape }) => {
                    prop_assert!(shape.is_sound());
                    let window = &form.bytes[at..at + shape.length];
                    prop_assert!(fits(shape.among, window), "{:?} {:?}", form.kind, shape);
                    prop_assert_eq!(Shape::numbered(shape.number()), Some(shape));
                }
            }
        }
    }

    #[test]
    fn a_window_spells_as_much_of_the_value_in_every_form(
        plain in "[a-zA-Z0-9]{16}([a-zA-Z0-9]{5}[%\"/+]){0,7}",
        dense in "([a-zA-Z0-9]{0,2}[%\"/+]){12,20}[a-zA-Z0-9]{4}",
        short in "[a-zA-Z0-9%\"/+]{16,24}",
    ) {
        let of_plain = if plain.len() >= 32 { 32 } else { 16 };
        for (value, coded, escaped) in [(plain, of_plain, 16), (dense, 16, 6), (short, 16, 6)] {
            for form in forms(value.as_bytes()) {
                let Chosen { at, shape } = Chosen::of(&form, value.len()).unwrap();
                let window = std::str::from_utf8(&form.bytes[at..at + shape.length]).unwrap();
                let (spelled, wanted) = match form.kind {
                    // Six bits a character, and the value's own ones alone.
                    FormKind::Base64(_) | FormKind::Base64Url(_) => (window.len() * 6 / 8 + 1, coded),
                    FormKind::Hex(_) => (window.len() / 2, coded),
                    FormKind::Url(..) => (whole(window, '%'), escaped),
                    FormKind::Json(_) => (whole(window, '\\'), escaped),
                    _ => (window.len(), coded),
                };
                prop_assert!(spelled >= wanted, "{:?}: `{window}` spells {spelled} of {wanted}", form.kind);
            }
        }
    }
}

/// Characters and whole escapes in a window of ASCII.
fn whole(window: &str, escape: char) -> usize {
    let (mut rest, mut count) = (window, 0);
    while let Some(first) = rest.chars().next() {
        let length = match (first, rest.chars().nth(1)) {
            (first, _) if first != escape => 1,
            ('%', _) => 3,
            (_, Some('u')) => 6,
            _ => 2,
        };
        let Some(after) = rest.get(length..) else { break };
        (rest, count) = (after, count + 1);
    }
    count
}

fn chosen(value: &[u8]) -> Chosen {
    Chosen::of(&forms(value)[0], value.len()).unwrap()
}

#[test]
fn what_keys_of_one_kind_share_is_not_chosen() {
    let body = "Zm9vYmFyYmF6cXV4MDEyMzQ1Njc4OUFCQ0RFRkdISUpLTE1OT1A";
    let text = format!("-----BEGIN SOME KEY-----\n{body}\n-----END SOME KEY-----\n");
    let Chosen { at, shape } = chosen(text.as_bytes());
    assert_eq!(shape, Shape { among: Among::Plain, length: 32 });
    assert!(body.contains(&text[at..at + shape.length]));
}

#[test]
fn blanks_stand_in_a_window_where_nothing_else_is() {
    assert_eq!(chosen(b"one two three four five").shape, Shape { among: Among::Any, length: 16 });
    assert_eq!(chosen(b"one two three four five six seven eight").shape, Shape { among: Among::Any, length: 32 });
    assert_eq!(chosen(b"only the lastOfThemHasNoBlankAtAll").shape, Shape { among: Among::Plain, length: 16 });
}
