use thiserror::Error;
use webauthn_rp::request::{AsciiDomain, RpId};

/// The site that passkeys are for: a domain, and the pages on which they are asked for.
#[derive(Debug)]
pub struct Site {
    domain: String,
    pub(super) id: RpId,
    pub(super) origins: Vec<String>,
}

/// No passkeys are possible there.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum SiteError {
    /// It is not written as the start of an address.
    #[error("`{0}` is no address of a server")]
    Address(String),
    /// An address has no name.
    #[error("`{0}` is an address without a name: browsers give it no passkeys")]
    Number(String),
    /// Without TLS nothing but this machine is trusted.
    #[error("`{0}` is without TLS: browsers give passkeys to `https://` and to `http://localhost`")]
    Plain(String),
}

impl Site {
    /// This machine, at these ports of `http://localhost`.
    ///
    /// # Errors
    /// None for what is known here; [`SiteError`] as for any other.
    pub fn local(ports: &[u16]) -> Result<Self, SiteError> {
        Self::named("localhost", ports.iter().map(|port| origin("http", "localhost", *port)).collect())
    }

    /// The server at this address: `https://` with a name and perhaps a port, or `http://localhost`.
    ///
    /// # Errors
    /// [`SiteError`].
    pub fn at(address: &str) -> Result<Self, SiteError> {
        let wrong = || SiteError::Address(address.to_owned());
        let (scheme, authority) = address.trim_end_matches('/').split_once("://").ok_or_else(wrong)?;
        let authority = authority.to_ascii_lowercase();
        let (host, port) = match authority.rsplit_once(':') {
            Some((host, port)) if !host.is_empty() && !authority.ends_with(']') => {
                (host, Some(port.parse::<u16>().map_err(|_| wrong())?))
            }
            _ => (authority.as_str(), None),
        };
        if host.trim_matches(['[', ']']).parse::<std::net::IpAddr>().is_ok() {
            return Err(SiteError::Number(address.to_owned()));
        }
        let usual = match (scheme, host) {
            ("https", _) => 443,
            ("http", "localhost") => 80,
            ("http", _) => return Err(SiteError::Plain(address.to_owned())),
            _ => return Err(wrong()),
        };
        let port = port.unwrap_or(usual);
        Self::named(host, vec![origin(scheme, host, port)]).map_err(|_| wrong())
    }

    fn named(domain: &str, origins: Vec<String>) -> Result<Self, SiteError> {
        // The library takes every printable character; a host name has these alone.
        let fits = domain.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-'));
        let id = AsciiDomain::try_from(domain.to_owned()).ok().filter(|_| fits);
        let id = id.ok_or_else(|| SiteError::Address(domain.to_owned()))?;
        Ok(Self { domain: domain.to_owned(), id: RpId::Domain(id), origins })
    }

    /// For which domain.
    pub fn domain(&self) -> &str {
        &self.domain
    }

    /// On which pages, as browsers write them.
    pub fn origins(&self) -> &[String] {
        &self.origins
    }
}

/// As a browser writes it: without the usual port.
fn origin(scheme: &str, host: &str, port: u16) -> String {
    match (scheme, port) {
        ("https", 443) | ("http", 80) => format!("{scheme}://{host}"),
        _ => format!("{scheme}://{host}:{port}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_site_is_a_name_with_tls_or_this_machine() {
        let of = |address: &str| Site::at(address).map(|site| (site.domain().to_owned(), site.origins()[0].clone()));
        let site = |domain: &str, origin: &str| Ok((domain.to_owned(), origin.to_owned()));
        assert_eq!(of("https://keyward.example"), site("keyward.example", "https://keyward.example"));
        assert_eq!(of("https://Keyward.Example:443/"), site("keyward.example", "https://keyward.example"));
        assert_eq!(of("https://keyward.example:8443"), site("keyward.example", "https://keyward.example:8443"));
        assert_eq!(of("http://localhost:8200"), site("localhost", "http://localhost:8200"));
        for number in ["https://10.0.0.1", "https://10.0.0.1:8443", "http://127.0.0.1:8200", "https://[::1]:8200"] {
            assert_eq!(of(number), Err(SiteError::Number(number.to_owned())));
        }
        assert_eq!(of("http://keyward.example"), Err(SiteError::Plain("http://keyward.example".to_owned())));
        for wrong in ["keyward.example", "https://", "ftp://keyward.example", "https://a b", "https://k.example:x"] {
            assert_eq!(of(wrong), Err(SiteError::Address(wrong.to_owned())), "{wrong}");
        }
        let local = Site::local(&[8200, 80]).unwrap();
        assert_eq!(local.origins(), ["http://localhost:8200", "http://localhost"]);
    }
}
