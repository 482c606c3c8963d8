//! Values as people store them, made up from a seed. None of them stands in a source.

use crate::Seed;

/// Words, for passphrases and for prose.
pub const WORDS: [&str; 96] = [
    "anchor", "apple", "basket", "bridge", "butter", "candle", "carbon", "castle", "cellar", "circle", "clover",
    "copper", "corner", "cotton", "cousin", "dragon", "engine", "fabric", "falcon", "father", "feather", "fiddle",
    "flower", "forest", "garden", "ginger", "granite", "guitar", "hammer", "harbor", "hollow", "honey", "hunter",
    "island", "jacket", "jungle", "kettle", "ladder", "lantern", "lemon", "letter", "linen", "magnet", "marble",
    "market", "meadow", "mirror", "monkey", "mountain", "needle", "nickel", "number", "ocean", "office", "orange",
    "orchard", "paper", "parrot", "pebble", "pepper", "pillow", "planet", "pocket", "puzzle", "quarry", "rabbit",
    "raven", "ribbon", "river", "rocket", "saddle", "salmon", "school", "shadow", "signal", "silver", "sister",
    "spider", "spring", "stable", "summer", "sunset", "table", "teapot", "thunder", "ticket", "timber", "tunnel",
    "valley", "velvet", "violin", "walnut", "weather", "window", "winter", "wizard",
];

/// A strong value of a shape that is chosen by `number`: keys of services, random passwords, passphrases,
/// ids, tokens in hexadecimal digits.
#[must_use]
pub fn strong(number: usize, seed: &mut Seed) -> String {
    match number % 8 {
        0 => format!("{}{}{}", "sk-", "proj-", of(ALPHANUMERIC, 48, seed)),
        1 => format!("{}{}{}", "gh", "p_", of(ALPHANUMERIC, 36, seed)),
        2 => format!("{}{}{}", "sk_", "live_", of(ALPHANUMERIC, 32, seed)),
        3 => of(HEX, 40, seed),
        4 => password(seed),
        5 => passphrase("-", seed),
        6 => passphrase(" ", seed),
        _ => uuid(seed),
    }
}

/// So many of these characters.
#[must_use]
pub fn of(characters: &[u8], count: usize, seed: &mut Seed) -> String {
    (0..count).map(|_| char::from(*seed.choose(characters))).collect()
}

/// Letters and digits.
pub const ALPHANUMERIC: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
const HEX: &[u8] = b"0123456789abcdef";

/// 16 to 40 printable characters of any sort, some beyond ASCII.
fn password(seed: &mut Seed) -> String {
    let length = 16 + seed.below(25);
    let any = |seed: &mut Seed| match seed.below(40) {
        0 => *seed.choose(&['é', 'ß', 'ñ', '€', '密', '🔑']),
        _ => char::from(b'!' + u8::try_from(seed.below(94)).expect("it is below 94")),
    };
    (0..length).map(|_| any(seed)).collect()
}

fn passphrase(between: &str, seed: &mut Seed) -> String {
    let words: Vec<&str> = (0..8).map(|_| *seed.choose(&WORDS)).collect();
    words.join(between)
}

fn uuid(seed: &mut Seed) -> String {
    [8, 4, 4, 4, 12].map(|length| of(HEX, length, seed)).join("-")
}
