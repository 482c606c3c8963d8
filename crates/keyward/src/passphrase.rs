//! New passphrases: asked for twice, and refused where guessing them would be easy.

use std::io::{IsTerminal, Read};
use std::path::Path;

use keyward_client::{Failure, Result};
use keyward_types::Secret;
use zeroize::{Zeroize, Zeroizing};

use crate::{output, terminal};

/// How hard a passphrase is to guess, in bits: an estimate from below, by an attacker who tries
/// common passwords, runs and repeats first and knows how letters follow each other.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
pub(crate) struct Strength(f64);

/// Fewer characters are never a passphrase.
const SHORTEST: usize = 8;
/// Below this a single graphics card needs seconds.
const TRIVIAL: Strength = Strength(24.0);
const WEAK: Strength = Strength(40.0);
const STRONG: Strength = Strength(64.0);
/// Forms of other credentials: whatever looks like one is read as one when the vault is opened.
const RESERVED: &[&str] = &["KWR-", "KWS-", "AGE-SECRET-KEY-", "-----BEGIN "];

/// Asks for a new passphrase twice on the terminal.
pub(crate) fn prompt(for_what: &str) -> Result<Secret<String>> {
    loop {
        let first = terminal::hidden(&format!("New passphrase for {for_what}"))?;
        let strength = match check(&first) {
            Ok(strength) => strength,
            Err(failure) => {
                output::failure(&failure, false);
                if first.expose().is_empty() {
                    return Err(failure);
                }
                continue;
            }
        };
        output::note(format!("that is worth {strength}"));
        let second = terminal::hidden("The same again")?;
        if first.expose() == second.expose() {
            return Ok(first);
        }
        output::note("the two differ");
    }
}

/// A new passphrase from a file, a terminal or standard input.
pub(crate) fn from(file: Option<&Path>, for_what: &str) -> Result<Secret<String>> {
    if file.is_none() && std::io::stdin().is_terminal() {
        return prompt(for_what);
    }
    let mut text = Zeroizing::new(String::new());
    match file {
        Some(path) => {
            *text = std::fs::read_to_string(path).map_err(|error| Failure::file("read", path, &error))?;
        }
        None => {
            let read = std::io::stdin().lock().take(64 * 1024).read_to_string(&mut text);
            read.map_err(|error| Failure::usage(format!("no passphrase can be read from standard input: {error}")))?;
        }
    }
    let passphrase = Secret::new("passphrase", text.trim_end_matches(['\n', '\r']).to_owned());
    let strength = check(&passphrase)?;
    output::note(format!("the passphrase is worth {strength}"));
    Ok(passphrase)
}

/// Refuses what is too easy to guess.
pub(crate) fn check(passphrase: &Secret<String>) -> Result<Strength> {
    let text = passphrase.expose();
    let advice = "four or five words that do not belong together are easy to keep and hard to guess";
    if text.chars().count() < SHORTEST {
        return Err(Failure::usage(format!("a passphrase has at least {SHORTEST} characters")).hint(advice));
    }
    if RESERVED.iter().any(|form| text.trim_start().to_ascii_uppercase().starts_with(form)) {
        return Err(Failure::usage("this has the form of a recovery code, a share or an identity"));
    }
    let strength = Strength::of(text);
    if strength < TRIVIAL {
        return Err(Failure::usage(format!("this passphrase is too easy to guess: {strength}")).hint(advice));
    }
    Ok(strength)
}

impl Strength {
    fn of(text: &str) -> Self {
        let mut rest = Zeroizing::new(text.to_lowercase());
        let mut bits = 0.0;
        for word in COMMON {
            while let Some(at) = rest.find(word) {
                // One of a list that every attacker has.
                bits += (COMMON.len() as f64).log2();
                let after = Zeroizing::new(format!("{}\u{0}{}", &rest[..at], &rest[at + word.len()..]));
                rest.zeroize();
                *rest = after.to_string();
            }
        }
        let capitals = text.chars().filter(|c| c.is_uppercase()).count().min(4);
        let mut last: Option<char> = None;
        for c in rest.chars().filter(|c| *c != '\0') {
            bits += if last.is_some_and(|last| follows(last, c)) { 0.3 } else { worth(c) };
            last = Some(c);
        }
        Self(bits + capitals as f64)
    }
}

impl std::fmt::Display for Strength {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let word = match *self {
            strength if strength < WEAK => "weak",
            strength if strength < STRONG => "fair",
            _ => "strong",
        };
        write!(f, "about {:.0} bits: {word}", self.0)
    }
}

/// Bits of one character that does not follow from the one before. A letter is worth less than
/// among random ones, since passphrases are made of words.
fn worth(c: char) -> f64 {
    match c {
        'a'..='z' => 3.2,
        '0'..='9' => 3.0,
        ' ' => 0.5,
        c if c.is_ascii() => 4.5,
        _ => 6.0,
    }
}

/// Repeats, the alphabet and its reverse, and the rows of keyboards.
fn follows(last: char, next: char) -> bool {
    let step = u32::from(next).abs_diff(u32::from(last));
    let pair = [last, next];
    step == 0
        || step == 1 && last.is_ascii_alphanumeric() && next.is_ascii_alphanumeric()
        || ROWS.iter().any(|row| {
            let places = pair.map(|c| row.chars().position(|other| other == c));
            matches!(places, [Some(a), Some(b)] if a.abs_diff(b) == 1)
        })
}

const ROWS: &[&str] = &["qwertyuiop", "qwertzuiop", "asdfghjkl", "zxcvbnm", "yxcvbnm", "1234567890"];

/// What lists of leaked passwords begin with.
const COMMON: &[&str] = &[
    "passphrase",
    "password",
    "passwort",
    "passw0rd",
    "p@ssw0rd",
    "qwerty",
    "letmein",
    "welcome",
    "iloveyou",
    "monkey",
    "dragon",
    "football",
    "baseball",
    "princess",
    "sunshine",
    "superman",
    "batman",
    "master",
    "shadow",
    "admin",
    "login",
    "secret",
    "changeme",
    "default",
    "keyward",
    "trustno1",
    "starwars",
    "whatever",
    "michael",
    "jordan",
    "abc123",
    "123123",
    "111111",
    "000000",
    "hello",
    "test",
    "pass",
];

#[cfg(test)]
mod tests {
    use super::*;

    fn checked(text: &str) -> Result<Strength> {
        check(&Secret::new("passphrase", text.to_owned()))
    }

    #[test]
    fn what_every_attacker_tries_first_is_refused() {
        for text in [
            "",
            "short",
            "seven77",
            "aaaaaaaaaaaa",
            "abcdefgh",
            "12345678",
            "87654321",
            "qwertyuiop",
            "password",
            "Password1",
            "passwordpassword",
            "P@ssw0rd",
            "letmein123",
            "asdfghjkl",
            "iloveyou",
            "welcome1",
        ] {
            assert!(checked(text).is_err(), "`{text}` was taken");
        }
    }

    #[test]
    fn words_and_random_characters_are_taken_and_ranked() {
        assert!(checked("kestrel7").is_err(), "a word and a digit");
        let ranked = ["Summer2024!x", "correct horse battery", "orbit plaster heron gravel sofa"];
        let ranked: Vec<Strength> = ranked.iter().map(|text| checked(text).unwrap()).collect();
        assert!(ranked.windows(2).all(|pair| pair[0] < pair[1]), "{ranked:?}");
        assert!(ranked[2] > STRONG);
        assert!(checked("πάντα ρεῖ καὶ οὐδὲν").is_ok());
    }

    #[test]
    fn a_passphrase_is_never_taken_for_another_credential() {
        assert!(checked("kwr-orbit plaster heron gravel").is_err());
        assert!(checked("AGE-SECRET-KEY-orbit plaster heron").is_err());
    }
}
