//! Values that are no secret by their form: references, placeholders, expressions, paths, addresses, words.

use keyward_providers::{is_placeholder, is_reference, looks_random};

use super::setting::has;
use super::value::has_dense_symbols;

/// What is no secret by its form: references, placeholders, expressions, paths, addresses, words of languages.
pub(crate) fn is_nothing(value: &str) -> bool {
    is_placeholder(value)
        || is_reference(value)
        || is_expression(value)
        || is_path_or_address(value)
        || has(CONSTANTS, &value.to_ascii_lowercase())
        || is_masked(value)
        || asks_for_a_value(value)
        || is_algorithm(value)
}

/// Whether a value is the name of an algorithm: `scram-sha-256`, `aes-256-gcm`.
fn is_algorithm(value: &str) -> bool {
    const PARTS: &str = "scram sha sha1 sha2 sha3 sha256 sha384 sha512 md5 hmac aes aes128 aes256 cbc gcm ctr ecb des des3 \
        3des rsa dsa ecdsa eddsa ed25519 x25519 pbkdf2 argon2 argon2i argon2id bcrypt scrypt pkcs1 pkcs5 pkcs7 pkcs8 oaep \
        chacha20 poly1305 plus with crypt blake2b blake2s";
    let lower = value.to_ascii_lowercase();
    let parts = || lower.split(['-', '_', '/']);
    parts().all(|part| part.parse::<u16>().is_ok() || has(PARTS, part)) && parts().any(|part| has(PARTS, part))
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
        || is_between_strings(value)
        || is_pattern(value)
        || (INNER.iter().any(|mark| body.contains(mark)) && !is_thick_with_symbols(value))
        || (bytes[0] == b'$'
            && bytes.len() > 1
            && (bytes[1].is_ascii_alphabetic() || bytes[1] == b'_')
            && is_identifier(&value[1..])
            && !is_long_draw(&value[1..]))
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
    let drawn = value.split('.').any(is_long_draw);
    parts > 1 && is_identifier_path(value) && (wordy || !drawn && random * 2 <= parts && (random == 0 || parts > 2))
}

/// Whether a name is too long and too much like chance for one that a person gave: a part of a token.
fn is_long_draw(name: &str) -> bool {
    name.len() >= 24 && name.bytes().any(|byte| byte.is_ascii_digit()) && looks_random(name)
}

/// `+e.slice(0,-1)+`: the code between two strings, where the end of the one was taken for a beginning.
fn is_between_strings(value: &str) -> bool {
    let joins = |byte: Option<&u8>| matches!(byte, Some(b'+' | b',' | b')'));
    let bytes = value.trim().as_bytes();
    joins(bytes.first()) && joins(bytes.last()) && value.contains(['(', '.', '['])
}

/// `(Mon|Tue|Wed)`, `%[a-f0-9]{2}`, `\\w+`: a pattern that values are looked for with.
fn is_pattern(value: &str) -> bool {
    let choice = value.starts_with('(') && value.ends_with(')') && value.contains('|');
    choice || is_regex(value)
}

fn is_regex(value: &str) -> bool {
    ["[a-", "[A-", "[0-9", "[^", "(?:", "(?i)", "\\d", "\\w", "\\s", "\\b"].iter().any(|class| value.contains(class))
        && value.contains(['+', '*', '{', '?'])
}

/// `%s`, `%(name)s`, `{}`, `{name}`, `{name:04}`, `:param`, `?`.
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
        || has_width(value)
        || framed('<', '>')
        || framed('[', ']') && !looks_random(value)
        || value.starts_with(':') && is_identifier(&value[1..])
        || value.starts_with('%') && value.ends_with('%') && value.len() > 2
}

/// `{name:04}`, `{lower-alnum:32}`: a part that a program fills in to a width.
fn has_width(value: &str) -> bool {
    let inner = value.split_once('{').and_then(|(_, rest)| rest.split_once('}')).map(|(inner, _)| inner);
    inner.and_then(|inner| inner.split_once(':')).is_some_and(|(name, width)| {
        let name = name.replace('-', "_");
        is_identifier_path(&name) && (1..=3).contains(&width.len()) && width.bytes().all(|byte| byte.is_ascii_digit())
    })
}

fn is_call(value: &str) -> bool {
    let Some(open) = value.find('(') else { return false };
    open > 0 && is_identifier_path(&value[..open]) && value[open..].contains(')')
}

/// Whether a text is a name, or names joined by dots.
pub(super) fn is_identifier_path(value: &str) -> bool {
    !value.is_empty() && value.split('.').all(is_identifier)
}

pub(super) fn is_identifier(value: &str) -> bool {
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
        && (!looks_random(stem) || value.starts_with("./") || value.starts_with("../"))
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
    // An `a` between symbols is a letter of a password and no word.
    let spaced = lower.contains([' ', '_', '-']);
    let asking = words().any(|word| has(ASKING, word) && (spaced || word.len() > 1));
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

    #[test]
    fn code_and_patterns_are_no_secret() {
        let (upper, lower) = ("Q7GK2LMZ", "p0xw9rty");
        for value in [
            "+e),e.slice(0,-1)+",
            "%[a-f0-9]{2}",
            "^[A-Za-z0-9_-]{22,}$",
            "../containerregistry/listRunLogSasUrl.ts",
            "$apiKey",
            "(Jan|Feb|Mar|Apr|May|Jun)",
        ] {
            assert!(is_nothing(value), "{value}");
        }
        for value in [
            format!("$aact_{lower}{upper}{lower}"),
            format!("{lower}{upper}{lower}.{upper}{lower}{upper}.{lower}{lower}{upper}"),
            format!("+{lower}/{upper}+"),
        ] {
            assert!(!is_nothing(&value), "{value}");
        }
    }

    #[test]
    fn a_part_that_is_filled_in_to_a_width_is_no_secret() {
        for value in ["key-{index:04}", "napi_{lower-alnum:64}", "{digits:10}:{base64url:35}"] {
            assert!(is_nothing(value), "{value}");
        }
        for value in ["k3{v8:q1}z7m2x9", "{k3v8q1z7m2x9:}", "a{b:12345}k3v8q1z7m2"] {
            assert!(!has_width(value), "{value}");
        }
    }
}
