//! Values put into texts, and whether they were found again.

use std::collections::{BTreeMap, BTreeSet};

use data_encoding::{BASE64, BASE64URL_NOPAD, HEXLOWER, HEXUPPER};
use keyward_testing::{Seed, proof, values};
use keyward_types::Finding;

use crate::stored::{Value, label};

/// How a value is spelled in a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Spelling {
    Raw,
    /// In a longer text, so many bytes after a multiple of three.
    Base64(usize),
    Base64Url,
    Percent,
    Json,
    Hex,
}

/// What was put where, and what was found there.
#[derive(Default)]
pub(crate) struct Planted {
    /// By path and line.
    places: BTreeMap<(String, usize), Place>,
    found: BTreeSet<(String, usize)>,
    /// Findings that name a secret which is not in their place.
    pub(crate) wrong: usize,
}

struct Place {
    label: Option<String>,
    spelling: Spelling,
}

impl Spelling {
    pub(crate) const ALL: [Self; 8] = [
        Self::Raw,
        Self::Base64(0),
        Self::Base64(1),
        Self::Base64(2),
        Self::Base64Url,
        Self::Percent,
        Self::Json,
        Self::Hex,
    ];

    /// The value so spelled, as other programs spell it.
    fn of(self, value: &str, seed: &mut Seed) -> String {
        match self {
            Self::Raw => value.to_owned(),
            Self::Base64(phase) => BASE64.encode(&within(value, phase, seed)),
            Self::Base64Url => {
                let phase = seed.below(3);
                BASE64URL_NOPAD.encode(&within(value, phase, seed))
            }
            Self::Percent => percent(value),
            Self::Json => serde_json::to_string(value).unwrap(),
            Self::Hex if seed.once_in(2) => HEXUPPER.encode(value.as_bytes()),
            Self::Hex => HEXLOWER.encode(value.as_bytes()),
        }
    }
}

impl Planted {
    /// A text with each of these values on a line of its own among other lines.
    pub(crate) fn text(&mut self, path: &str, values: &[&Value], spellings: &[Spelling], seed: &mut Seed) -> String {
        self.text_from(path, 0, values, spellings, seed)
    }

    /// The same, after so many lines.
    pub(crate) fn text_from(
        &mut self,
        path: &str,
        lines: usize,
        values: &[&Value],
        spellings: &[Spelling],
        seed: &mut Seed,
    ) -> String {
        let mut text: Vec<String> = Vec::new();
        for value in values {
            for _ in 0..seed.below(4) {
                text.push(prose(6, seed));
            }
            let spelling = *seed.choose(spellings);
            let spelled = spelling.of(&value.text, seed);
            let quote = if spelling == Spelling::Raw { *seed.choose(&["", "\"", "'"]) } else { "" };
            let before = *seed.choose(&["token = ", "", "url: http://host/?q=", "  - "]);
            text.push(format!("{before}{quote}{spelled}{quote}"));
            let place = Place { label: value.label.clone(), spelling };
            self.places.insert((path.to_owned(), lines + text.len()), place);
        }
        text.join("\n") + "\n"
    }

    /// Takes a finding in.
    pub(crate) fn enter(&mut self, finding: &Finding) {
        let Some(known) = &finding.vault else { return };
        let at = (finding.path.clone(), finding.line as usize);
        let place = self.places.get(&at);
        if place.is_some_and(|place| place.label == Some(label(known))) {
            self.found.insert(at);
        } else {
            self.wrong += 1;
        }
    }

    /// How many strong values were not found.
    pub(crate) fn missed(&self) -> usize {
        let strong = self.places.iter().filter(|(_, place)| place.label.is_some());
        strong.filter(|(at, _)| !self.found.contains(*at)).count()
    }

    /// States what came of it.
    pub(crate) fn state(&self, place: &str) {
        for spelling in Spelling::ALL {
            let all = self.places.iter().filter(|(_, place)| place.label.is_some() && place.spelling == spelling);
            let (all, found) =
                all.fold((0, 0), |(all, found), (at, _)| (all + 1, found + usize::from(self.found.contains(at))));
            proof(&format!("{spelling:?} {place}, found with their names"), format!("{found} of {all}"));
        }
        proof(&format!("wrong names {place}"), self.wrong);
        if let Some((at, place)) =
            self.places.iter().find(|(at, place)| place.label.is_some() && !self.found.contains(*at))
        {
            proof("first missed", format!("{at:?} {:?} {:?}", place.spelling, place.label));
        }
    }
}

pub(crate) fn prose(words: usize, seed: &mut Seed) -> String {
    (0..words).map(|_| *seed.choose(&values::WORDS)).collect::<Vec<_>>().join(" ")
}

/// The value in a longer text, so many bytes after a multiple of three.
fn within(value: &str, phase: usize, seed: &mut Seed) -> Vec<u8> {
    let mut text = format!("{{\"user\": \"{}\", \"password\": \"", prose(2, seed));
    while text.len() % 3 != phase {
        text.push(' ');
    }
    text.push_str(value);
    text.push_str("\", \"and\": \"more\"}");
    text.into_bytes()
}

/// As RFC 3986 says.
fn percent(value: &str) -> String {
    let encode = |byte: u8| match byte {
        b'-' | b'.' | b'_' | b'~' => char::from(byte).to_string(),
        _ if byte.is_ascii_alphanumeric() => char::from(byte).to_string(),
        _ => format!("%{byte:02X}"),
    };
    value.bytes().map(encode).collect()
}
