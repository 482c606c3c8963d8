use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use crate::{Failure, Result};

/// Where a server is: scheme, host and port, in one spelling. Plain HTTP goes to this machine alone.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ServerUrl(String);

impl ServerUrl {
    /// The one spelling: `https://keyward.example:8443`, without a slash at the end.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The address of a call, for example of `/api/v1/whoami`.
    pub fn at(&self, path: &str) -> String {
        format!("{}{path}", self.0)
    }

    /// Whether nothing is encrypted on the way, because there is none.
    pub fn is_plain(&self) -> bool {
        self.0.starts_with("http://")
    }

    /// The same as a part of a file's name.
    pub(crate) fn file_stem(&self) -> String {
        let plain = |c: char| if c.is_ascii_alphanumeric() || matches!(c, '.' | '-') { c } else { '_' };
        self.0.replacen("://", "_", 1).chars().map(plain).collect()
    }
}

impl FromStr for ServerUrl {
    type Err = Failure;

    /// Reads an address as people write it: without a scheme it is TLS, and plain HTTP for this
    /// machine.
    fn from_str(text: &str) -> Result<Self> {
        let refused = |why: &str| {
            let shown: String = text.chars().take(80).flat_map(char::escape_debug).collect();
            Failure::usage(format!("`{shown}` is no server's address: {why}"))
                .hint("an address is like `https://keyward.example:8443`, or `http://127.0.0.1:8200` on this machine")
        };
        let (scheme, rest) = match text.split_once("://") {
            Some((scheme, rest)) => (Some(scheme.to_ascii_lowercase()), rest),
            None => (None, text),
        };
        let authority = rest.strip_suffix('/').unwrap_or(rest);
        if authority.contains('@') {
            return Err(Failure::usage("an address holds no user and no password")
                .hint("`keyward login` signs in; no password stands in an address"));
        }
        let (host, port) = split(authority).ok_or_else(|| refused("it has no host"))?;
        let port = port.map(|port| port.parse::<u16>()).transpose().map_err(|_| refused("its port is no number"))?;
        let host = canonical(host).ok_or_else(|| refused("a host is a name or an IP address"))?;
        let here = is_here(&host);
        let plain = match scheme.as_deref() {
            Some("https") => false,
            Some("http") => true,
            None => here,
            Some(_) => return Err(refused("it begins with neither `https://` nor `http://`")),
        };
        if plain && !here {
            return Err(Failure::usage(format!("`{host}` is another machine, and is not spoken to without TLS"))
                .hint(format!("write `https://{host}`; `keyward ca` makes certificates where no authority can")));
        }
        let usual = if plain { 80 } else { 443 };
        let scheme = if plain { "http" } else { "https" };
        let port = port.filter(|port| *port != usual).map_or_else(String::new, |port| format!(":{port}"));
        Ok(Self(format!("{scheme}://{host}{port}")))
    }
}

/// Host and port of `host`, `host:port`, `[v6]` or `[v6]:port`.
fn split(authority: &str) -> Option<(&str, Option<&str>)> {
    let end = if authority.starts_with('[') { authority.find(']')? + 1 } else { 0 };
    match authority[end..].split_once(':') {
        Some((rest, port)) => Some((&authority[..end + rest.len()], Some(port))),
        None => Some((authority, None)),
    }
    .filter(|(host, _)| !host.is_empty())
}

fn canonical(host: &str) -> Option<String> {
    if let Some(inner) = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        return inner.parse::<std::net::Ipv6Addr>().ok().map(|address| format!("[{address}]"));
    }
    let fits = host.len() <= 253 && host.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_'));
    fits.then(|| host.trim_end_matches('.').to_ascii_lowercase()).filter(|host| !host.is_empty())
}

fn is_here(host: &str) -> bool {
    let address = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    host == "localhost" || address.is_ok_and(|address| address.to_canonical().is_loopback())
}

impl fmt::Display for ServerUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_one_spelling() {
        for (written, spelled) in [
            ("https://KW.example/", "https://kw.example"),
            ("kw.example", "https://kw.example"),
            ("https://kw.example.:443", "https://kw.example"),
            ("https://kw.example:8443", "https://kw.example:8443"),
            ("127.0.0.1:8200", "http://127.0.0.1:8200"),
            ("http://localhost:80/", "http://localhost"),
            ("https://localhost:8200", "https://localhost:8200"),
            ("http://[::1]:8200", "http://[::1]:8200"),
            ("https://[2001:DB8::0:1]", "https://[2001:db8::1]"),
        ] {
            assert_eq!(written.parse::<ServerUrl>().unwrap().as_str(), spelled);
        }
    }

    #[test]
    fn what_is_no_address_or_leads_elsewhere_in_the_clear_is_refused() {
        for wrong in [
            "",
            "https://",
            "ftp://kw.example",
            "http://kw.example",
            "http://10.0.0.5:8200",
            "http://127.0.0.1.example",
            "https://kw.example/path",
            "https://kw.example?x",
            "https://kw.example:port",
            "https://kw.example:99999",
            "https://k w.example",
            "https://ada@kw.example",
            "https://[::1",
            "file:///etc/passwd",
        ] {
            assert!(wrong.parse::<ServerUrl>().is_err(), "{wrong}");
        }
        let secret = "https://ada:hidden@kw.example".parse::<ServerUrl>().unwrap_err();
        assert!(!secret.message.contains("hidden"), "{secret}");
    }

    #[test]
    fn a_file_of_an_address_has_a_harmless_name() {
        let of = |text: &str| text.parse::<ServerUrl>().unwrap().file_stem();
        assert_eq!(of("https://kw.example:8443"), "https_kw.example_8443");
        assert_eq!(of("http://[::1]:8200"), "http____1__8200");
    }
}
