//! JSON, read as it passes: the names on the way to a value, and the values at the end of them.
//!
//! Nothing is kept but the path and one short value, so that a body of any length is read in the
//! same memory. The elements of an array have the path of the array. What is no JSON makes the
//! reader silent for the rest of the document, and it says so.

use std::borrow::Cow;

use memchr::memchr2;

/// Names deeper than this are not told.
pub(crate) const NAMED_DEPTH: usize = 4;
/// The longest value that is told whole.
const LONGEST: usize = 160;
/// Nesting beyond this is nobody's answer.
const DEEPEST: usize = 128;

/// What the reader tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Event<'a> {
    /// A string, its escapes resolved; `None` where it is longer than what is kept.
    Text(Option<&'a str>),
    /// A number as it is spelled, `true`, `false` or `null`.
    Word(&'a str),
    /// An object begins, or an array.
    Open(Opened),
    /// An object or array ends.
    Close,
}

/// What begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Opened {
    Object,
    Array,
}

/// Where something stands in the document.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place<'a> {
    /// The names of the objects' members on the way, joined by dots.
    pub(crate) path: &'a str,
    /// How many names that are. A name with a dot in it does not pass for two.
    pub(crate) names: usize,
    /// Offset in the document: of the first byte of a value, of the last one of an object.
    pub(crate) at: usize,
    /// The length of a string as it is spelled.
    pub(crate) length: usize,
}

/// Reads one document after the other, in chunks of any size.
pub(crate) struct JsonReader {
    state: State,
    /// What is open, a bit each, the innermost lowest; set: an object.
    objects: u128,
    /// Which of these have a member's name on the path.
    naming: u128,
    depth: usize,
    path: String,
    /// How long the path was before each name on it.
    lengths: [usize; NAMED_DEPTH],
    /// Names on the way, those among them that are too deep to be told.
    names: usize,
    /// A name has just been read and its value follows.
    named: bool,
    expect_name: bool,
    /// The beginning of the present value, where it came in pieces.
    text: Vec<u8>,
    /// The length of all of it.
    length: usize,
    escaped: bool,
    at: usize,
    start: usize,
    broken: bool,
}

impl Default for JsonReader {
    fn default() -> Self {
        Self {
            state: State::Between,
            objects: 0,
            naming: 0,
            depth: 0,
            path: String::with_capacity(64),
            lengths: [0; NAMED_DEPTH],
            names: 0,
            named: false,
            expect_name: false,
            text: Vec::new(),
            length: 0,
            escaped: false,
            at: 0,
            start: 0,
            broken: false,
        }
    }
}

#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum State {
    #[default]
    Between,
    Text,
    /// Behind a backslash.
    Escape,
    Word,
}

impl JsonReader {
    /// Begins anew.
    pub(crate) fn reset(&mut self) {
        self.path.clear();
        (self.state, self.objects, self.naming, self.depth, self.names) = (State::Between, 0, 0, 0, 0);
        (self.named, self.expect_name, self.broken) = (false, false, false);
        (self.length, self.at) = (0, 0);
    }

    /// Whether what came is no JSON.
    pub(crate) fn broken(&self) -> bool {
        self.broken
    }

    /// Whether nothing is open: between documents, or before the first.
    pub(crate) fn at_rest(&self) -> bool {
        self.depth == 0 && self.state == State::Between
    }

    /// Takes the next bytes.
    pub(crate) fn feed(&mut self, bytes: &[u8], tell: &mut impl FnMut(Place<'_>, Event<'_>)) {
        let base = self.at;
        let mut i = 0;
        while i < bytes.len() && !self.broken {
            match self.state {
                State::Text => i += self.text(&bytes[i..], tell),
                State::Escape => {
                    self.keep(&bytes[i..=i]);
                    self.state = State::Text;
                    i += 1;
                }
                State::Word => i += self.word(&bytes[i..], tell),
                State::Between if is_word(bytes[i]) && !self.expect_name => self.begin(State::Word, base + i),
                State::Between => {
                    self.between(bytes[i], base + i, tell);
                    i += 1;
                }
            }
        }
        self.at = base + bytes.len();
    }

    /// Says that nothing follows: a number at the end of a document has no other end.
    pub(crate) fn finish(&mut self, tell: &mut impl FnMut(Place<'_>, Event<'_>)) {
        if self.state == State::Word {
            self.end_kept(tell);
        }
    }

    fn end_kept(&mut self, tell: &mut impl FnMut(Place<'_>, Event<'_>)) {
        let kept = std::mem::take(&mut self.text);
        self.end_word((self.length <= LONGEST).then_some(&kept[..]), tell);
        self.text = kept;
    }

    fn between(&mut self, byte: u8, at: usize, tell: &mut impl FnMut(Place<'_>, Event<'_>)) {
        match byte {
            b' ' | b'\t' | b'\n' | b'\r' => {}
            b'"' => self.begin(State::Text, at),
            b'{' | b'[' => self.open(byte == b'{', at, tell),
            b'}' | b']' => self.close(byte == b'}', at, tell),
            b':' if self.named && self.expect_name => self.expect_name = false,
            b',' => {
                self.value_ended();
                self.expect_name = self.depth > 0 && self.objects & 1 == 1;
            }
            _ => self.broken = true,
        }
    }

    fn begin(&mut self, state: State, at: usize) {
        self.state = state;
        self.start = at;
        (self.length, self.escaped) = (0, false);
        self.text.clear();
    }

    fn open(&mut self, object: bool, at: usize, tell: &mut impl FnMut(Place<'_>, Event<'_>)) {
        if self.depth == DEEPEST || self.expect_name {
            self.broken = true;
            return;
        }
        self.length = 0;
        tell(self.place(at), Event::Open(if object { Opened::Object } else { Opened::Array }));
        // A member's name stays on the path until what it names has ended.
        self.objects = self.objects << 1 | u128::from(object);
        self.naming <<= 1;
        self.depth += 1;
        self.named = false;
        self.expect_name = object;
    }

    fn close(&mut self, object: bool, at: usize, tell: &mut impl FnMut(Place<'_>, Event<'_>)) {
        self.value_ended();
        if self.depth == 0 || (self.objects & 1 == 1) != object {
            self.broken = true;
            return;
        }
        self.objects >>= 1;
        self.naming >>= 1;
        self.depth -= 1;
        self.expect_name = false;
        self.length = 0;
        tell(self.place(at), Event::Close);
        self.value_ended();
    }

    /// Takes the name of the value that has ended off the path.
    fn value_ended(&mut self) {
        self.named = false;
        if self.naming & 1 == 1 {
            self.naming &= !1;
            self.names -= 1;
            if let Some(length) = self.lengths.get(self.names) {
                self.path.truncate(*length);
            }
        }
    }

    /// Goes on with a string, and gives how many of the bytes are behind it or belong to it.
    fn text(&mut self, bytes: &[u8], tell: &mut impl FnMut(Place<'_>, Event<'_>)) -> usize {
        let mut end = 0;
        loop {
            let Some(next) = quote_or_escape(&bytes[end..]) else {
                self.keep(bytes);
                return bytes.len();
            };
            end += next;
            if bytes[end] == b'"' {
                break;
            }
            self.escaped = true;
            if end + 1 == bytes.len() {
                self.keep(bytes);
                self.state = State::Escape;
                return bytes.len();
            }
            end += 2;
        }
        self.state = State::Between;
        let kept;
        let text = match self.length {
            // All of it is here, and nothing has to be copied.
            0 => {
                self.length = end;
                &bytes[..end]
            }
            _ => {
                self.keep(&bytes[..end]);
                kept = std::mem::take(&mut self.text);
                &kept[..]
            }
        };
        let whole = (self.length <= LONGEST).then(|| resolve(text, self.escaped)).flatten();
        if self.expect_name {
            self.name(whole.as_deref());
        } else {
            tell(self.place(self.start), Event::Text(whole.as_deref()));
        }
        end + 1
    }

    fn name(&mut self, name: Option<&str>) {
        if self.named || self.naming & 1 == 1 {
            self.broken = true;
            return;
        }
        self.named = true;
        self.naming |= 1;
        if let Some(length) = self.lengths.get_mut(self.names) {
            *length = self.path.len();
            if *length > 0 {
                self.path.push('.');
            }
            // A name too long to be kept is nobody's whom we look for.
            self.path.push_str(name.unwrap_or("\u{fffd}"));
        }
        self.names += 1;
    }

    /// Goes on with a number or a word.
    fn word(&mut self, bytes: &[u8], tell: &mut impl FnMut(Place<'_>, Event<'_>)) -> usize {
        let end = bytes.iter().take_while(|byte| is_word(**byte)).count();
        if end == bytes.len() {
            self.keep(bytes);
        } else if self.length == 0 {
            self.length = end;
            self.end_word(Some(&bytes[..end]), tell);
        } else {
            self.keep(&bytes[..end]);
            self.end_kept(tell);
        }
        end
    }

    fn end_word(&mut self, word: Option<&[u8]>, tell: &mut impl FnMut(Place<'_>, Event<'_>)) {
        self.state = State::Between;
        match word.map(std::str::from_utf8) {
            Some(Ok(word)) if word.len() <= LONGEST => tell(self.place(self.start), Event::Word(word)),
            _ => self.broken = true,
        }
    }

    fn place(&self, at: usize) -> Place<'_> {
        Place { path: &self.path, names: self.names, at, length: self.length }
    }

    fn keep(&mut self, bytes: &[u8]) {
        let here = bytes.len().min(LONGEST - self.text.len());
        self.text.extend_from_slice(&bytes[..here]);
        self.length += bytes.len();
    }
}

/// Names and most values are so short that they end before a search by vectors has begun.
const SHORT: usize = 24;

fn quote_or_escape(bytes: &[u8]) -> Option<usize> {
    let (near, far) = bytes.split_at(bytes.len().min(SHORT));
    let found = near.iter().position(|byte| matches!(byte, b'"' | b'\\'));
    found.or_else(|| memchr2(b'"', b'\\', far).map(|at| near.len() + at))
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'+' | b'.')
}

/// A string as it reads.
fn resolve(text: &[u8], escaped: bool) -> Option<Cow<'_, str>> {
    let text = std::str::from_utf8(text).ok()?;
    if !escaped {
        return Some(text.into());
    }
    serde_json::from_str::<String>(&format!("\"{text}\"")).ok().map(Into::into)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn told(chunks: &[&[u8]]) -> (Vec<String>, bool) {
        let (mut reader, mut told) = (JsonReader::default(), Vec::new());
        let mut tell = |place: Place<'_>, event: Event<'_>| {
            told.push(format!("{}:{}@{}={event:?}", place.names, place.path, place.at));
        };
        for chunk in chunks {
            reader.feed(chunk, &mut tell);
        }
        reader.finish(&mut tell);
        (told, reader.broken())
    }

    const ANSWER: &[u8] =
        br#" {"model":"m\u0031","choices":[{"a":{"b":{"c":{"d":1}}}}, 2],"usage":{"in":12,"e":[]},"s":"x\"y","f":true}"#;

    #[test]
    fn names_and_values_are_told() {
        let (told, broken) = told(&[ANSWER]);
        assert!(!broken);
        assert!(told.contains(&"1:model@10=Text(Some(\"m1\"))".to_owned()), "{told:#?}");
        assert!(told.contains(&"2:usage.in@75=Word(\"12\")".to_owned()), "{told:#?}");
        assert!(told.contains(&"1:s@90=Text(Some(\"x\\\"y\"))".to_owned()), "{told:#?}");
        assert!(told.contains(&"1:f@101=Word(\"true\")".to_owned()), "{told:#?}");
        let last = told.last().unwrap();
        assert_eq!(*last, format!("0:@{}=Close", ANSWER.len() - 1));
    }

    #[test]
    fn it_is_told_alike_at_every_split() {
        let whole = told(&[ANSWER]);
        for split in 0..=ANSWER.len() {
            assert_eq!(told(&[&ANSWER[..split], &ANSWER[split..]]), whole, "split at {split}");
        }
        assert_eq!(told(&ANSWER.chunks(1).collect::<Vec<_>>()), whole);
    }

    #[test]
    fn a_name_with_a_dot_is_one_name() {
        let (told, _) = told(&[br#"{"usage.in":5}"#]);
        assert!(told.contains(&"1:usage.in@12=Word(\"5\")".to_owned()), "{told:?}");
    }

    #[test]
    fn what_is_no_json_is_broken() {
        for text in ["}", "{]", "{\"a\" \"b\"", "{1:2}", "{{", "[}", "%", "{\"a\":1,,:2}"] {
            assert!(told(&[text.as_bytes()]).1, "{text}");
        }
        assert!(told(&[&[b'['; 200]]).1);
    }

    #[test]
    fn long_values_are_told_without_their_text() {
        let text = format!("{{\"a\":\"{}\",\"b\":1}}", "x".repeat(2000));
        let (told, broken) = told(&[text.as_bytes()]);
        assert!(told.contains(&"1:a@5=Text(None)".to_owned()) && !broken, "{told:?}");
    }

    proptest! {
        #[test]
        fn no_bytes_upset_it(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            told(&[&bytes]);
        }

        #[test]
        fn what_serde_writes_is_never_broken(text in "\\PC{0,40}", number in any::<f64>()) {
            let value = serde_json::json!({ "a": [text, { "b": number, "c": null }], "d": {} });
            prop_assert!(!told(&[value.to_string().as_bytes()]).1);
        }
    }
}
