//! Certificate checks that are switched off.
//!
//! Libraries offer the switch, and tests use it; what counts is that an application throws it in a
//! call. Near a service that we know, or a secret, it is surer.

use std::cell::RefCell;
use std::ops::Range;

use keyward_providers::provider_of_host;
use keyward_types::Confidence;

use super::names::{self, Sure};
use super::{Fault, Language, Site, is_word, plain_http};

pub(super) const ANCHORS: &[&str] = &[
    "verify=False",
    "verify = False",
    "verify_ssl=False",
    "_create_unverified_context",
    "CERT_NONE",
    "rejectUnauthorized",
    "NODE_TLS_REJECT_UNAUTHORIZED",
    "InsecureSkipVerify",
    "danger_accept_invalid_certs",
    "danger_accept_invalid_hostnames",
    "CURLOPT_SSL_VERIFYPEER",
    "ServerCertificateCustomValidationCallback",
    "DangerousAcceptAnyServerCertificateValidator",
    "TrustAllCerts",
    "NoopHostnameVerifier",
    "VERIFY_NONE",
    "curl ",
    "wget ",
];

pub(super) fn check(site: &Site<'_>) -> Option<Fault> {
    let range = switched_off(site)?;
    let near = surroundings(site);
    let confidence = match (near, needs_context(site)) {
        (Near::Local, _) | (Near::Nothing, true) => return None,
        (Near::Service, _) => Confidence::Medium,
        (Near::Nothing, false) => Confidence::Low,
    };
    Some(Fault { range, confidence })
}

/// The expression that switches the check off; of a command only the option, as its other arguments can hold a key.
fn switched_off(site: &Site<'_>) -> Option<Range<usize>> {
    match site.anchor {
        "curl " => {
            let runs = site.language.is_shell_like() || matches!(site.language, Language::Python | Language::Ruby);
            runs.then(|| option(site, b'k', "--insecure")).flatten()
        }
        "wget " => site.language.is_shell_like().then(|| option(site, b'\0', "--no-check-certificate")).flatten(),
        _ => end_of_expression(site).map(|end| site.at..end),
    }
}

/// Where the expression ends that begins with the anchor.
fn end_of_expression(site: &Site<'_>) -> Option<usize> {
    use Language::{CSharp, Go, Java, Kotlin, Php, Python, Ruby, Rust};
    let language = site.language;
    let script = language.is_javascript();
    let end = site.end();
    match site.anchor {
        "verify=False" | "verify_ssl=False" => {
            let argument = matches!(site.before(40).trim_ascii_end().last(), Some(b'(' | b','));
            (language == Python && argument && ends(site) && in_request(site)).then_some(end)
        }
        "verify = False" => (language == Python && site.before(24).ends_with(b"session.") && ends(site)).then_some(end),
        "_create_unverified_context" => (language == Python && site.before(8).ends_with(b"ssl.")).then_some(end),
        "CERT_NONE" => (language == Python && assigned(site, b"verify_mode")).then_some(end),
        // `? options.rejectUnauthorized : false` only reads it.
        "rejectUnauthorized" if site.before(1) == b"." => script.then(|| follows(site, &["="], &["false"])).flatten(),
        "rejectUnauthorized" => script.then(|| follows(site, &[":", "="], &["false"])).flatten(),
        "NODE_TLS_REJECT_UNAUTHORIZED" => follows(site, &["=", ":", "']=", "\"]="], &["0", "'0'", "\"0\""]),
        "InsecureSkipVerify" => (language == Go).then(|| follows(site, &[":", "="], &["true"])).flatten(),
        "danger_accept_invalid_certs" | "danger_accept_invalid_hostnames" => {
            (language == Rust).then(|| follows(site, &["("], &["true)"])).flatten()
        }
        "CURLOPT_SSL_VERIFYPEER" => {
            (language == Php).then(|| follows(site, &[",", "=>"], &["false", "FALSE", "0"])).flatten()
        }
        "ServerCertificateCustomValidationCallback" => {
            let body = &site.after(120);
            let arrow = memchr::memmem::find(body, b"=> true")?;
            (language == CSharp && !body[..arrow].contains(&b';')).then_some(end + arrow + 7)
        }
        "DangerousAcceptAnyServerCertificateValidator" => (language == CSharp).then_some(end),
        "TrustAllCerts" | "NoopHostnameVerifier" => {
            let used =
                !site.line().trim_ascii_start().starts_with(b"import ") && !super::contains(site.line(), "class ");
            (matches!(language, Java | Kotlin) && used).then_some(end)
        }
        "VERIFY_NONE" => (language == Ruby && assigned(site, b"verify_mode")).then_some(end),
        _ => None,
    }
}

/// What is near.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Near {
    /// A service that we know, or a secret.
    Service,
    /// Only this machine or its network.
    Local,
    Nothing,
}

/// Whether the anchor alone is no mistake: what libraries have in their own code.
fn needs_context(site: &Site<'_>) -> bool {
    match site.anchor {
        "curl " | "wget " => {
            !super::contains(site.after(300).split(|byte| *byte == b'\n').next().unwrap_or_default(), "https://")
        }
        "verify=False" | "verify_ssl=False" | "rejectUnauthorized" | "InsecureSkipVerify" => false,
        "danger_accept_invalid_certs" | "NODE_TLS_REJECT_UNAUTHORIZED" => false,
        _ => true,
    }
}

thread_local! {
    /// What was judged last: many anchors may stand in one place.
    static JUDGED: RefCell<(Vec<u8>, Near)> = const { RefCell::new((Vec::new(), Near::Nothing)) };
}

fn surroundings(site: &Site<'_>) -> Near {
    let near = if matches!(site.anchor, "curl " | "wget ") { command(site) } else { block(site) };
    JUDGED.with_borrow_mut(|(last, judged)| {
        if last != near {
            (*last, *judged) = (near.to_vec(), judge(near));
        }
        *judged
    })
}

/// The bytes around the anchor, the same for all anchors in one block of the text.
fn block<'a>(site: &Site<'a>) -> &'a [u8] {
    const BLOCK: usize = 512;
    const AROUND: usize = 600;
    let start = site.at / BLOCK * BLOCK;
    &site.bytes()[start.saturating_sub(AROUND)..site.bytes().len().min(start + BLOCK + AROUND)]
}

fn judge(near: &[u8]) -> Near {
    let text = String::from_utf8_lossy(near);
    let mut local = false;
    for rest in text.split("https://").skip(1) {
        let host =
            rest.split(|c: char| !(c.is_ascii_alphanumeric() || c == '.' || c == '-')).next().unwrap_or_default();
        let host = host.to_ascii_lowercase();
        if provider_of_host(&host).is_some() {
            return Near::Service;
        }
        local |= !host.is_empty() && plain_http::is_local(&host);
    }
    let words = text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'));
    if words.into_iter().any(|word| names::secret(word) == Some(Sure::Quite)) || text.contains("Authorization") {
        return if local { Near::Local } else { Near::Service };
    }
    if local { Near::Local } else { Near::Nothing }
}

/// The shell command, its continued lines too.
fn command<'a>(site: &Site<'a>) -> &'a [u8] {
    let rest = site.around(0).len();
    let after = &site.bytes()[site.at..site.bytes().len().min(site.at + rest + 500)];
    let mut end = 0;
    while let Some(found) = memchr::memchr(b'\n', &after[end..]) {
        let line = &after[end..end + found];
        end += found + 1;
        if !line.trim_ascii_end().ends_with(b"\\") {
            return &after[..end - 1];
        }
    }
    after
}

/// The option of a command that switches the check off: `-k`, `-sk`, `--insecure`.
fn option(site: &Site<'_>, short: u8, long: &str) -> Option<Range<usize>> {
    if !site.begins_word() {
        return None;
    }
    let command = command(site);
    let command =
        &command[..command.iter().position(|byte| matches!(byte, b'|' | b';' | b'&' | b')')).unwrap_or(command.len())];
    let mut at = 0;
    for word in command.split(|byte| byte.is_ascii_whitespace()) {
        let end = at + word.len();
        let trimmed = word.strip_suffix(b"\"").unwrap_or(word);
        let flags = trimmed.len() > 1
            && trimmed.len() <= 6
            && trimmed[0] == b'-'
            && trimmed[1..].iter().all(u8::is_ascii_alphabetic);
        // `-ok` is the file `k` of `-o`.
        let takes_value = |byte: &u8| b"oHduXAbcCeEFmrtTUwxyYz".contains(byte);
        let before = trimmed.iter().position(|byte| *byte == short);
        let is_short = short != 0 && flags && before.is_some_and(|place| !trimmed[1..place].iter().any(takes_value));
        if is_short || trimmed == long.as_bytes() {
            return Some(site.at + at..site.at + at + trimmed.len());
        }
        at = end + 1;
    }
    None
}

/// Whether a value follows, joined by one of `joins`; where it ends.
fn follows(site: &Site<'_>, joins: &[&str], values: &[&str]) -> Option<usize> {
    let rest = site.after(40);
    let skipped = rest.iter().take_while(|byte| b" '\"])".contains(byte)).count();
    let join = joins.iter().find(|join| rest[skipped..].starts_with(join.as_bytes()))?;
    let from = skipped + join.len();
    let gap = from + rest[from..].iter().take_while(|byte| **byte == b' ').count();
    let value = values.iter().find(|value| rest[gap..].starts_with(value.as_bytes()))?;
    let end = gap + value.len();
    let word = rest.get(end).is_some_and(|next| is_word(*next)) && value.ends_with(|c: char| c.is_ascii_alphanumeric());
    // `== "0"` asks.
    (!word && rest.get(skipped + 1) != Some(&b'=')).then_some(site.end() + end)
}

fn ends(site: &Site<'_>) -> bool {
    site.after(1).first().is_none_or(|next| !is_word(*next))
}

/// Whether the line assigns the anchor to a name that ends so.
fn assigned(site: &Site<'_>, name: &[u8]) -> bool {
    let line = site.text.line_around(site.at, 400);
    let before = &site.bytes()[line.start..site.at];
    let Some(equals) = memchr::memrchr(b'=', before) else { return false };
    before[..equals].trim_ascii_end().ends_with(name) && !before[..equals].ends_with(b"=")
}

/// Whether a Python argument belongs to a request.
fn in_request(site: &Site<'_>) -> bool {
    const CALLS: [&str; 12] = [
        "requests.",
        "httpx.",
        "session.",
        ".get(",
        ".post(",
        ".put(",
        ".delete(",
        ".patch(",
        ".request(",
        "Session(",
        "Client(",
        "aiohttp",
    ];
    CALLS.iter().any(|call| super::contains(site.before(300), call))
}
