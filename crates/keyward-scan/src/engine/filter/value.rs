//! Whether a value that a secret's name is given could be a secret.

use keyward_providers::{looks_random, strength};
use keyward_types::Confidence;

use super::form::{is_identifier, is_identifier_path, is_nothing};

/// What a name promises of its value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Promise {
    /// People make it up: `password`.
    Password,
    /// A machine drew it: `token`, `client_secret`, `api_key`.
    Drawn,
    /// It may be a key of a table as well: `service_key`, `salt`.
    Vague,
}

/// What a value is worth, given what its name promises.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Worth {
    /// No secret.
    Nothing,
    /// Perhaps one: to be reported if the vault knows it.
    Weak,
    /// As sure as this.
    Sure(Confidence),
}

/// Judges a value. `made_up`: it stands where values are often made up.
pub(crate) fn judge(promise: Promise, value: &str, made_up: bool) -> Worth {
    let shortest = if promise == Promise::Password { 4 } else { 8 };
    if value.len() < shortest || value.len() > LONGEST || is_nothing(value) {
        return Worth::Nothing;
    }
    if promise == Promise::Password && is_drawn_with_blanks(value) {
        return Worth::Sure(Confidence::Low);
    }
    if value.contains(char::is_whitespace) || !value.is_ascii() {
        // Sentences and labels; people's passphrases too.
        return if promise == Promise::Password && value.len() <= 64 { Worth::Weak } else { Worth::Nothing };
    }
    if is_password_hash(value) {
        return Worth::Weak;
    }
    if is_drawn(value, promise) {
        return Worth::Sure(if made_up { Confidence::Low } else { Confidence::Medium });
    }
    if promise == Promise::Password && !made_up && is_made_with_care(value) {
        return Worth::Sure(Confidence::Low);
    }
    Worth::Weak
}

/// Judges what stands where a password has to stand, with who signs in and where: it is one, poor or not.
pub(crate) fn judge_sign_in(value: &str, made_up: bool) -> Worth {
    match judge(Promise::Password, value, made_up) {
        Worth::Weak if !made_up && (6..=64).contains(&value.len()) && is_own(value) => Worth::Sure(Confidence::Low),
        worth => worth,
    }
}

/// Judges a password that an environment is given, as those of `.env` files are judged: it is one, poor or not.
pub(crate) fn judge_variable(value: &str, made_up: bool) -> Worth {
    let digit = value.bytes().any(|byte| byte.is_ascii_digit());
    let graphic = value.bytes().all(|byte| byte.is_ascii_graphic());
    match judge(Promise::Password, value, made_up) {
        Worth::Weak if !made_up && (8..=64).contains(&value.len()) && digit && graphic && !is_password_hash(value) => {
            Worth::Sure(Confidence::Low)
        }
        worth => worth,
    }
}

/// Whether a poor password is somebody's at least: no default of a program, and no word that only says what it is.
fn is_own(value: &str) -> bool {
    const DEFAULTS: [&str; 14] = [
        "postgres", "guest", "admin", "root", "mysql", "redis", "mongo", "test", "docker", "sekret", "tiger", "scott",
        "hunter2", "changeme",
    ];
    let lower = value.to_ascii_lowercase();
    let a_default = DEFAULTS.iter().any(|word| lower.starts_with(word) || lower.ends_with(word));
    let a_word = lower.bytes().all(|byte| byte.is_ascii_alphabetic()) && !looks_random(&lower);
    let a_name = names_itself(value) && !value.bytes().any(|byte| byte.is_ascii_digit());
    value.bytes().all(|byte| byte.is_ascii_graphic()) && !(a_default || a_word || a_name || is_password_hash(value))
}

/// `$6$…`, `$2b$…`, `pbkdf2_sha256$…`, `{SSHA}…`: what is kept instead of a password.
fn is_password_hash(value: &str) -> bool {
    const STARTS: [&str; 14] = [
        "$1$", "$2a$", "$2b$", "$2y$", "$5$", "$6$", "$y$", "$apr1$", "$argon2", "$scrypt$", "pbkdf2", "bcrypt",
        "{SSHA", "{SHA",
    ];
    STARTS.iter().any(|start| value.starts_with(start)) || value.starts_with("sha1$") || value.starts_with("md5$")
}

/// Whether a value looks drawn by a machine.
fn is_drawn(value: &str, promise: Promise) -> bool {
    let floor = match promise {
        Promise::Password => 8,
        Promise::Drawn => 12,
        Promise::Vague => 16,
    };
    if value.len() < floor || is_few_characters(value) || is_series(value) {
        return false;
    }
    let mixed = has_mixture(value);
    if promise != Promise::Password && !mixed {
        return false;
    }
    let bits = strength::bits(value);
    let dense = kinds(value) >= 3 && value.bytes().any(|b| b.is_ascii_digit()) && bits >= 3.8 * as_f64(value.len());
    let random = looks_random(value) || is_symbolic(value) || dense || is_uuid(value) && promise != Promise::Vague;
    if !random || names_itself(value) && value.len() < 24 {
        return false;
    }
    let wanted = match promise {
        Promise::Password => 36.0,
        Promise::Drawn => 44.0,
        Promise::Vague => 60.0,
    };
    bits >= wanted && bits / as_f64(value.len()) >= 2.3
}

/// Whether a password has a blank or two between parts that all look drawn; words of a sentence do not.
fn is_drawn_with_blanks(value: &str) -> bool {
    let parts = value.split(' ').count();
    let mixed = |part: &str| {
        part.len() >= 4
            && part.bytes().any(|byte| byte.is_ascii_alphabetic())
            && (part.bytes().any(|byte| byte.is_ascii_digit()) || looks_random(part))
    };
    (2..=3).contains(&parts)
        && value.len() <= 64
        && value.is_ascii()
        && value.split(' ').all(mixed)
        && is_drawn(&value.replace(' ', ""), Promise::Drawn)
}

/// Whether a person took care to make a password hard: three kinds of characters, and no word alone.
fn is_made_with_care(value: &str) -> bool {
    let kinds = kinds(value);
    value.len() >= 8
        && value.len() <= 64
        && kinds >= 3
        && value.bytes().any(|b| b.is_ascii_digit())
        && !is_identifier_path(value)
        && !is_few_characters(value)
        && !names_itself(value)
        && !is_series(value)
        && strength::bits(value) >= 18.0
}

/// Whether a value says itself what it is: `db_password`, `MySecretToken`.
fn names_itself(value: &str) -> bool {
    let lower = value.to_ascii_lowercase();
    [
        "password",
        "passwd",
        "secret",
        "token",
        "apikey",
        "api_key",
        "api-key",
        "credential",
        "passphrase",
        "testkey",
        "test_key",
        "test-key",
    ]
    .iter()
    .any(|word| lower.contains(word))
}

/// Whether a value has few different characters, as `aaaaaaab` and `00000001` have.
fn is_few_characters(value: &str) -> bool {
    let mut seen = [false; 256];
    value.bytes().for_each(|byte| seen[usize::from(byte)] = true);
    let different = seen.iter().filter(|one| **one).count();
    different < 5 || (value.len() >= 16 && different < 7)
}

/// Whether runs like `abcdef`, `123456`, `abcabcabc` make up most of a value.
pub(crate) fn is_series(value: &str) -> bool {
    let bytes = value.as_bytes();
    let steps = bytes.windows(2).filter(|pair| {
        let step = i16::from(pair[1]) - i16::from(pair[0]);
        step.abs() <= 1 && pair[0].is_ascii_alphanumeric()
    });
    if steps.count() * 2 >= bytes.len() && bytes.len() > 5 {
        return true;
    }
    (1..=bytes.len() / 3).take(16).any(|period| bytes.windows(period + 1).all(|w| w[0] == w[period]))
        || value.to_ascii_lowercase().contains("0123456789")
        || value.to_ascii_lowercase().contains("abcdefgh")
        || value.contains("1234567") && value.len() < 24
        || value.contains("1234") && value.len() < 12
        || value.to_ascii_lowercase().contains("deadbeef")
}

/// Whether letters and digits stand in it, or letters of both cases mixed as names are not.
fn has_mixture(value: &str) -> bool {
    let digit = value.bytes().any(|byte| byte.is_ascii_digit());
    let letter = value.bytes().any(|byte| byte.is_ascii_alphabetic());
    digit && letter || !is_identifier(value) && has_dense_symbols(value) || value.len() >= 16 && kinds(value) >= 2
}

/// Symbols that stand in drawn passwords and in no name: three of them and more.
fn is_symbolic(value: &str) -> bool {
    kinds(value) >= 3 && has_dense_symbols(value)
}

pub(super) fn has_dense_symbols(value: &str) -> bool {
    let symbols = value.bytes().filter(|byte| b"!@#$%^&*()+=~?;<>|{}[]".contains(byte)).count();
    symbols >= 2 && symbols * 12 >= value.len()
}

/// How many of lower case, upper case, digits and symbols stand in it.
fn kinds(value: &str) -> usize {
    let bytes = value.as_bytes();
    let has = |test: fn(&u8) -> bool| usize::from(bytes.iter().any(test));
    has(u8::is_ascii_lowercase) + has(u8::is_ascii_uppercase) + has(u8::is_ascii_digit) + has(u8::is_ascii_punctuation)
}

/// 8-4-4-4-12 hexadecimal digits.
pub(crate) fn is_uuid(value: &str) -> bool {
    value.len() == 36
        && value.bytes().enumerate().all(|(at, byte)| match at {
            8 | 13 | 18 | 23 => byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        })
}

fn as_f64(count: usize) -> f64 {
    f64::from(u32::try_from(count).unwrap_or(u32::MAX))
}

const LONGEST: usize = 4096;

#[cfg(test)]
mod tests {
    use super::*;

    /// Values that look drawn are put together here, so that none stands in the source.
    fn drawn() -> [String; 6] {
        let (a, b) = ("q7Gk2LmZ", "p0Xw9RtY");
        [
            format!("{a}{b}"),
            format!("{a}{b}").to_lowercase() + "83hd7",
            format!("{}{}", "3f9a1c7e5b2d8046", "a9e1f37c05d2b684"),
            format!("{a}!#{b}$^"),
            format!("{a}/{b}+{}==", "Kd83hvQ2"),
            format!("{}-{}-4b1c-9d3e-{}", "7c9e6679", "7425", "a4f81be07fc1"),
        ]
    }

    #[test]
    fn what_a_machine_drew_is_found() {
        for value in drawn() {
            for promise in [Promise::Password, Promise::Drawn] {
                assert_eq!(judge(promise, &value, false), Worth::Sure(Confidence::Medium), "{value}");
            }
        }
    }

    #[test]
    fn what_people_write_in_code_is_not() {
        for value in [
            "getPasswordFromRequest",
            "config.get",
            "os.environ",
            "user.password",
            "Enter your password",
            "password",
            "string",
            "sk-actual-key-here",
            "your-api-key",
            "/run/secrets/db",
            "./certs/server.key",
            "db_password",
            "https://example.com/token",
            "${DB_PASSWORD}",
            "{{ vault.pw }}",
            "<password>",
            "%(password)s",
            "%s",
            "my-secret-token",
            "changeme",
            "null",
            "AbstractTokenProviderFactoryBean",
            "urn:ietf:params:oauth",
            "********",
            "process.env.SECRET",
            "a::b",
            "application/json",
            "token_type_hint",
            "fake-token-for-tests-1",
            "abcdefghijklmnop",
            "1234567890123456",
            "test-token-123",
            "@string/api_key",
            "x-goog-api-key",
            "dummy_key_1",
        ] {
            for promise in [Promise::Password, Promise::Drawn, Promise::Vague] {
                assert!(!matches!(judge(promise, value, false), Worth::Sure(_)), "{value}");
            }
        }
    }

    #[test]
    fn weak_passwords_wait_for_the_vault() {
        assert_eq!(judge(Promise::Password, "hunter2", false), Worth::Weak);
        assert_eq!(
            judge(Promise::Password, &format!("{}-{}", "Tr0ub4dor", "93!Kx"), false),
            Worth::Sure(Confidence::Medium)
        );
        assert_eq!(judge(Promise::Password, "Summer-2019!", true), Worth::Weak);
    }
}
