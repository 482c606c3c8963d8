//! Values that are settings and hide nothing.
//!
//! Half of a real `.env` file is such: switches, numbers, addresses, paths, names of models and
//! regions. In doubt a value is no setting: to mask a setting is a nuisance, to show a secret is
//! a leak.

use std::net::{IpAddr, SocketAddr};

use crate::connection::is_secret_parameter;
use crate::letters::looks_random;
use crate::name::{Hint, Name};
use crate::placeholder::is_placeholder;
use crate::provider::provider_of_host;
use crate::url::{Url, decode, split_port};

/// How plain a value is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Plainness {
    /// Words, which a weak password could be too.
    Words,
    /// A number, which a PIN could be too.
    Number,
    /// A switch, an address, a path, a date: nothing that anyone has as a secret.
    Clear,
}

/// How plain a value is; `None` where it could be secret.
pub(crate) fn plainness(text: &str) -> Option<Plainness> {
    let text = unquoted(text.trim());
    if text.is_empty() || text.len() > LONGEST || text.chars().any(char::is_control) {
        return None;
    }
    if text.contains("://") && urls_hide(text) {
        return None;
    }
    if names_a_secret(text) {
        return None;
    }
    whole(text).or_else(|| list(text))
}

/// Whether it gives a secret its name itself: `X-Api-Key:abc`, `password=abc`.
fn names_a_secret(text: &str) -> bool {
    let (name, value) = text.split_once([':', '=']).unwrap_or((text, ""));
    !value.trim().is_empty() && !value.starts_with("//") && matches!(Name::parse(name).hint(), Hint::Secret(_))
}

/// Without one pair of quotes around it.
fn unquoted(text: &str) -> &str {
    ['"', '\''].iter().find_map(|quote| text.strip_prefix(*quote)?.strip_suffix(*quote)).unwrap_or(text)
}

/// Whether any URL of a list of them (`https://a,https://b`) carries anything to hide. A text that
/// is one URL is looked at as a whole too, as a comma may be part of its password.
pub(crate) fn urls_hide(text: &str) -> bool {
    urls(text).any(|url| url_hides(&url))
}

/// Whether any URL of a list has a password.
pub(crate) fn urls_have_password(text: &str) -> bool {
    urls(text).any(|url| url.password.is_some())
}

fn urls(text: &str) -> impl Iterator<Item = Url<'_>> {
    text.split([',', ';', ' ', '|']).chain([text]).filter_map(Url::parse)
}

/// Whether a URL carries anything that has to be hidden, or is so broken that it might.
fn url_hides(url: &Url<'_>) -> bool {
    let user = url.user.is_some_and(|user| looks_random(user) || is_uuid(user));
    url.password.is_some() || user || has_broken_host(url) || has_secret_parameter(url) || has_secret_path(url)
}

/// 8-4-4-4-12 hex digits.
pub(crate) fn is_uuid(text: &str) -> bool {
    let lengths = [8, 4, 4, 4, 12];
    let mut parts = text.split('-');
    lengths.iter().all(|length| {
        parts.next().is_some_and(|part| part.len() == *length && part.bytes().all(|byte| byte.is_ascii_hexdigit()))
    }) && parts.next().is_none()
}

/// A path that begins at a root, a home or here.
pub(crate) fn is_path(text: &str) -> bool {
    let drive = text.as_bytes().get(..3).is_some_and(|start| start[0].is_ascii_alphabetic() && start[1..] == *b":\\");
    let rooted =
        ["/", "./", "../", "~/"].iter().any(|start| text.starts_with(start)) || drive || text == "." || text == "~";
    rooted && !looks_random(text) && !text.contains(['=', '@', '$', '!', '&', '^', '"', '\''])
}

const LONGEST: usize = 2048;

/// Values of one piece.
fn whole(text: &str) -> Option<Plainness> {
    if is_switch(text) || is_address(text) || is_path(text) || is_colour(text) {
        return Some(Plainness::Clear);
    }
    if is_number(text) {
        return Some(Plainness::Number);
    }
    if is_moment(text) || is_host(text) || is_mail(text) {
        return Some(Plainness::Clear);
    }
    if text.contains("://") {
        return Url::parse(text).filter(|_| !text.contains(char::is_whitespace)).map(|_| Plainness::Clear);
    }
    is_word(text).then_some(Plainness::Words)
}

/// Several pieces: lists, sentences, `name=value`.
fn list(text: &str) -> Option<Plainness> {
    for separator in [',', ';', ' ', '|'] {
        if text.contains(separator) {
            let parts = || text.split(separator).map(str::trim).filter(|part| !part.is_empty());
            return parts()
                .map(|part| if separator == ' ' { word_of_sentence(part) } else { plainness(part) })
                .min()?;
        }
    }
    let (name, value) = text.split_once('=')?;
    if !is_word(name.trim_start_matches('-')) {
        None
    } else if value.is_empty() {
        Some(Plainness::Words)
    } else {
        plainness(value)
    }
}

fn word_of_sentence(part: &str) -> Option<Plainness> {
    let bare =
        part.trim_matches(['.', ',', '!', '?', ':', '(', ')', '[', ']', '"', '\'', '<', '>', '*', '&', '-', '–', '%']);
    // The apostrophe of "don't".
    bare.split(['\'', '’']).filter(|part| !part.is_empty()).map(plainness).min().unwrap_or(Some(Plainness::Words))
}

fn is_switch(text: &str) -> bool {
    const WORDS: [&str; 18] = [
        "true",
        "false",
        "yes",
        "no",
        "on",
        "off",
        "y",
        "n",
        "t",
        "f",
        "enabled",
        "disabled",
        "enable",
        "disable",
        "null",
        "none",
        "nil",
        "undefined",
    ];
    WORDS.iter().any(|word| text.eq_ignore_ascii_case(word))
}

/// `8080`, `-1.5`, `1_000`, `30s`, `1h30m`, `512MB`, `80%`, `100/minute`.
fn is_number(text: &str) -> bool {
    const UNITS: [&str; 34] = [
        "", "ms", "s", "m", "h", "d", "w", "y", "b", "k", "g", "t", "kb", "mb", "gb", "tb", "ki", "mi", "gi", "kib",
        "mib", "gib", "sec", "secs", "min", "mins", "px", "em", "rem", "x", "rpm", "rps", "usd", "eur",
    ];
    let text = text
        .split_once('/')
        .map_or(text, |(number, unit)| if unit.bytes().all(|byte| byte.is_ascii_alphabetic()) { number } else { text });
    let text = text.strip_prefix(['-', '+']).unwrap_or(text).trim_end_matches('%');
    let digits = text.bytes().filter(u8::is_ascii_digit).count();
    let inner = |c: char| c.is_ascii_digit() || matches!(c, '.' | '_');
    let mut rest = text;
    let mut groups = 0;
    while rest.starts_with(|c: char| c.is_ascii_digit()) && groups < 4 {
        rest = rest.trim_start_matches(inner).trim_start();
        let end = rest.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(rest.len());
        if !UNITS.iter().any(|unit| rest[..end].eq_ignore_ascii_case(unit)) {
            return false;
        }
        rest = &rest[end..];
        groups += 1;
    }
    groups > 0 && rest.is_empty() && digits <= 24
}

/// Dates, times, versions, cron lines: digits and what separates them, with two separators.
fn is_moment(text: &str) -> bool {
    let text = text.strip_prefix('v').unwrap_or(text);
    let separators = text.bytes().filter(|byte| b".:-/+ *,".contains(byte)).count();
    text.len() <= 40
        && separators >= 2
        && text.bytes().any(|byte| byte.is_ascii_digit())
        && text.bytes().all(|byte| byte.is_ascii_digit() || b".:-/+ *,TZ".contains(&byte))
}

/// IP addresses, with port or network size.
fn is_address(text: &str) -> bool {
    let host = match text.split_once('/') {
        Some((host, size)) if size.parse::<u8>().is_ok_and(|size| size <= 128) => host,
        _ => text,
    };
    host.parse::<IpAddr>().is_ok() || text.parse::<SocketAddr>().is_ok()
}

/// `db.example.com`, `*.example.com`, `localhost:3000`, `redis:6379`.
fn is_host(text: &str) -> bool {
    let (host, port) = split_port(text);
    let port_fits = port.is_none_or(|port| port.parse::<u16>().is_ok());
    let bare = host.strip_prefix("*.").unwrap_or(host);
    let labels: Vec<&str> = bare.split('.').collect();
    let label_fits = |label: &&str| {
        !label.is_empty()
            && label.len() <= 63
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
    };
    let top =
        labels.last().is_some_and(|label| label.len() >= 2 && label.bytes().all(|byte| byte.is_ascii_alphabetic()));
    let known = host.eq_ignore_ascii_case("localhost") || (labels.len() > 1 && top) || port.is_some();
    port_fits && known && labels.iter().all(label_fits) && (!looks_random(host) || provider_of_host(host).is_some())
}

fn is_mail(text: &str) -> bool {
    let text = text.strip_prefix("mailto:").unwrap_or(text);
    text.split_once('@').is_some_and(|(local, domain)| {
        is_word(local) && domain.split_once(':').is_none() && is_host(domain) && !domain.contains('@')
    })
}

/// `#ff00aa`
fn is_colour(text: &str) -> bool {
    text.strip_prefix('#')
        .is_some_and(|hex| matches!(hex.len(), 3 | 4 | 6 | 8) && hex.bytes().all(|b| b.is_ascii_hexdigit()))
}

/// Words and abbreviations joined as in names: `gpt-4o`, `eu-central-1`, `Europe/Berlin`,
/// `text/html`, `ghcr.io/org/app:1.2`, `*`.
fn is_word(text: &str) -> bool {
    let joins = |c: char| "-_./:@+~*".contains(c);
    let frames = |c: char| "()[]{}%<>|".contains(c);
    let framed = text.contains(frames);
    text.len() <= 256
        && !(framed && text.bytes().any(|byte| byte.is_ascii_digit()))
        && text.chars().all(|c| c.is_alphanumeric() || joins(c) || frames(c))
        && !looks_random(text)
        && !is_uuid(text)
}

/// A host and port that no driver could use: what stands there may be a password.
fn has_broken_host(url: &Url<'_>) -> bool {
    let reference = |text: &str| text.starts_with(['$', '{', '<', '%']);
    url.hosts.split(',').any(|host| {
        let (name, port) = split_port(host);
        let port_fits = port.is_none_or(|port| port.is_empty() || reference(port) || port.parse::<u16>().is_ok());
        !port_fits || !name.chars().all(|c| c.is_alphanumeric() || "-_.:%*${}<>/@".contains(c))
    })
}

/// A parameter with a secret's name and a value that is neither a word nor a placeholder.
fn has_secret_parameter(url: &Url<'_>) -> bool {
    url.parameters().any(|(name, value)| {
        let value = decode(value);
        let named = is_secret_parameter(name)
            && !value.is_empty()
            && !is_placeholder(&value)
            && plainness(&value) != Some(Plainness::Clear);
        named || looks_random(&value) && !is_uuid(&value)
    })
}

/// A path that is known to be a secret (webhooks) or has a random part, as capability URLs have.
fn has_secret_path(url: &Url<'_>) -> bool {
    let host = url.host().to_ascii_lowercase();
    let path = url.path;
    let hook = host.starts_with("hooks.")
        || host.contains("webhook")
        || path.contains("/webhooks/")
        || path.contains("/hooks/");
    let mut parts = path.split('/').chain(url.fragment.split('/')).filter(|part| !part.is_empty());
    parts.any(|part| {
        let part = decode(part);
        if is_uuid(&part) {
            hook
        } else {
            looks_random(&part) || (hook && part.len() >= 6 && part.bytes().any(|byte| byte.is_ascii_digit()))
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_plain() {
        for text in [
            "true",
            "3000",
            "1h30m",
            "512MB",
            "80%",
            "100/minute",
            "0.0.0.0",
            "::1",
            "10.0.0.0/8",
            "1.2.3",
            "v2.0.1",
            "2026-11-23T10:00:00Z",
            "*/5 * * * *",
            "localhost",
            "redis:6379",
            "db.example.com",
            "info",
            "gpt-4o-2024-08-06",
            "Europe/Berlin",
            "en_US.UTF-8",
            "a@example.com",
            "#ff00aa",
            "/var/log/app.log",
            "C:\\logs\\app",
            "https://a.example.com/v1?limit=10",
            "http://localhost:3000,https://example.com",
            "My Chat Bot!",
            "GET, POST",
            "--max-old-space-size=4096",
            "%(asctime)s %(levelname)s",
            "*",
            "ghcr.io/org/app:1.2.3",
            "arn:aws:iam::123456789012:role/Deploy",
            "s3://bucket/path",
        ] {
            assert!(plainness(text).is_some(), "{text}");
        }
    }

    #[test]
    fn what_could_be_secret_is_not() {
        for text in [
            "",
            "p@ss!w0rd",
            "Xk9#mQ2!",
            "d41d8cd98f00b204e9800998ecf8427e",
            "https://u:p@example.com",
            "https://example.com/x?token=s3cr3t",
            "550e8400-e29b-41d4-a716-446655440000",
            "line\nbreak",
            "https://hooks.example.com/services/T012AB/B034CD",
            "a=1,password=hunter2",
            "9999999999999999999999999",
            "https://example.com/p/q7Gk2LmZp0Xw9RtYq7",
        ] {
            assert!(plainness(text).is_none(), "{text}");
        }
    }
}
