//! A secret in the query of a URL.

use std::ops::Range;

use keyward_providers::{SendPlace, provider_of_host};
use keyward_types::Confidence;

use super::names::{self, Sure};
use super::{Fault, Language, Site, call, is_word};

pub(super) const ANCHORS: &[&str] = &[
    "?api_key=",
    "&api_key=",
    "?apikey=",
    "&apikey=",
    "?apiKey=",
    "&apiKey=",
    "?api-key=",
    "&api-key=",
    "?access_token=",
    "&access_token=",
    "?auth_token=",
    "&auth_token=",
    "?token=",
    "&token=",
    "?key=",
    "&key=",
    "?secret=",
    "&secret=",
    "?password=",
    "&password=",
    "?client_secret=",
    "&client_secret=",
    "params=",
    "params:",
];

pub(super) fn check(site: &Site<'_>) -> Option<Fault> {
    if site.language == Language::DotEnv || site.language == Language::Docker {
        return None;
    }
    if site.anchor.starts_with("params") { parameters(site) } else { query(site) }
}

/// `…?api_key=` and a variable.
fn query(site: &Site<'_>) -> Option<Fault> {
    let (variable, end) = interpolated(site)?;
    let before = site.before(300);
    let start = before.iter().rposition(|byte| matches!(byte, b'"' | b'\'' | b'`' | b' ' | b'\n'))?;
    let url = &before[start + 1..];
    // The host, where it stands there: `https://api.example.com/v1`.
    if only_way(url) || is_document(site) {
        return None;
    }
    let sure = call::secret_path(&site.bytes()[variable.clone()]);
    let name = String::from_utf8_lossy(&site.bytes()[variable]).to_ascii_lowercase();
    // Links that are mailed to people, and pages of lists.
    const SINGLE_USE: [&str; 12] =
        ["reset", "verif", "confirm", "invite", "invit", "unsub", "csrf", "page", "next", "activat", "magic", "csp"];
    if SINGLE_USE.iter().any(|word| name.contains(word)) || has_word(url, &SINGLE_USE) {
        return None;
    }
    let confidence = match (site.anchor.trim_start_matches(['?', '&']), sure) {
        ("key=" | "token=" | "secret=" | "password=", Some(Sure::Quite)) => Confidence::Medium,
        ("key=" | "token=" | "secret=" | "password=", _) => return None,
        (_, Some(Sure::Quite)) => Confidence::Medium,
        _ => Confidence::Low,
    };
    Some(Fault { range: site.at + 1..end, confidence })
}

/// The variable that follows, and where its interpolation ends.
fn interpolated(site: &Site<'_>) -> Option<(Range<usize>, usize)> {
    let bytes = site.bytes();
    let start = site.end();
    let rest = site.after(120);
    let close = |open: usize, end: &[u8]| {
        let belongs: &[u8] = if end.is_empty() { b"$->" } else { b".[]'\"$->()" };
        let length = rest[open..].iter().take_while(|byte| is_word(**byte) || belongs.contains(byte)).count();
        let inner = start + open..start + open + length;
        bytes[inner.end..].starts_with(end).then_some((inner.clone(), inner.end + end.len()))
    };
    let javascript = site.language.is_javascript();
    match (site.language, rest) {
        (_, [b'$', b'{', ..]) if javascript || site.language.is_shell_like() || site.language == Language::Kotlin => {
            close(2, b"}")
        }
        (Language::Python | Language::Rust | Language::CSharp, [b'{', ..]) => close(1, b"}"),
        (Language::Ruby, [b'#', b'{', ..]) => close(2, b"}"),
        (Language::Php, [b'{', b'$', ..]) => close(1, b"}"),
        (Language::Php | Language::Shell | Language::Yaml | Language::Kotlin, [b'$', ..]) => close(1, b""),
        // `"…?key=" + key`, `'…?key=' . $key`
        (_, [b'"' | b'\'', after @ ..]) => {
            let gap = after.iter().take_while(|byte| **byte == b' ').count();
            let joins =
                matches!(after.get(gap), Some(b'+')) || site.language == Language::Php && after.get(gap) == Some(&b'.');
            let next = gap + 1 + after.get(gap + 1..)?.iter().take_while(|byte| **byte == b' ').count();
            let length = after[next..].iter().take_while(|byte| is_word(**byte) || b"._$->".contains(byte)).count();
            let inner = start + 1 + next..start + 1 + next + length;
            (joins && length > 0).then(|| (inner.clone(), inner.end))
        }
        _ => None,
    }
}

/// `params={"key": API_KEY}` of a request that has no body.
fn parameters(site: &Site<'_>) -> Option<Fault> {
    let before = site.before(300);
    let calls = ["requests.get(", "httpx.get(", "session.get(", "client.get(", "axios.get(", "requests.request("];
    let call = calls.iter().filter_map(|call| memchr::memmem::rfind(before, call.as_bytes())).max()?;
    if only_way(&before[call..]) || before[call..].contains(&b';') {
        return None;
    }
    let rest = site.after(300);
    let gap = rest.iter().take_while(|byte| byte.is_ascii_whitespace()).count();
    let body = rest.get(gap..)?.strip_prefix(b"{")?;
    let end = memchr::memchr(b'}', body)?;
    let mut at = site.end() + gap + 1;
    for pair in body[..end].split(|byte| *byte == b',') {
        let range = at..at + pair.len();
        at = range.end + 1;
        let Some(colon) = memchr::memchr(b':', pair) else { continue };
        let key = String::from_utf8_lossy(pair[..colon].trim_ascii()).trim_matches(['"', '\'']).to_ascii_lowercase();
        let value = pair[colon + 1..].trim_ascii();
        let is_key = ["key", "api_key", "apikey", "api-key", "access_token", "token", "appid"].contains(&key.as_str());
        if is_key && call::secret_path(value) == Some(Sure::Quite) {
            let blank = pair.iter().take_while(|byte| byte.is_ascii_whitespace()).count();
            let length = pair.trim_ascii().len();
            return Some(Fault {
                range: range.start + blank..range.start + blank + length,
                confidence: Confidence::Low,
            });
        }
    }
    None
}

/// Whether the service in the text takes its key in no other way, as far as we know.
fn only_way(text: &[u8]) -> bool {
    const HOSTS: [&str; 24] = [
        "maps.google",
        "openweathermap",
        "telegram",
        "newsapi",
        "omdbapi",
        "themoviedb",
        "alphavantage",
        "giphy",
        "stlouisfed",
        "api.nasa.gov",
        "exchangerate",
        "ipinfo",
        "weatherapi",
        "serpapi",
        "hunter.io",
        "etherscan",
        "bscscan",
        "map.baidu",
        "youtube",
        "steampowered",
        "last.fm",
        "audioscrobbler",
        "tomtom",
        "mapbox",
    ];
    let text = String::from_utf8_lossy(text);
    if HOSTS.iter().any(|host| text.contains(host)) {
        return true;
    }
    let host = text.split("://").nth(1).and_then(|rest| rest.split(['/', '?', '"', '\'', ':']).next());
    let send = host.and_then(provider_of_host).and_then(|provider| provider.send);
    send.is_some_and(|send| matches!(send.place, SendPlace::Query(_)))
}

fn has_word(text: &[u8], words: &[&str]) -> bool {
    let text = String::from_utf8_lossy(text).to_ascii_lowercase();
    words.iter().any(|word| text.contains(word))
}

/// A query is what a server reads too: `"?token=" in url`, routes, expressions of a search.
fn is_document(site: &Site<'_>) -> bool {
    let line = site.line();
    ["replace(", "split(", "startswith", "indexOf(", "match("].iter().any(|word| super::contains(line, word))
        || names::is_public(&String::from_utf8_lossy(line))
}
