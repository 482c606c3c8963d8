//! How hard a value is to guess.
//!
//! An estimate of its entropy in bits, meant to be honest from both sides: what a generator drew
//! is worth what it drew, and what a person made up is worth what a cracking program that knows
//! words, years, runs and repetitions would need. A value is cut into the cheapest chain of such
//! pieces. `zxcvbn` does the same better for passwords, but needs 17 ms and 11 MB at its first
//! word and undervalues random keys; every write of the vault asks here.
//!
//! Time is linear in the length.

use std::collections::HashMap;
use std::sync::LazyLock;

use keyward_types::Kind;

use crate::letters::bits_after;
use crate::url::{Url, decode};
use crate::{detect, jwt};

/// The estimated entropy of a value, in bits. What is public in it does not count: a provider's
/// prefix, a token's claims, all of a connection string but its password.
pub fn bits(value: &str) -> f64 {
    match Url::parse(value).and_then(|url| url.password) {
        Some(password) => bits_of_text(&decode(password)),
        None => bits_of_text(value),
    }
}

fn bits_of_text(value: &str) -> f64 {
    let secret = jwt::signature(value).unwrap_or(value);
    let secret = &secret[detect::public_part(secret).len()..];
    let chars: Vec<char> = secret.chars().take(EXAMINED).collect();
    let rest = secret.len().saturating_sub(chars.iter().map(|c| c.len_utf8()).sum());
    let examined = cheapest(&chars);
    // The tail of a long value is taken to be as dense as its head.
    if rest == 0 { examined } else { examined * (1.0 + as_f64(rest) / as_f64(chars.len())) }
}

/// The fewest bits that a value of this kind should have; 0 where strength is no question.
///
/// Signing keys: 112 bits (NIST SP 800-131A's floor since 2014). Passwords, those in
/// connection strings too, and what providers issue: 64 bits, beyond guessing at an interface.
pub const fn floor(kind: Kind) -> f64 {
    match kind {
        Kind::SigningKey => 112.0,
        Kind::Password | Kind::ConnectionString | Kind::ApiKey | Kind::BearerToken => 64.0,
        _ => 0.0,
    }
}

/// Whether a value is weaker than its kind should be.
pub fn is_weak(kind: Kind, value: &str) -> bool {
    bits(value) < floor(kind)
}

/// How many characters are looked at one by one.
const EXAMINED: usize = 512;
const LONGEST_WORD: usize = 12;
/// What a word, a common password and a year are worth, being one of so many.
const WORD_BITS: f64 = 11.0;
const FIRST_BITS: f64 = 7.0;
const YEAR_BITS: f64 = 6.5;

static WORDS: LazyLock<Vec<&'static str>> = LazyLock::new(|| sorted(include_str!("strength/words.txt")));
static FIRST: LazyLock<Vec<&'static str>> = LazyLock::new(|| sorted(include_str!("strength/first.txt")));

fn sorted(text: &'static str) -> Vec<&'static str> {
    let mut words: Vec<&str> = text.lines().collect();
    words.sort_unstable();
    words
}

/// The cost of the cheapest chain of pieces.
fn cheapest(chars: &[char]) -> f64 {
    let alphabet = density(chars);
    let plain: Vec<char> = chars.iter().map(|c| unleet(*c)).collect();
    let earlier = earlier(chars);
    let mut best = vec![0.0_f64; chars.len() + 1];
    let mut offer = vec![f64::INFINITY; chars.len() + 1];
    for at in 0..chars.len() {
        if at > 0 {
            best[at] = offer[at].min(best[at - 1] + character(chars, at - 1, alphabet));
        }
        let here = best[at];
        let mut take = |len: usize, cost: f64| {
            let end = at + len;
            offer[end] = offer[end].min(here + cost);
        };
        words(chars, &plain, at, &mut take);
        if let Some(len) = run(chars, at) {
            take(len, alphabet + as_f64(len).log2() + 1.0);
        }
        if let Some(len) = year(chars, at) {
            take(len, YEAR_BITS);
        }
        if let Some((distance, len)) = earlier[at] {
            take(len, as_f64(distance).log2() + as_f64(len).log2() + 1.0);
        }
    }
    let last = chars.len();
    if last == 0 { 0.0 } else { offer[last].min(best[last - 1] + character(chars, last - 1, alphabet)) }
}

/// What one character costs by itself: a choice from the alphabet, or the letter that language
/// would put after the one before.
fn character(chars: &[char], at: usize, alphabet: f64) -> f64 {
    let letter = |c: char| u8::try_from(c).ok().filter(u8::is_ascii_alphabetic);
    let before = at.checked_sub(1).and_then(|before| letter(chars[before]));
    match (before, letter(chars[at])) {
        (Some(before), Some(own)) if before.is_ascii_lowercase() == own.is_ascii_lowercase() => {
            // A case that stays costs little where it changes elsewhere.
            bits_after(before, own).max(1.0).min(alphabet)
        }
        _ => alphabet,
    }
}

/// Bits of one choice from the smallest usual alphabet that has all the characters.
fn alphabet_bits(chars: &[char]) -> f64 {
    let any = |test: fn(char) -> bool| chars.iter().any(|c| test(*c));
    let hex = |letters: std::ops::RangeInclusive<char>| {
        chars.len() >= 8
            && any(|c| c.is_ascii_digit())
            && chars.iter().all(|c| c.is_ascii_digit() || letters.contains(c) || *c == '-')
    };
    if hex('a'..='f') || hex('A'..='F') {
        return if any(|c| c.is_ascii_alphabetic()) { 4.0 } else { 10_f64.log2() };
    }
    let mut size = 0.0;
    for (count, there) in [
        (10.0, any(|c| c.is_ascii_digit())),
        (26.0, any(|c| c.is_ascii_lowercase())),
        (26.0, any(|c| c.is_ascii_uppercase())),
        (2.0, any(|c| matches!(c, '-' | '_' | '+' | '/' | '='))),
        (28.0, any(|c| c.is_ascii_graphic() && !c.is_ascii_alphanumeric() && !"-_+/=".contains(c))),
        (1.0, any(|c| c.is_ascii_whitespace())),
        (100.0, any(|c| !c.is_ascii())),
    ] {
        if there {
            size += count;
        }
    }
    f64::max(size, 2.0_f64).log2()
}

/// Bits of one character that nothing else explains: a choice from the alphabet, or less where the
/// characters clearly do not use all of it.
fn density(chars: &[char]) -> f64 {
    let alphabet = alphabet_bits(chars);
    // Random values scatter around their true entropy: only a clear shortfall counts.
    Some(observed(chars)).filter(|observed| *observed < 0.8 * alphabet).unwrap_or(alphabet)
}

/// Bits of one character by the frequencies of the characters: the Chao–Shen estimate, which
/// corrects for characters not seen yet, so that a short random value is not undervalued.
/// Source: Chao and Shen, "Nonparametric estimation of Shannon's index", 2003.
fn observed(chars: &[char]) -> f64 {
    let mut sorted = chars.to_vec();
    sorted.sort_unstable();
    let counts: Vec<usize> = sorted.chunk_by(char::eq).map(<[char]>::len).collect();
    let total = as_f64(chars.len());
    let singles = counts.iter().filter(|count| **count == 1).count();
    let unseen = if singles == chars.len() { singles.saturating_sub(1) } else { singles };
    let coverage = 1.0 - as_f64(unseen) / total.max(1.0);
    let entropy: f64 = counts
        .iter()
        .map(|count| coverage * as_f64(*count) / total)
        .map(|p| -p * p.log2() / (1.0 - (1.0 - p).powf(total)))
        .filter(|part| part.is_finite())
        .sum();
    entropy.max(0.0)
}

/// Offers every word that begins here, with what its capitals and substitutions add.
fn words(chars: &[char], plain: &[char], at: usize, take: &mut impl FnMut(usize, f64)) {
    let (mut first, mut word) = (FIRST.as_slice(), WORDS.as_slice());
    for (index, letter) in plain[at..].iter().take(LONGEST_WORD).enumerate() {
        first = going_on(first, index, *letter);
        word = going_on(word, index, *letter);
        let len = index + 1;
        let base = match (first.first(), word.first()) {
            (None, None) => return,
            _ if len < 3 => continue,
            (Some(shortest), _) if shortest.len() == len => FIRST_BITS,
            (_, Some(shortest)) if shortest.len() == len => WORD_BITS,
            _ => continue,
        };
        let own = &chars[at..at + len];
        let capitals = own.iter().filter(|c| c.is_ascii_uppercase()).count();
        let case = match capitals {
            0 => 0.0,
            1 if own[0].is_ascii_uppercase() => 1.0,
            n if n == len => 1.0,
            n => as_f64(n) * 2.0,
        };
        let swapped = own.iter().zip(&plain[at..]).filter(|(own, plain)| own.to_ascii_lowercase() != **plain).count();
        take(len, base + case + as_f64(swapped));
    }
}

/// Those of sorted words that share their first `at` letters whose next one is `letter`; what is no more
/// than that comes first.
fn going_on<'a>(words: &'a [&'static str], at: usize, letter: char) -> &'a [&'static str] {
    let Ok(letter) = u8::try_from(letter) else { return &[] };
    let from = words.partition_point(|word| word.as_bytes().get(at) < Some(&letter));
    let rest = &words[from..];
    &rest[..rest.partition_point(|word| word.as_bytes().get(at) == Some(&letter))]
}

/// The length of the run that begins here: `aaaa`, `abcd`, `4321`, `qwert`; at least three.
fn run(chars: &[char], at: usize) -> Option<usize> {
    let code = |index: usize| chars.get(index).map(|c| i64::from(u32::from(c.to_ascii_lowercase())));
    let step = code(at + 1)? - code(at)?;
    let mut by_code = 1;
    while step.abs() <= 1 && code(at + by_code).zip(code(at + by_code - 1)).is_some_and(|(b, a)| b - a == step) {
        by_code += 1;
    }
    let on_keys = |index: usize| chars.get(index).and_then(|c| KEY_ROWS.find(c.to_ascii_lowercase()));
    let mut by_key = 1;
    while on_keys(at + by_key).zip(on_keys(at + by_key - 1)).is_some_and(|(b, a)| b == a + 1) {
        by_key += 1;
    }
    Some(by_code.max(by_key)).filter(|len| *len >= 3)
}

const KEY_ROWS: &str = "1234567890 qwertyuiop asdfghjkl zxcvbnm";

/// `1900`–`2099`, with nothing but the century checked.
fn year(chars: &[char], at: usize) -> Option<usize> {
    let digits: String = chars.get(at..at + 4)?.iter().collect();
    let year: u32 = digits.parse().ok()?;
    (1900..2100).contains(&year).then_some(4)
}

/// For each place, an earlier place (as distance) where the same text stands, and how much of it.
/// Three characters are looked up; the match is then followed, each character once.
fn earlier(chars: &[char]) -> Vec<Option<(usize, usize)>> {
    let mut found = vec![None; chars.len()];
    let mut seen: HashMap<&[char], usize> = HashMap::with_capacity(chars.len());
    let mut followed = 0;
    for at in 0..chars.len().saturating_sub(2) {
        let key = &chars[at..at + 3];
        if let Some(before) = seen.get(key).copied()
            && at >= followed
        {
            let len = 3 + chars[at + 3..].iter().zip(&chars[before + 3..]).take_while(|(a, b)| a == b).count();
            found[at] = Some((at - before, len));
            followed = at + len;
        }
        seen.insert(key, at);
    }
    found
}

fn unleet(c: char) -> char {
    match c {
        '0' => 'o',
        '1' | '!' => 'i',
        '3' => 'e',
        '4' | '@' => 'a',
        '5' | '$' => 's',
        '7' => 't',
        other => other.to_ascii_lowercase(),
    }
}

fn as_f64(count: usize) -> f64 {
    f64::from(u32::try_from(count).unwrap_or(u32::MAX))
}

#[cfg(test)]
mod tests;
