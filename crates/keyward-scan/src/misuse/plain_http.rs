//! A secret that is sent over `http://`.

use keyward_providers::{is_placeholder, provider_of_host};
use keyward_types::Confidence;

use super::{Fault, Language, Site, call, contains, is_word};

pub(super) const ANCHORS: &[&str] = &["http://"];

pub(super) fn check(site: &Site<'_>) -> Option<Fault> {
    if matches!(site.language, Language::Yaml | Language::DotEnv) {
        return None;
    }
    let rest = site.after(300);
    let length =
        rest.iter().take_while(|byte| !matches!(byte, b'"' | b'\'' | b'`' | b' ' | b'\n' | b'<' | b'>' | b')')).count();
    let url = &rest[..length];
    let authority = url.split(|byte| matches!(byte, b'/' | b'?' | b'#')).next().unwrap_or_default();
    let user_end = memchr::memrchr(b'@', authority);
    let host_start = user_end.map_or(0, |at| at + 1);
    let host_length = authority[host_start..].iter().take_while(|byte| is_word(**byte) || b".-".contains(byte)).count();
    let host = std::str::from_utf8(&authority[host_start..host_start + host_length]).ok()?.to_ascii_lowercase();
    if is_local(&host) || is_placeholder(&host) {
        return None;
    }
    // Never more than the scheme where a password follows.
    let end = if user_end.is_some() { site.end() } else { site.end() + host_length };
    let fault = |confidence| Some(Fault { range: site.at..end, confidence });
    let interface = host.starts_with("api.") || contains(url, "/v1/") || contains(url, "/api/");
    // Most addresses stand in comments and texts; a whole catalogue is asked of those in calls alone.
    if !in_call(site) {
        return None;
    }
    if interface && provider_of_host(&host).is_some() || credential_near(site) {
        return fault(Confidence::Medium);
    }
    None
}

/// Whether nothing leaves the machine or its private network: loopback, private addresses, names
/// without a dot (services of compose), names that no public server has.
pub(super) fn is_local(host: &str) -> bool {
    const ENDS: [&str; 12] = [
        ".local",
        ".localhost",
        ".internal",
        ".test",
        ".example",
        ".invalid",
        ".lan",
        ".svc",
        ".home",
        ".arpa",
        "example.com",
        "example.org",
    ];
    const STARTS: [&str; 9] =
        ["127.", "10.", "192.168.", "169.254.", "0.0.0.0", "172.16.", "172.17.", "172.18.", "172.31."];
    !host.contains('.')
        || host.ends_with('.')
        || ENDS.iter().any(|end| host.ends_with(end))
        || STARTS.iter().any(|start| host.starts_with(start))
        || host.ends_with("example.net")
        || host.contains(".svc.")
}

/// Whether the URL is an argument of a request.
fn in_call(site: &Site<'_>) -> bool {
    const CALLS: [&str; 14] = [
        "requests.",
        "httpx.",
        "urlopen(",
        "fetch(",
        "axios",
        "curl ",
        "curl_init(",
        "NewRequest(",
        "http.Get(",
        ".post(",
        "HttpRequest",
        "Net::HTTP",
        "wget ",
        "Client(",
    ];
    let before = site.before(160);
    let statement = memchr::memmem::rfind(before, b";").map_or(before, |at| &before[at..]);
    let comparison = ["startswith", "startsWith", "==", "replace("].iter().any(|word| contains(site.line(), word));
    !comparison && CALLS.iter().any(|call| contains(statement, call))
}

/// Whether a credential is sent in the same statement.
fn credential_near(site: &Site<'_>) -> bool {
    const SENT: [&str; 10] = [
        "Authorization",
        "authorization",
        "X-API-Key",
        "X-Api-Key",
        "x-api-key",
        "Bearer ",
        "auth=(",
        "--user ",
        " -u ",
        "api_key=",
    ];
    let after = site.after(300);
    let end = [&b"\n\n"[..], b");\n", b")\n"].iter().filter_map(|end| memchr::memmem::find(after, end)).min();
    let statement = &after[..end.unwrap_or(after.len())];
    let before = site.before(160);
    let start = memchr::memrchr2(b'\n', b';', before).map_or(0, |at| at + 1);
    let sent = SENT.iter().any(|word| contains(statement, word) || contains(&before[start..], word));
    let start = site.end();
    sent || call::bare_secret(site.bytes(), start, call::Holes::No, true)
        .is_some_and(|(range, _)| range.end <= start + statement.len())
}
