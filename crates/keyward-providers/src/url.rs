//! URLs as they stand in variables: cut into parts, not corrected.
//!
//! A strict parser would refuse just those that matter (a password with a bare `/` or `@` in it,
//! several hosts), and what is refused could be taken for harmless. This one never refuses a
//! text that has `scheme://`, and finds credentials where drivers find them.

use std::borrow::Cow;

use data_encoding::HEXLOWER_PERMISSIVE;

/// The parts of a URL, as written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Url<'a> {
    /// `postgresql+asyncpg`; `jdbc:` is left out.
    pub(crate) scheme: &'a str,
    pub(crate) user: Option<&'a str>,
    pub(crate) password: Option<&'a str>,
    /// Hosts with their ports, separated by commas.
    pub(crate) hosts: &'a str,
    /// With its leading `/`, or empty.
    pub(crate) path: &'a str,
    /// Without `?`.
    pub(crate) query: &'a str,
    /// Without `#`.
    pub(crate) fragment: &'a str,
}

impl<'a> Url<'a> {
    /// Cuts a text of the form `scheme://…`; `None` for anything else.
    pub(crate) fn parse(text: &'a str) -> Option<Self> {
        let text = text.trim();
        let text = text.strip_prefix("jdbc:").unwrap_or(text);
        let (scheme, rest) = text.split_once("://")?;
        let mut letters = scheme.bytes();
        let well_formed = letters.next().is_some_and(|byte| byte.is_ascii_alphabetic())
            && letters.all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.'));
        if !well_formed || rest.chars().any(char::is_control) {
            return None;
        }
        let (userinfo, rest) = split_userinfo(scheme, rest);
        let (user, password) = match userinfo.map(|userinfo| userinfo.split_once(':').unwrap_or((userinfo, ""))) {
            Some((user, password)) => (non_empty(user), non_empty(password)),
            None => (None, None),
        };
        let (rest, fragment) = rest.split_once('#').unwrap_or((rest, ""));
        let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
        let (hosts, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        Some(Self { scheme, user, password, hosts, path, query, fragment })
    }

    /// The first host's name, without port and brackets.
    pub(crate) fn host(&self) -> &'a str {
        split_port(self.hosts.split(',').next().unwrap_or("")).0
    }

    /// Names and values of the query, as written. `;` separates too, as in JDBC.
    pub(crate) fn parameters(&self) -> impl Iterator<Item = (&'a str, &'a str)> + use<'a> {
        let pairs = self.query.split(['&', ';']).filter(|pair| !pair.is_empty());
        pairs.map(|pair| pair.split_once('=').unwrap_or((pair, "")))
    }

    /// The value of a parameter, whatever the case of its name; `-` and `_` are equal.
    pub(crate) fn parameter(&self, name: &str) -> Option<&'a str> {
        self.parameters().find(|(own, _)| same_word(own, name)).map(|(_, value)| value)
    }
}

/// Undoes `%41`; what is no valid escape or no UTF-8 stays as it is.
pub(crate) fn decode(text: &str) -> Cow<'_, str> {
    if !text.contains('%') {
        return Cow::Borrowed(text);
    }
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let escape = bytes.get(at..at + 3).filter(|escape| escape[0] == b'%');
        match escape.and_then(|escape| HEXLOWER_PERMISSIVE.decode(&escape[1..]).ok()).as_deref() {
            Some([byte]) => {
                out.push(*byte);
                at += 3;
            }
            _ => {
                out.push(bytes[at]);
                at += 1;
            }
        }
    }
    String::from_utf8(out).map_or(Cow::Borrowed(text), Cow::Owned)
}

/// Cuts `host:port`, `[::1]:port`, `::1`. The port stays text: it may be a reference.
pub(crate) fn split_port(host: &str) -> (&str, Option<&str>) {
    if let Some(rest) = host.strip_prefix('[') {
        let (name, rest) = rest.split_once(']').unwrap_or((rest, ""));
        return (name, rest.strip_prefix(':'));
    }
    match host.split_once(':') {
        Some((name, port)) if !port.contains(':') => (name, Some(port)),
        _ => (host, None),
    }
}

/// Compares names of parameters: `ssl-mode`, `sslMode` and `ssl_mode` are one.
pub(crate) fn same_word(a: &str, b: &str) -> bool {
    let letters = |text: &str| -> String {
        text.chars().filter(|c| !matches!(c, '-' | '_')).map(|c| c.to_ascii_lowercase()).collect()
    };
    letters(a) == letters(b)
}

/// Credentials end at the last `@` before the path. A password with a bare `/`, `?` or `#` puts
/// that `@` behind the first such character; see [`hides_credentials`].
fn split_userinfo<'a>(scheme: &str, rest: &'a str) -> (Option<&'a str>, &'a str) {
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let later = || rest.rfind('@').filter(|at| *at > end);
    let at = match rest[..end].rfind('@') {
        Some(at) if rest[..at].ends_with(':') => later().filter(|at| !has_parameter(&rest[end..*at])).or(Some(at)),
        Some(at) => Some(at),
        None => later().filter(|at| hides_credentials(scheme, rest, end, *at)),
    };
    at.map_or((None, rest), |at| (Some(&rest[..at]), &rest[at + 1..]))
}

/// Whether what ends before the path is a user and the beginning of a password: the "port" is
/// none, or nobody writes a URL like that (`db://app:12/34@host`, `//app:12?34@host`). An `@` in
/// the path of a web page or behind a parameter (`?mail=a@b`) is no such sign.
fn hides_credentials(scheme: &str, rest: &str, end: usize, at: usize) -> bool {
    let name_ends = |host: &str| if host.starts_with('[') { host.find(']').unwrap_or(0) } else { 0 };
    let port = |host: &'_ str| Some(host[name_ends(host)..].split_once(':')?.1.to_owned());
    let ports: Vec<String> = rest[..end].split(',').filter_map(port).collect();
    let numeric = |port: &str| port.bytes().all(|byte| byte.is_ascii_digit()) || port.starts_with(['$', '{', '<']);
    let web = matches!(scheme.to_ascii_lowercase().as_str(), "http" | "https" | "ws" | "wss");
    if ports.iter().any(|port| !numeric(port)) {
        return true;
    }
    let page = web && rest[end..].starts_with('/');
    !ports.is_empty() && !page && !has_parameter(&rest[end..at])
}

fn has_parameter(text: &str) -> bool {
    text.split_once('?').is_some_and(|(_, query)| query.contains('='))
}

fn non_empty(text: &str) -> Option<&str> {
    Some(text).filter(|text| !text.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_cut_as_drivers_cut_them() {
        let url = Url::parse("jdbc:postgresql://u:p%40@[::1]:5432,b/db?a=1;b=2#f").unwrap();
        assert_eq!((url.scheme, url.user, url.password), ("postgresql", Some("u"), Some("p%40")));
        assert_eq!((url.hosts, url.host(), url.path), ("[::1]:5432,b", "::1", "/db"));
        assert_eq!(url.parameters().collect::<Vec<_>>(), [("a", "1"), ("b", "2")]);
        assert_eq!((url.parameter("B"), url.fragment), (Some("2"), "f"));
    }

    #[test]
    fn a_password_with_reserved_characters_is_still_a_password() {
        for (text, password, host) in [
            ("postgres://u:a/b@h/db", "a/b", "h"),
            ("postgres://u:a@b@h/db", "a@b", "h"),
            ("postgres://u:a#b?c@h:1/db", "a#b?c", "h"),
            ("redis://:secret@h", "secret", "h"),
            ("redis://:12/34@h", "12/34", "h"),
            ("https://u:12?34@h", "12?34", "h"),
        ] {
            let url = Url::parse(text).unwrap();
            assert_eq!((url.password, url.host()), (Some(password), host), "{text}");
        }
    }

    #[test]
    fn an_at_sign_in_a_path_is_no_password() {
        for text in ["https://h:443/@user/x", "postgres://h:5432/d?application_name=a@b", "https://h/a@b"] {
            let url = Url::parse(text).unwrap();
            assert_eq!((url.user, url.password, url.host()), (None, None, "h"), "{text}");
        }
    }

    #[test]
    fn escapes_are_undone_and_broken_ones_kept() {
        assert_eq!(decode("p%40%2f%"), "p@/%");
        assert_eq!(decode("%ff"), "%ff");
        assert_eq!(decode("%+1"), "%+1");
    }
}
