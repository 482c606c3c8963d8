//! What a request's body says, as far as a rule or a price depends on it.
//!
//! The body is kept whole and passed on as it came, but for one insertion: OpenAI tells the usage of a
//! stream only when asked to. Whoever reads a body to judge it must not be told otherwise than the
//! upstream will be: a member that a rule reads and that stands there twice, or under a name with
//! escapes that resolve to it, is refused (`{"model":"small","model":"large"}`).

use std::borrow::Cow;

use bytes::{BufMut, Bytes, BytesMut};

use crate::meter::json::{Event, JsonReader, Opened, Place};

/// What a body asks for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Asked {
    /// The model.
    pub model: Option<String>,
    /// Whether the answer is to come as events.
    pub stream: bool,
    /// The most tokens that one answer may have.
    pub max_output: Option<u64>,
    /// How many answers.
    pub answers: u64,
    /// The caller asked for the usage of a stream himself.
    pub wants_usage: bool,
    /// Where a member can be inserted: behind the first brace of `stream_options`, or of all.
    options_at: Option<usize>,
    object_at: Option<usize>,
    /// Whether something follows in that object.
    options_filled: bool,
    filled: bool,
    /// A word that stands where the question for usage would: `"stream_options": null`.
    instead: Option<(usize, usize, &'static str)>,
    numbers: Vec<(Cow<'static, str>, Number)>,
}

/// A member that is to be a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Number {
    Is(u64),
    /// A fraction, a text, a negative number: nothing that a limit can be held against.
    Odd,
}

/// Why a body cannot be judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unreadable {
    /// It is no JSON object.
    NotJson,
    /// A member stands there twice.
    Twice,
}

/// The names of the limit of output, in all interfaces. A limit on one of them holds for all, since
/// a model takes what it knows.
const OUTPUT_LIMITS: [&str; 4] =
    ["max_tokens", "max_completion_tokens", "max_output_tokens", "generationConfig.maxOutputTokens"];

/// What rules and prices read of every body: these limits, and what else they depend on.
const WATCHED: [&str; 8] =
    [OUTPUT_LIMITS[0], OUTPUT_LIMITS[1], OUTPUT_LIMITS[2], OUTPUT_LIMITS[3], "model", "stream", "stream_options", "n"];

impl Asked {
    /// Reads a body. `fields`: the members that have a maximum, as paths.
    ///
    /// # Errors
    /// When it can be read in two ways, or not at all.
    pub fn read(body: &[u8], fields: &[(Box<str>, u64)]) -> Result<Self, Unreadable> {
        let mut reading = Reading { asked: Self { answers: 1, ..Self::default() }, fields, twice: false, ended: 0 };
        let mut reader = JsonReader::default();
        reader.feed(body, &mut |place, event| reading.take(place, event));
        reader.finish(&mut |place, event| reading.take(place, event));
        if reader.broken() || !reader.at_rest() || reading.asked.object_at.is_none() || reading.ended != 1 {
            return Err(Unreadable::NotJson);
        }
        if reading.twice {
            return Err(Unreadable::Twice);
        }
        Ok(reading.asked)
    }

    /// The first member that is above its maximum, or that a maximum cannot be held against. Where
    /// `output_due`, a limit of output that nothing stands against is one too.
    pub fn beyond<'a>(&self, maxima: &'a [(Box<str>, u64)], output_due: bool) -> Option<&'a (Box<str>, u64)> {
        maxima.iter().find(|(name, most)| {
            let of_output = OUTPUT_LIMITS.contains(&&**name);
            let mut values =
                self.numbers.iter().filter(|(of, _)| **of == **name || (of_output && OUTPUT_LIMITS.contains(&&**of)));
            let missing = of_output && output_due && values.clone().next().is_none();
            missing || values.any(|(_, number)| !matches!(number, Number::Is(number) if number <= most))
        })
    }

    /// The same body with the usage of the stream asked for, and nothing else touched.
    pub fn with_usage(&self, body: &Bytes) -> Bytes {
        if let Some((at, length, word)) = self.instead {
            return [&body[..at], word.as_bytes(), &body[at + length..]].concat().into();
        }
        let (at, member, filled) = match (self.options_at, self.object_at) {
            (Some(at), _) => (at, r#""include_usage":true"#, self.options_filled),
            (None, Some(at)) => (at, r#""stream_options":{"include_usage":true}"#, self.filled),
            (None, None) => return body.clone(),
        };
        let mut out = BytesMut::with_capacity(body.len() + member.len() + 1);
        out.put_slice(&body[..=at]);
        out.put_slice(member.as_bytes());
        if filled {
            out.put_u8(b',');
        }
        out.put_slice(&body[at + 1..]);
        out.freeze()
    }

    /// Whether the answer is a stream whose usage the caller did not ask for.
    pub fn lacks_usage(&self) -> bool {
        self.stream && !self.wants_usage
    }
}

struct Reading<'a> {
    asked: Asked,
    fields: &'a [(Box<str>, u64)],
    twice: bool,
    /// How many documents have ended.
    ended: usize,
}

impl Reading<'_> {
    fn take(&mut self, place: Place<'_>, event: Event<'_>) {
        let asked = &mut self.asked;
        if place.names == 0 {
            match event {
                Event::Open(Opened::Object) if asked.object_at.is_none() && self.ended == 0 => {
                    asked.object_at = Some(place.at)
                }
                Event::Close => self.ended += 1,
                // An array, or a second document.
                _ => self.ended += 2,
            }
            return;
        }
        asked.filled = true;
        if is_near(self.fields, place.path) {
            self.twice = true;
            return;
        }
        // Inside of an array the path is the array's: what stands there is no member of ours.
        let depth = place.path.bytes().filter(|byte| *byte == b'.').count() + 1;
        if depth != place.names {
            return;
        }
        match (place.path, event) {
            ("model", Event::Text(Some(text))) => set(&mut asked.model, text.to_owned(), &mut self.twice),
            // A model that is no text or too long to be one is judged as what it is: none that fits.
            ("model", Event::Text(None) | Event::Word(_) | Event::Open(_)) => {
                set(&mut asked.model, String::from("\u{fffd}"), &mut self.twice);
            }
            ("stream", Event::Word(word)) => {
                self.note(place.path, Number::Odd);
                self.asked.stream = word == "true";
            }
            ("stream_options", Event::Open(_)) => {
                self.twice |= self.asked.options_at.replace(place.at).is_some();
            }
            ("stream_options", Event::Word(_) | Event::Text(_)) => {
                self.note(place.path, Number::Odd);
                self.asked.instead = Some((place.at, place.length, r#"{"include_usage":true}"#));
            }
            ("stream_options.include_usage", Event::Word(word)) => {
                self.note(place.path, Number::Odd);
                self.asked.options_filled = true;
                self.asked.wants_usage = word == "true";
                self.asked.instead = Some((place.at, place.length, "true"));
            }
            (path, Event::Word(word)) => {
                self.asked.options_filled |= path.starts_with("stream_options.");
                let number = word.parse().map_or(Number::Odd, Number::Is);
                self.number(path, number, word == "null");
            }
            (path, Event::Text(_) | Event::Open(_)) => {
                self.asked.options_filled |= path.starts_with("stream_options.");
                self.number(path, Number::Odd, false);
            }
            (_, Event::Close) => {}
        }
    }

    fn number(&mut self, path: &str, number: Number, null: bool) {
        let limit = OUTPUT_LIMITS.contains(&path);
        if path == "n" {
            self.asked.answers = if let Number::Is(number) = number { number.max(1) } else { 1 };
            self.note(path, number);
        } else if limit || self.fields.iter().any(|(field, _)| &**field == path) {
            if let (true, Number::Is(number)) = (limit, number) {
                self.asked.max_output = Some(self.asked.max_output.unwrap_or_default().max(number));
            }
            // `null` is as good as nothing, but it is said, and may not be said twice.
            if null && limit { self.once(path) } else { self.note(path, number) }
        }
    }

    fn once(&mut self, path: &str) {
        self.twice |= self.asked.numbers.iter().any(|(name, _)| &**name == path);
    }

    fn note(&mut self, path: &str, number: Number) {
        self.once(path);
        // Nearly always it is one of these, and has not to be copied.
        let known = WATCHED.iter().find(|known| **known == path);
        let name = known.map_or_else(|| Cow::Owned(path.to_owned()), |known| Cow::Borrowed(*known));
        self.asked.numbers.push((name, number));
    }
}

/// Whether a name is one that rules read, in a spelling that some readers take for it: Go's does not
/// mind the case, nor two letters that fold to ASCII ones.
fn is_near(fields: &[(Box<str>, u64)], path: &str) -> bool {
    let is_ascii = path.is_ascii();
    let near = |name: &str| match is_ascii {
        // Nearly always: one look at each length is all that it takes.
        true => path.len() == name.len() && path != name && path.eq_ignore_ascii_case(name),
        false => path.len() >= name.len() && path != name && folds_to(path, name),
    };
    WATCHED.iter().any(|name| near(name)) || fields.iter().any(|(name, _)| near(name))
}

fn folds_to(text: &str, name: &str) -> bool {
    let fold = |c: char| match c {
        '\u{17f}' => 's',
        '\u{212a}' => 'k',
        c => c.to_ascii_lowercase(),
    };
    text.chars().map(fold).eq(name.chars().map(fold))
}

fn set<T>(place: &mut Option<T>, value: T, twice: &mut bool) {
    *twice |= place.replace(value).is_some();
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limits(most: u64) -> Vec<(Box<str>, u64)> {
        vec![("max_tokens".into(), most)]
    }

    fn read(body: &str) -> Result<Asked, Unreadable> {
        Asked::read(body.as_bytes(), &[("n".into(), 1)])
    }

    #[test]
    fn a_body_says_model_stream_and_limits() {
        let asked = read(
            r#"{"messages":[{"content":"hi","model":"no"}],"model":"gpt-4o","stream":true,"max_tokens":50,"n":2}"#,
        );
        let asked = asked.unwrap();
        assert_eq!((asked.model.as_deref(), asked.stream, asked.max_output), (Some("gpt-4o"), true, Some(50)));
        assert_eq!(asked.answers, 2);
    }

    #[test]
    fn a_member_that_stands_there_twice_is_refused() {
        for body in [
            r#"{"model":"small","model":"large"}"#,
            r#"{"model":"small","mod\u0065l":"large"}"#,
            r#"{"max_tokens":1,"max_tokens":9}"#,
            r#"{"stream":false,"stream":true}"#,
            r#"{"stream_options":{},"stream_options":{"include_usage":false}}"#,
            r#"{"model":"small","model":["large"]}"#,
            r#"{"max_tokens":[1]}"#,
            r#"{"model":"small","Model":"large"}"#,
            r#"{"max_tokens":1,"MAX_TO\u212aens":9}"#,
            r#"{"\u017ftream":true}"#,
        ] {
            assert_eq!(read(body), Err(Unreadable::Twice), "{body}");
        }
    }

    #[test]
    fn what_is_no_object_is_refused() {
        for body in
            ["", "[]", "[{\"model\":\"a\"}]", "{", "{}{}", "{\"model\":\"a\"} x", "1", "{} {\"model\":\"b\"}", "null"]
        {
            assert_eq!(read(body), Err(Unreadable::NotJson), "{body}");
        }
    }

    #[test]
    fn a_limit_holds_under_every_name_and_against_every_spelling() {
        let beyond =
            |body: &str| Asked::read(body.as_bytes(), &limits(100)).unwrap().beyond(&limits(100), true).is_some();
        assert!(!beyond(r#"{"max_tokens":100}"#));
        for body in [
            r#"{"max_tokens":101}"#,
            r#"{"max_completion_tokens":101}"#,
            r#"{"max_tokens":5,"max_output_tokens":101}"#,
            r#"{"generationConfig":{"maxOutputTokens":101}}"#,
            r#"{"max_tokens":"5"}"#,
            r#"{"max_tokens":1e9}"#,
            r#"{"max_tokens":-1}"#,
            r#"{"max_tokens":{}}"#,
            r#"{"max_tokens":null}"#,
            "{}",
        ] {
            assert!(beyond(body), "{body}");
        }
    }

    #[test]
    fn usage_is_asked_for_by_one_insertion() {
        for (body, wanted) in [
            (r#"{"stream":true}"#, r#"{"stream_options":{"include_usage":true},"stream":true}"#),
            (
                r#" { "stream":true,"stream_options":{}}"#,
                r#" { "stream":true,"stream_options":{"include_usage":true}}"#,
            ),
            (
                r#"{"stream":true,"stream_options":{"include_obfuscation":false}}"#,
                r#"{"stream":true,"stream_options":{"include_usage":true,"include_obfuscation":false}}"#,
            ),
            (
                r#"{"stream":true,"stream_options":{"include_usage":false}}"#,
                r#"{"stream":true,"stream_options":{"include_usage":true}}"#,
            ),
            (r#"{"stream_options":null,"stream":true}"#, r#"{"stream_options":{"include_usage":true},"stream":true}"#),
        ] {
            let asked = read(body).unwrap();
            assert!(asked.lacks_usage(), "{body}");
            assert_eq!(asked.with_usage(&Bytes::from_static(body.as_bytes())), wanted);
            assert!(serde_json::from_str::<serde_json::Value>(wanted).is_ok());
        }
        for body in [r#"{"stream":true,"stream_options":{"include_usage":true}}"#, r#"{"stream":false}"#, "{}"] {
            assert!(!read(body).unwrap().lacks_usage(), "{body}");
        }
    }
}
