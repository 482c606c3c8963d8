//! Whether a value that a secret's name is given could be a secret.

use keyward_providers::{is_placeholder, is_reference, looks_random, strength};
use keyward_types::Confidence;

use super::setting::has;

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

/// What is no secret by its form: references, placeholders, expressions, paths, addresses, words of languages.
pub(crate) fn is_nothing(value: &str) -> bool {
    is_placeholder(value)
        || is_reference(value)
        || is_expression(value)
        || is_path_or_address(value)
        || has(CONSTANTS, &value.to_ascii_lowercase())
        || is_masked(value)
        || asks_for_a_value(value)
}

/// `${x}`, `#{x}`, `<%= x %>`, `%s`, `{0}`, `f(x)`, `a.b.c`, `a::b`, `a->b`, `a[b]`, `$x`.
fn is_expression(value: &str) -> bool {
    const INNER: [&str; 18] = [
        "->",
        "::",
        "()",
        "process.env",
        "){",
        "=>",
        "};",
        "&&",
        "||",
        "==",
        "!=",
        ");",
        "\":",
        "\",",
        "',",
        ",\"",
        "\\n",
        ")]",
    ];
    let bytes = value.as_bytes();
    // Base64 ends with `==`.
    let body = value.trim_end_matches('=');
    is_template(value)
        || (INNER.iter().any(|mark| body.contains(mark)) && !is_thick_with_symbols(value))
        || (bytes[0] == b'$'
            && bytes.len() > 1
            && (bytes[1].is_ascii_alphabetic() || bytes[1] == b'_')
            && is_identifier(&value[1..]))
        || is_format(value)
        || is_call(value)
        || is_dotted_name(value)
}

/// `${x}`, `#{x}`, `{{ x }}`, `<%= x %>`, `$(x)`, `%{x}`, `@{x}`, `%(x)s`, `\\(x)`: a part that a program fills in.
fn is_template(value: &str) -> bool {
    const FRAMES: [(&str, &str); 11] = [
        ("${", "}"),
        ("#{", "}"),
        ("{{", "}}"),
        ("<%", "%>"),
        ("$(", ")"),
        ("%{", "}"),
        ("@{", "}"),
        ("%(", ")"),
        ("\\(", ")"),
        ("[[", "]]"),
        ("{%", "%}"),
    ];
    FRAMES.iter().any(|(open, close)| {
        let inner = value.split_once(open).and_then(|(_, rest)| rest.split_once(close)).map(|(inner, _)| inner);
        inner.is_some_and(|inner| !inner.is_empty() && !inner.contains(['{', '}', '[', ']', '<', '>', '#', '^', '!']))
    })
}

/// Whether a third of a value is symbols of many kinds, as in drawn passwords and never in code.
fn is_thick_with_symbols(value: &str) -> bool {
    let mut seen = [false; 128];
    let symbols =
        value.bytes().filter(u8::is_ascii_punctuation).inspect(|byte| seen[usize::from(*byte)] = true).count();
    symbols * 3 >= value.len() && seen.iter().filter(|one| **one).count() >= 7
}

/// `config.password`, `django.contrib.auth.hashers.PBKDF2PasswordHasher`: most of its parts are words.
fn is_dotted_name(value: &str) -> bool {
    let parts = value.split('.').count();
    let random = value.split('.').filter(|part| looks_random(part)).count();
    let wordy = !value.bytes().any(|byte| byte.is_ascii_digit());
    parts > 1 && is_identifier_path(value) && (wordy || random * 2 <= parts && (random == 0 || parts > 2))
}

/// `%s`, `%(name)s`, `{}`, `{name}`, `:param`, `?`.
fn is_format(value: &str) -> bool {
    let framed = |open: char, close: char| {
        value.find(open).is_some_and(|at| {
            value[at + 1..].find(close).is_some_and(|end| is_identifier_path(&value[at + 1..at + 1 + end]) || end == 0)
        })
    };
    value.contains("%s")
        || value.contains("%d")
        || value.contains("%v")
        || framed('{', '}')
        || framed('<', '>')
        || framed('[', ']') && !looks_random(value)
        || value.starts_with(':') && is_identifier(&value[1..])
        || value.starts_with('%') && value.ends_with('%') && value.len() > 2
}

fn is_call(value: &str) -> bool {
    let Some(open) = value.find('(') else { return false };
    open > 0 && is_identifier_path(&value[..open]) && value[open..].contains(')')
}

/// Whether a text is a name, or names joined by dots.
fn is_identifier_path(value: &str) -> bool {
    !value.is_empty() && value.split('.').all(is_identifier)
}

fn is_identifier(value: &str) -> bool {
    let mut bytes = value.bytes();
    bytes.next().is_some_and(|byte| byte.is_ascii_alphabetic() || byte == b'_')
        && bytes.all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

/// Paths, files, URLs without credentials, mail addresses, host names, times.
fn is_path_or_address(value: &str) -> bool {
    if value.contains("://") {
        return true; // URLs with credentials are connection strings.
    }
    let rooted = ["/", "./", "../", "~/", "C:\\", "c:\\", "\\\\", "file:", "arn:", "urn:", "mailto:", "data:"]
        .iter()
        .any(|start| value.starts_with(start));
    let parts = || value.split(['/', '\\']).filter(|part| !part.is_empty());
    let wordy = parts().count() > 1 && !parts().any(looks_random);
    let base64 = value.len() >= 24 && value.ends_with('=');
    if (rooted && !parts().any(looks_random)) || wordy && !base64 && !has_dense_symbols(value) {
        return true;
    }
    if let Some((stem, ending)) = value.rsplit_once('.')
        && has(ENDINGS, &ending.to_ascii_lowercase())
        && !looks_random(stem)
    {
        return true;
    }
    is_mail(value)
}

fn is_mail(value: &str) -> bool {
    value.split_once('@').is_some_and(|(user, host)| {
        is_identifier_path(&user.replace(['-', '+'], "_"))
            && host.contains('.')
            && is_identifier_path(&host.replace('-', "_"))
    })
}

/// `****`, `••••`, `sk-…abcd`, `abc...`, `<redacted>`.
fn is_masked(value: &str) -> bool {
    let stars = value.bytes().filter(|byte| *byte == b'*').count();
    stars >= 3 && stars * 2 >= value.len()
        || value.contains("...")
        || value.contains('…')
        || value.contains('•')
        || value.contains("***")
        || value.bytes().filter(|byte| matches!(byte, b'x' | b'X')).count() * 2 > value.len() && value.len() > 5
}

/// Words that a person writes in place of a value: `actual`, `here`, `secret-goes-here`, `my-token`.
fn asks_for_a_value(value: &str) -> bool {
    let lower = value.to_ascii_lowercase();
    let words = || lower.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    let all = words().count();
    let asking = words().any(|word| has(ASKING, word));
    let known = words().filter(|word| has(ASKING, word) || has(NAMES, word)).count();
    const PHRASES: [&str; 16] = [
        "redacted",
        "goes_here",
        "goes-here",
        "goeshere",
        "_here",
        "-here",
        "notreal",
        "not-real",
        "not_real",
        "fake",
        "insecure",
        "not-secret",
        "notasecret",
        "not_a_secret",
        "dummy",
        "placehold",
    ];
    (asking && known * 2 >= all) || PHRASES.iter().any(|phrase| lower.contains(phrase))
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

fn has_dense_symbols(value: &str) -> bool {
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
const CONSTANTS: &str = "true false null none nil undefined yes no on off string str number int bool boolean object any \
    void text password passwd secret token hidden required optional default empty unset disabled enabled basic bearer \
    digest plain plaintext sha1 sha256 sha512 md5 hmac bcrypt scrypt argon2 unknown anonymous public private admin root";
const ENDINGS: &str = "pem key crt cer der p12 pfx jks json yaml yml xml txt conf cfg ini env js ts py rb go rs java php html \
    css png jpg svg log sh sql db com org net io dev local internal md exe dll so gz zip tar";
const ASKING: &str = "your yours my here actual real enter insert put add paste use provide specify set change replace some \
    any an the a example sample demo dummy fake foo bar baz qux foobar test testing todo tbd goes mock invalid wrong bad \
    bogus redacted removed hidden masked stub temp this is not secure insecure must be of for in with to from";
const NAMES: &str = "password passwd pass pwd secret token key api apikey access auth client user id value string credential \
    credentials private public service account app admin db database";

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
