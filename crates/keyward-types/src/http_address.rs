//! Where something is reached over HTTP.

/// `scheme://host[:port][/path]`, and nothing else that a URL may have: no user, no query, no fragment. One
/// reading of it for whoever is told an address and for whoever goes there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HttpAddress<'a> {
    /// Whether it is `https`.
    pub tls: bool,
    /// A name in lower case, or an address; IPv6 in brackets.
    pub host: &'a str,
    /// Where one is given.
    pub port: Option<u16>,
    /// With its `/`; empty where there is none.
    pub path: &'a str,
}

/// Longest URL.
const LONGEST: usize = 512;

impl<'a> HttpAddress<'a> {
    /// The parts of a text; `None` where it is no such address.
    #[must_use]
    pub fn of(text: &'a str) -> Option<Self> {
        let tls = text.starts_with("https://");
        let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"))?;
        let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        let (host, port) = match authority.strip_prefix('[') {
            Some(rest) => {
                let end = rest.find(']')? + 2;
                (&authority[..end], authority[end..].strip_prefix(':'))
            }
            None => authority.split_once(':').map_or((authority, None), |(host, port)| (host, Some(port))),
        };
        let bracketed = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
        let named = match bracketed {
            Some(address) => address.parse::<std::net::Ipv6Addr>().is_ok(),
            None => is_host(host),
        };
        let port = match port {
            Some(port) if port.bytes().all(|b| b.is_ascii_digit()) && !port.starts_with('0') => {
                Some(port.parse().ok()?)
            }
            Some(_) => return None,
            None if authority.len() > host.len() => return None,
            None => None,
        };
        (named && text.len() <= LONGEST).then_some(Self { tls, host, port, path })
    }

    /// The port of its scheme.
    #[must_use]
    pub const fn default_port(&self) -> u16 {
        if self.tls { 443 } else { 80 }
    }

    /// The host without the brackets of IPv6.
    #[must_use]
    pub fn bare_host(&self) -> &'a str {
        self.host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(self.host)
    }

    /// Whether it is this machine, by its name or an address.
    #[must_use]
    pub fn is_this_machine(&self) -> bool {
        let host = self.bare_host();
        host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
    }
}

/// Lower-case names of hosts, so that one host has one spelling; names of other scripts in Punycode.
fn is_host(host: &str) -> bool {
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    host.len() <= 253 && host.split('.').all(label)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_its_parts_and_no_others() {
        let one = HttpAddress::of("https://xyz.example:6333/rest/v1").unwrap();
        assert_eq!((one.tls, one.host, one.port, one.path), (true, "xyz.example", Some(6333), "/rest/v1"));
        let six = HttpAddress::of("http://[::1]:9").unwrap();
        assert_eq!((six.bare_host(), six.is_this_machine(), six.default_port()), ("::1", true, 80));
        assert!(HttpAddress::of("http://127.0.0.5").is_some_and(|one| one.is_this_machine()));
        for text in [
            "",
            "x.example",
            "ftp://x.example",
            "https://",
            "https://X.example",
            "https://u@x.example",
            "https://x.example:",
            "https://x.example:0443",
            "https://x.example:70000",
            "https://x..example",
            "https://{account}.example",
            "https://[::1",
            "https://[::1]x",
        ] {
            assert!(HttpAddress::of(text).is_none(), "{text}");
        }
    }
}
