//! Where a sink posts to.

use std::fmt;
use std::net::{IpAddr, SocketAddr};

use keyward_types::{Secret, reachable};
use ureq::http::Uri;

use crate::Error;

/// A URL that alerts are posted to. It is a secret, since whoever knows it may post there: nothing
/// prints more of it than scheme and host.
#[derive(Clone)]
pub struct Endpoint {
    url: Secret<String>,
    shown: String,
    plain: bool,
    /// Where the host is an address by itself, or a name of this machine.
    address: Option<IpAddr>,
}

const LONGEST: usize = 2048;

impl Endpoint {
    /// Reads a URL: `https`, or `http` to this machine; without user or fragment.
    ///
    /// # Errors
    /// [`Error::Settings`]; the URL is not repeated.
    pub fn parse(url: &str) -> Result<Self, Error> {
        let wrong = |why: &str| Error::Settings(format!("the URL cannot be used: {why}"));
        if url.len() > LONGEST {
            return Err(wrong("it is longer than 2,048 characters"));
        }
        if url.contains('#') {
            return Err(wrong("it has a fragment"));
        }
        let uri: Uri = url.parse().map_err(|_| wrong("it is none"))?;
        let authority = uri.authority().ok_or_else(|| wrong("it names no host"))?;
        if authority.as_str().contains('@') {
            return Err(wrong("it holds a user name; a webhook is signed instead"));
        }
        let host = uri.host().filter(|host| !host.is_empty()).ok_or_else(|| wrong("it names no host"))?;
        let plain = match uri.scheme_str() {
            Some("https") => false,
            Some("http") if is_this_machine(host) => true,
            Some("http") => return Err(wrong("plain `http` goes to this machine alone; use `https`")),
            _ => return Err(wrong("it has to begin with `https://`")),
        };
        let shown = format!("{}://{authority}", if plain { "http" } else { "https" });
        let address = if host == "localhost" { Some(IpAddr::from([127, 0, 0, 1])) } else { bare(host).parse().ok() };
        Ok(Self { url: Secret::new("URL of an alert sink", url.to_owned()), shown, plain, address })
    }

    /// Refuses an address that no alert would ever be sent to. A name may lead elsewhere tomorrow, and is
    /// judged whenever something is sent.
    ///
    /// # Errors
    /// [`Error::Settings`], which says what would let it be.
    pub fn judge(&self, allow_private: bool) -> Result<(), Error> {
        let Some(address) = self.address else { return Ok(()) };
        let judged = reachable(&[SocketAddr::new(address, 443)], allow_private, self.plain);
        judged
            .map(drop)
            .map_err(|refused| Error::Settings(format!("no alert would reach {}: {}", self.shown, refused.0)))
    }

    /// Scheme and host: what may be shown.
    pub fn shown(&self) -> &str {
        &self.shown
    }

    /// The URL itself. Whoever calls this answers for where it goes.
    pub fn expose(&self) -> &str {
        self.url.expose()
    }

    /// Whether it is spoken to without TLS.
    pub(crate) fn is_plain(&self) -> bool {
        self.plain
    }
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Endpoint({}/…)", self.shown)
    }
}

/// A host that names this machine whoever is asked.
pub(crate) fn is_this_machine(host: &str) -> bool {
    host == "localhost" || bare(host).parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

fn bare(host: &str) -> &str {
    host.trim_start_matches('[').trim_end_matches(']')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_may_be_spoken_to_is_an_endpoint() {
        for url in
            ["https://example.com/hook", "https://example.com:8443/a?b=c", "http://127.0.0.1:9/x", "http://[::1]:9/"]
        {
            Endpoint::parse(url).unwrap();
        }
        for url in [
            "http://example.com/hook",
            "http://localhost.example.com/",
            "http://127.0.0.1.example.com/",
            "https://user:marker@example.com/",
            "https://example.com/#marker",
            "ftp://example.com/marker",
            "file:///etc/marker",
            "/marker",
            "https:///marker",
            "marker",
            "",
        ] {
            let error = Endpoint::parse(url).unwrap_err().to_string();
            assert!(!error.contains("marker"), "{error}");
        }
        assert!(Endpoint::parse(&format!("https://example.com/{}", "a".repeat(LONGEST))).is_err());
    }

    #[test]
    fn an_address_that_is_never_spoken_to_is_refused_beforehand() {
        let judge = |url: &str, allow_private| Endpoint::parse(url).unwrap().judge(allow_private);
        for url in ["https://127.0.0.1/x", "http://localhost:9/x", "https://[::1]/x", "https://192.168.1.9/x"] {
            let error = judge(url, false).unwrap_err().to_string();
            assert!(error.contains("--allow-private"), "{error}");
            judge(url, true).unwrap();
        }
        assert!(judge("https://169.254.169.254/x", true).is_err());
        judge("https://93.184.216.34/x", false).unwrap();
        judge("https://hooks.example.com/x", false).unwrap();
    }

    #[test]
    fn the_path_is_not_shown() {
        let endpoint = Endpoint::parse("https://hooks.example.com/services/marker").unwrap();
        assert_eq!(endpoint.shown(), "https://hooks.example.com");
        assert!(!format!("{endpoint:?}").contains("marker"));
    }
}
