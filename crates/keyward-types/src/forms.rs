//! The encoded forms in which a secret shows up outside the vault.
//!
//! A key that leaves a program is seldom the bytes that went in: a header carries it in base64,
//! a log line as a JSON string, a redirect percent-encoded. [`forms`] is the one closed list of
//! those spellings. Output masking hides each of them and the vault's match records cover each of
//! them, so that the two can never disagree about what "the same secret" means.
//!
//! What holds: each form is a byte string that is *fully* determined by the value. Where an
//! encoding mixes bits of the value with bits of its neighbours (base64 at both edges), the mixed
//! characters are cut off; what stays visible there is at most four bits of the first and of the
//! last byte. Doubly encoded values are not listed.

use core::fmt;

use data_encoding::{BASE64_NOPAD, BASE64URL_NOPAD, Encoding};
use zeroize::Zeroizing;

/// Every form of `value`, raw first, without duplicates and without empty ones.
///
/// The order is fixed: raw, base64, base64url, percent-encoded, JSON, hex. When two kinds spell a
/// value alike (an alphanumeric value is its own JSON and URL form) the first kind keeps it.
///
/// ```
/// use keyward_types::forms::{FormKind, forms};
/// let found = forms(b"s3cr3t/value");
/// assert_eq!(found[0].kind, FormKind::Raw);
/// assert!(found.iter().any(|form| *form.bytes == b"s3cr3t%2Fvalue"));
/// ```
#[must_use]
pub fn forms(value: &[u8]) -> Vec<Form> {
    let mut list = FormList(Vec::with_capacity(12));
    list.add(FormKind::Raw, Zeroizing::new(value.to_vec()));
    for phase in Phase::ALL {
        list.add(FormKind::Base64(phase), base64_inner(BASE64_NOPAD, value, phase));
    }
    for phase in Phase::ALL {
        list.add(FormKind::Base64Url(phase), base64_inner(BASE64URL_NOPAD, value, phase));
    }
    for style in UrlStyle::ALL {
        for case in HexCase::ALL {
            list.add(FormKind::Url(style, case), percent_encode(value, style, case));
        }
    }
    if let Ok(text) = core::str::from_utf8(value) {
        for style in JsonStyle::ALL {
            list.add(FormKind::Json(style), json_escape(text, style));
        }
    }
    for case in HexCase::ALL {
        list.add(FormKind::Hex(case), hex(value, case));
    }
    list.0
}

/// One spelling of a value. The bytes are as secret as the value: `Debug` does not show them and
/// they are wiped when dropped.
#[derive(Clone, PartialEq, Eq)]
pub struct Form {
    /// How the value is encoded.
    pub kind: FormKind,
    /// The encoded bytes, never empty.
    pub bytes: Zeroizing<Vec<u8>>,
}

impl fmt::Debug for Form {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Form({:?}, {} bytes)", self.kind, self.bytes.len())
    }
}

/// How a form came about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum FormKind {
    /// The value itself.
    Raw,
    /// Base64 with `+` and `/` (RFC 4648 section 4), edges cut off.
    Base64(Phase),
    /// Base64 with `-` and `_` (RFC 4648 section 5), edges cut off.
    Base64Url(Phase),
    /// Percent-encoded (RFC 3986 section 2.1).
    Url(UrlStyle, HexCase),
    /// The inside of a JSON string (RFC 8259 section 7), without its quotes.
    Json(JsonStyle),
    /// Two hexadecimal digits a byte, nothing in between.
    Hex(HexCase),
}

/// Where the value starts inside the three-byte groups of the base64 text that contains it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Phase {
    /// On a group's first byte: the value was encoded alone, or after a multiple of three bytes.
    Zero,
    /// On a group's second byte.
    One,
    /// On a group's third byte.
    Two,
}

impl Phase {
    /// All three, in order.
    pub const ALL: [Self; 3] = [Self::Zero, Self::One, Self::Two];

    /// How many bytes of the group lie before the value: 0, 1 or 2.
    #[must_use]
    pub const fn lead(self) -> usize {
        self as usize
    }
}

/// Digits above nine: `a`–`f` or `A`–`F`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum HexCase {
    /// `A`–`F`, what most URL libraries write.
    Upper,
    /// `a`–`f`, what most hash and byte dumps write.
    Lower,
}

impl HexCase {
    const ALL: [Self; 2] = [Self::Upper, Self::Lower];

    fn digits(self, byte: u8) -> [u8; 2] {
        let table: &[u8; 16] = match self {
            Self::Upper => b"0123456789ABCDEF",
            Self::Lower => b"0123456789abcdef",
        };
        [table[usize::from(byte >> 4)], table[usize::from(byte & 15)]]
    }
}

/// Which bytes a percent-encoder leaves as they are, and what it makes of a space. Letters and
/// digits are always left.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum UrlStyle {
    /// Leaves `-._~`: RFC 3986 unreserved, Python `quote(safe="")`.
    Strict,
    /// The same with `+` for a space: Python `quote_plus`, Go `url.QueryEscape`.
    StrictPlus,
    /// Leaves `-._~!*'()`: JavaScript `encodeURIComponent`.
    Component,
    /// Leaves `-._~/`: Python `quote`.
    Path,
    /// Leaves `-._*`, `+` for a space: HTML forms (WHATWG), Java `URLEncoder`.
    Form,
    /// Leaves the reserved characters too: JavaScript `encodeURI`.
    Uri,
}

impl UrlStyle {
    const ALL: [Self; 6] = [Self::Strict, Self::StrictPlus, Self::Component, Self::Path, Self::Form, Self::Uri];

    fn keeps(self, byte: u8) -> bool {
        let marks: &[u8] = match self {
            Self::Strict | Self::StrictPlus => b"-._~",
            Self::Component => b"-._~!*'()",
            Self::Path => b"-._~/",
            Self::Form => b"-._*",
            Self::Uri => b"-._~!*'();/?:@&=+$,#",
        };
        byte.is_ascii_alphanumeric() || marks.contains(&byte)
    }

    fn space_as_plus(self) -> bool {
        matches!(self, Self::StrictPlus | Self::Form)
    }
}

/// What a JSON writer escapes beyond what it must (`"`, `\` and control characters).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum JsonStyle {
    /// Nothing more: serde_json, JavaScript `JSON.stringify`.
    Minimal,
    /// `/` as `\/`.
    Slash,
    /// `<`, `>`, `&`, U+2028 and U+2029 as `\u003c` …: Go `encoding/json`, Rails.
    Html,
    /// The same and `=`, `'`: Gson.
    HtmlStrict,
    /// All but ASCII as `\u00e9` …: Python `json.dumps`.
    Ascii,
    /// The same and `\/`: PHP `json_encode`.
    AsciiSlash,
    /// `"`, `&`, `'`, `+`, `<`, `>`, `` ` `` and all but ASCII as `\u0022` … in upper case:
    /// .NET `System.Text.Json`.
    AsciiUpper,
}

impl JsonStyle {
    const ALL: [Self; 7] =
        [Self::Minimal, Self::Slash, Self::Html, Self::HtmlStrict, Self::Ascii, Self::AsciiSlash, Self::AsciiUpper];

    fn escapes_slash(self) -> bool {
        matches!(self, Self::Slash | Self::AsciiSlash)
    }

    /// Whether this writer spells `c` as `\uXXXX` although it need not.
    fn escapes_by_number(self, c: char) -> bool {
        match self {
            Self::Minimal | Self::Slash => false,
            Self::Html => matches!(c, '<' | '>' | '&' | '\u{2028}' | '\u{2029}'),
            Self::HtmlStrict => {
                matches!(c, '<' | '>' | '&' | '=' | '\'' | '\u{2028}' | '\u{2029}')
            }
            Self::Ascii | Self::AsciiSlash => !c.is_ascii(),
            Self::AsciiUpper => matches!(c, '"' | '&' | '\'' | '+' | '<' | '>' | '`' | '\u{7f}') || !c.is_ascii(),
        }
    }

    fn case(self) -> HexCase {
        if matches!(self, Self::AsciiUpper) { HexCase::Upper } else { HexCase::Lower }
    }
}

struct FormList(Vec<Form>);

impl FormList {
    fn add(&mut self, kind: FormKind, bytes: Zeroizing<Vec<u8>>) {
        if !bytes.is_empty() && self.0.iter().all(|form| form.bytes != bytes) {
            self.0.push(Form { kind, bytes });
        }
    }
}

/// The characters of `value`'s base64 text that hold bits of the value only, when `phase` bytes
/// precede it.
fn base64_inner(encoding: Encoding, value: &[u8], phase: Phase) -> Zeroizing<Vec<u8>> {
    let lead = phase.lead();
    let mut padded = Zeroizing::new(Vec::with_capacity(lead + value.len()));
    padded.resize(lead, 0);
    padded.extend_from_slice(value);
    let mut text = Zeroizing::new(vec![0; encoding.encode_len(padded.len())]);
    encoding.encode_mut(&padded, &mut text);
    let first = (lead * 8).div_ceil(6);
    let end = padded.len() * 8 / 6;
    text.truncate(end);
    text.drain(..first.min(end));
    text
}

fn hex(value: &[u8], case: HexCase) -> Zeroizing<Vec<u8>> {
    let mut output = Zeroizing::new(Vec::with_capacity(value.len() * 2));
    for &byte in value {
        output.extend_from_slice(&case.digits(byte));
    }
    output
}

fn percent_encode(value: &[u8], style: UrlStyle, case: HexCase) -> Zeroizing<Vec<u8>> {
    let mut output = Zeroizing::new(Vec::with_capacity(value.len() * 3));
    for &byte in value {
        if style.keeps(byte) {
            output.push(byte);
        } else if byte == b' ' && style.space_as_plus() {
            output.push(b'+');
        } else {
            output.push(b'%');
            output.extend_from_slice(&case.digits(byte));
        }
    }
    output
}

fn json_escape(text: &str, style: JsonStyle) -> Zeroizing<Vec<u8>> {
    // The longest escape of one byte is `\uXXXX`.
    let mut output = Zeroizing::new(Vec::with_capacity(text.len() * 6));
    for c in text.chars() {
        if style.escapes_by_number(c) {
            push_escaped_units(&mut output, c, style.case());
            continue;
        }
        match c {
            '"' => output.extend_from_slice(b"\\\""),
            '\\' => output.extend_from_slice(b"\\\\"),
            '\n' => output.extend_from_slice(b"\\n"),
            '\r' => output.extend_from_slice(b"\\r"),
            '\t' => output.extend_from_slice(b"\\t"),
            '\u{8}' => output.extend_from_slice(b"\\b"),
            '\u{c}' => output.extend_from_slice(b"\\f"),
            '\0'..='\u{1f}' => push_escaped_units(&mut output, c, style.case()),
            '/' if style.escapes_slash() => output.extend_from_slice(b"\\/"),
            _ => output.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes()),
        }
    }
    output
}

/// `c` as one `\uXXXX`, or two when it lies outside the basic plane (RFC 8259 section 7).
fn push_escaped_units(output: &mut Vec<u8>, c: char, case: HexCase) {
    for unit in c.encode_utf16(&mut [0; 2]) {
        let [high, low] = unit.to_be_bytes();
        output.extend_from_slice(b"\\u");
        output.extend_from_slice(&case.digits(high));
        output.extend_from_slice(&case.digits(low));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn has(value: &[u8], form: &str) -> bool {
        forms(value).iter().any(|f| *f.bytes == form.as_bytes())
    }

    #[test]
    fn an_alphanumeric_value_is_its_own_url_and_json_form() {
        let kinds: Vec<_> = forms(b"lmnopqrs12345678").iter().map(|f| f.kind).collect();
        assert_eq!(
            kinds,
            [
                FormKind::Raw,
                FormKind::Base64(Phase::Zero),
                FormKind::Base64(Phase::One),
                FormKind::Base64(Phase::Two),
                FormKind::Hex(HexCase::Upper),
                FormKind::Hex(HexCase::Lower),
            ]
        );
    }

    #[test]
    fn one_of_the_base64_phases_is_found_wherever_the_value_stands() {
        let values: [&[u8]; 4] = [b"12345678", b"a-secret-of-19-byte", b"\xff\xfe\xfd\xfc\xfb\xfa\xf9\xf8", &[0; 9]];
        for value in values {
            for before in 0..7 {
                for after in 0..4 {
                    let mut text = vec![b'#'; before];
                    text.extend_from_slice(value);
                    text.resize(text.len() + after, b'~');
                    for encoding in [data_encoding::BASE64, data_encoding::BASE64URL] {
                        let encoded = encoding.encode(&text).into_bytes();
                        let listed = forms(value).into_iter().any(|form| {
                            // Only the mixed characters at the edges may be missing from the form.
                            form.bytes.len() * 6 + 2 * 4 >= value.len() * 8
                                && form.bytes.len() < value.len() * 2
                                && *form.bytes != value
                                && encoded.windows(form.bytes.len()).any(|window| window == &**form.bytes)
                        });
                        assert!(listed, "{before} bytes before, {after} after");
                    }
                }
            }
        }
    }

    #[test]
    fn percent_encoding_follows_each_library() {
        let value = "p@ss w/rd~é'(*)".as_bytes();
        // Recorded from CPython 3.11, Node 18 and the WHATWG rules.
        assert!(has(value, "p%40ss%20w%2Frd~%C3%A9%27%28%2A%29"), "quote(safe='')");
        assert!(has(value, "p%40ss+w%2Frd~%C3%A9%27%28%2A%29"), "quote_plus");
        assert!(has(value, "p%40ss%20w/rd~%C3%A9%27%28%2A%29"), "quote");
        assert!(has(value, "p%40ss%20w%2Frd~%C3%A9'(*)"), "encodeURIComponent");
        assert!(has(value, "p@ss%20w/rd~%C3%A9'(*)"), "encodeURI");
        assert!(has(value, "p%40ss+w%2Frd%7E%C3%A9%27%28*%29"), "URLSearchParams");
        assert!(has(value, "p%40ss%20w%2frd~%c3%a9%27%28%2a%29"), "lower case");
    }

    #[test]
    fn json_escaping_follows_each_library() {
        let value = "a\"b\\c/d\n\u{1}<&>='+é😀".as_bytes();
        assert!(has(value, "a\\\"b\\\\c/d\\n\\u0001<&>='+é😀"), "JSON.stringify");
        assert!(has(value, "a\\\"b\\\\c\\/d\\n\\u0001<&>='+é😀"), "slash");
        assert!(has(value, "a\\\"b\\\\c/d\\n\\u0001\\u003c\\u0026\\u003e='+é😀"), "Go");
        assert!(has(value, "a\\\"b\\\\c/d\\n\\u0001\\u003c\\u0026\\u003e\\u003d\\u0027+é😀"), "Gson");
        assert!(has(value, "a\\\"b\\\\c/d\\n\\u0001<&>='+\\u00e9\\ud83d\\ude00"), "json.dumps");
        assert!(has(value, "a\\\"b\\\\c\\/d\\n\\u0001<&>='+\\u00e9\\ud83d\\ude00"), "json_encode");
        assert!(
            has(value, "a\\u0022b\\\\c/d\\n\\u0001\\u003C\\u0026\\u003E=\\u0027\\u002B\\u00E9\\uD83D\\uDE00"),
            "System.Text.Json"
        );
    }

    #[test]
    fn a_value_that_is_no_text_has_no_json_form() {
        assert!(forms(b"\xff\xff\xff\xff").iter().all(|f| !matches!(f.kind, FormKind::Json(_))));
        assert!(has(b"\xff\xff\xff\xff", "ffffffff"));
        assert!(has(b"\xff\xff\xff\xff", "%FF%FF%FF%FF"));
    }

    #[test]
    fn no_form_is_empty_or_listed_twice() {
        for value in [b"".as_slice(), b"a", b"ab", b"+/+/+/+/", b"\"\\/ %"] {
            let found = forms(value);
            for (i, form) in found.iter().enumerate() {
                assert!(!form.bytes.is_empty());
                assert!(found[..i].iter().all(|other| other.bytes != form.bytes));
            }
        }
        assert!(forms(b"").is_empty());
    }

    #[test]
    fn debug_shows_no_bytes() {
        let shown = format!("{:?}", forms(b"s3cr3ts3cr3t"));
        assert!(!shown.contains("s3cr3t"), "{shown}");
    }
}
