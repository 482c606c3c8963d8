//! Canonical JSON (RFC 8785), for the subset that entries use.
//!
//! One value has one spelling: no white space, members sorted by the UTF-16 code units of their
//! names, the shortest escapes, integers only (at most 2^53 − 1 either way, beyond which JSON
//! parsers disagree). An entry's bytes are what is hashed, so a second spelling of the same entry
//! would be a way to alter the log without altering its meaning.
//!
//! The entry type writes this form by itself; [`check`] says of foreign bytes where they leave it.

use crate::Error;

/// Largest magnitude of an integer: 2^53 − 1.
pub const MAX_INTEGER: u64 = (1 << 53) - 1;
/// Arrays and objects may be nested this deep.
pub const MAX_DEPTH: usize = 16;

/// Checks that the bytes are one JSON value in canonical form.
///
/// # Errors
/// [`Error::Canonical`] with the first offset that does not fit.
pub fn check(bytes: &[u8]) -> Result<(), Error> {
    if let Err(bad) = str::from_utf8(bytes) {
        return Err(Error::Canonical { at: bad.valid_up_to(), why: "not UTF-8" });
    }
    let mut scanner = Scanner { bytes, at: 0 };
    scanner.value(0)?;
    match scanner.peek() {
        None => Ok(()),
        Some(_) => scanner.refuse("more follows after the value"),
    }
}

struct Scanner<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Scanner<'_> {
    fn value(&mut self, depth: usize) -> Result<(), Error> {
        match self.peek() {
            Some(b'{' | b'[') if depth == MAX_DEPTH => self.refuse("nested too deep"),
            Some(b'{') => self.object(depth),
            Some(b'[') => self.array(depth),
            Some(b'"') => self.string().map(drop),
            Some(b'-' | b'0'..=b'9') => self.integer(),
            Some(b't') => self.word(b"true"),
            Some(b'f') => self.word(b"false"),
            Some(b'n') => self.word(b"null"),
            _ => self.refuse("a value must stand here"),
        }
    }

    fn object(&mut self, depth: usize) -> Result<(), Error> {
        self.at += 1;
        if self.eat(b'}') {
            return Ok(());
        }
        let mut last: Option<Vec<u16>> = None;
        loop {
            let start = self.at;
            let name = self.string()?;
            if last.is_some_and(|last| last >= name) {
                self.at = start;
                return self.refuse("members must be sorted and unique");
            }
            last = Some(name);
            self.word(b":")?;
            self.value(depth + 1)?;
            if self.eat(b'}') {
                return Ok(());
            }
            self.word(b",")?;
        }
    }

    fn array(&mut self, depth: usize) -> Result<(), Error> {
        self.at += 1;
        if self.eat(b']') {
            return Ok(());
        }
        loop {
            self.value(depth + 1)?;
            if self.eat(b']') {
                return Ok(());
            }
            self.word(b",")?;
        }
    }

    /// Passes over a string and returns its UTF-16 code units, by which names are sorted.
    fn string(&mut self) -> Result<Vec<u16>, Error> {
        self.word(b"\"")?;
        let mut units = Vec::new();
        loop {
            let start = self.at;
            while self.peek().is_some_and(|b| b >= 0x20 && b != b'"' && b != b'\\') {
                self.at += 1;
            }
            let plain = str::from_utf8(&self.bytes[start..self.at]).expect("cut at ASCII bytes");
            units.extend(plain.encode_utf16());
            match self.peek() {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(units);
                }
                Some(b'\\') => units.push(self.escape()?),
                Some(_) => return self.refuse("a control character must be escaped"),
                None => return self.refuse("the string does not end"),
            }
        }
    }

    /// The escapes that RFC 8785, 3.2.2.2 asks for, and no others.
    fn escape(&mut self) -> Result<u16, Error> {
        let rest = &self.bytes[self.at..];
        let short = |c: u8| match c {
            b'"' | b'\\' => Some(c),
            b'b' => Some(0x08),
            b't' => Some(0x09),
            b'n' => Some(0x0a),
            b'f' => Some(0x0c),
            b'r' => Some(0x0d),
            _ => None,
        };
        if let Some(code) = rest.get(1).copied().and_then(short) {
            self.at += 2;
            return Ok(code.into());
        }
        for code in (0x00..0x20u16).filter(|code| !matches!(code, 0x08 | 0x09 | 0x0a | 0x0c | 0x0d)) {
            if rest.starts_with(format!("\\u{code:04x}").as_bytes()) {
                self.at += 6;
                return Ok(code);
            }
        }
        self.refuse("not the escape of the canonical form")
    }

    fn integer(&mut self) -> Result<(), Error> {
        let start = self.at;
        let negative = self.eat(b'-');
        let digits = self.at;
        while self.peek().is_some_and(|b| b.is_ascii_digit()) {
            self.at += 1;
        }
        let text = str::from_utf8(&self.bytes[digits..self.at]).expect("digits");
        let plain = !text.is_empty() && (text == "0" || !text.starts_with('0'));
        let number = text.parse::<u64>().ok().filter(|n| plain && *n <= MAX_INTEGER);
        let more = matches!(self.peek(), Some(b'.' | b'e' | b'E'));
        if number.is_none() || more || (negative && number == Some(0)) {
            self.at = start;
            return self.refuse("not an integer of at most 2^53 - 1");
        }
        Ok(())
    }

    fn word(&mut self, word: &[u8]) -> Result<(), Error> {
        if !self.bytes[self.at..].starts_with(word) {
            return self.refuse("another character must stand here");
        }
        self.at += word.len();
        Ok(())
    }

    fn eat(&mut self, byte: u8) -> bool {
        let eaten = self.peek() == Some(byte);
        self.at += usize::from(eaten);
        eaten
    }

    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn refuse<T>(&self, why: &'static str) -> Result<T, Error> {
        Err(Error::Canonical { at: self.at, why })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn the_canonical_form_is_accepted() {
        let good = [
            "null",
            "true",
            "0",
            "-1",
            "9007199254740991",
            "-9007199254740991",
            r#""""#,
            r#""\"\\\b\t\n\f\r\u0000\u001f/é""#,
            "[]",
            "{}",
            r#"[1,"a",[null]]"#,
            r#"{"a":1,"b":{"c":[]}}"#,
        ];
        for text in good {
            assert_eq!(check(text.as_bytes()), Ok(()), "{text}");
        }
        // By UTF-16 code units, a surrogate pair sorts before U+FB33; by bytes it does not.
        assert_eq!(check("{\"\u{1f600}\":1,\"\u{fb33}\":2}".as_bytes()), Ok(()));
        assert!(check("{\"\u{fb33}\":2,\"\u{1f600}\":1}".as_bytes()).is_err());
    }

    #[test]
    fn any_other_spelling_is_refused() {
        let bad = [
            "",
            " 1",
            "1 ",
            "01",
            "-0",
            "1.0",
            "1e3",
            "+1",
            "--1",
            "-",
            "9007199254740992",
            "tru",
            "[1,]",
            "[1, 2]",
            "[,]",
            "[1",
            "{",
            "{\"a\"}",
            "{\"a\":1,}",
            "{\"a\" :1}",
            "{a:1}",
            "{\"b\":1,\"a\":2}",
            "{\"a\":1,\"a\":1}",
            "\"",
            "\"\n\"",
            r#""\u000a""#,
            r#""\u0041""#,
            r#""\/""#,
            r#""\u001F""#,
            r#""\ud83d\ude00""#,
            "1\n",
            "[]]",
            "NaN",
        ];
        for text in bad {
            assert!(matches!(check(text.as_bytes()), Err(Error::Canonical { .. })), "{text:?}");
        }
        assert!(check(b"\"\xff\"").is_err());
        assert!(check(format!("{}{}", "[".repeat(16), "]".repeat(16)).as_bytes()).is_ok());
        assert!(check(format!("{}{}", "[".repeat(17), "]".repeat(17)).as_bytes()).is_err());
        assert!(check("[".repeat(1_000_000).as_bytes()).is_err());
    }

    fn any_json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            (-(MAX_INTEGER as i64)..=MAX_INTEGER as i64).prop_map(Value::from),
            any::<String>().prop_map(Value::from),
            "[\u{0}-\u{ff}]{0,8}".prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 40, 6, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
                prop::collection::btree_map(any::<String>(), inner, 0..6).prop_map(|map| json!(map)),
            ]
        })
    }

    proptest! {
        #[test]
        fn accepts_what_another_canonicaliser_writes(value in any_json()) {
            let text = serde_json_canonicalizer::to_vec(&value).unwrap();
            prop_assert_eq!(check(&text), Ok(()));
        }

        #[test]
        fn accepts_no_altered_bytes_unless_they_are_canonical_too(
            value in any_json(), at: prop::sample::Index, to: u8,
        ) {
            let mut text = serde_json_canonicalizer::to_vec(&value).unwrap();
            let at = at.index(text.len());
            text[at] = to;
            if check(&text).is_ok() {
                let value: Value = serde_json::from_slice(&text).unwrap();
                prop_assert_eq!(serde_json_canonicalizer::to_vec(&value).unwrap(), text);
            }
        }
    }
}
