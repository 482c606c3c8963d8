use std::net::IpAddr;

use thiserror::Error;
use ureq::http::Uri;
use ureq::tls::{Certificate, PemItem, RootCerts, parse_pem};

/// An OpenID provider, and how it may be reached.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Issuer {
    url: String,
    /// Who signs its certificates, in PEM; `None`: whoever this system trusts.
    ca: Option<String>,
    allow_private: bool,
}

/// Why something is no issuer.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("the issuer cannot be used: {0}")]
pub struct IssuerError(&'static str);

/// Longest URL and longest authority, in bytes.
const LONGEST: usize = 512;
const LONGEST_CA: usize = 16 * 1024;

impl Issuer {
    /// Reads an issuer's URL to the letter, since tokens have to name it so: `https`, or `http` to
    /// this machine; without user, query or fragment.
    ///
    /// # Errors
    /// [`IssuerError`].
    pub fn new(url: &str, ca: Option<String>, allow_private: bool) -> Result<Self, IssuerError> {
        check(url)?;
        if url.contains('?') {
            return Err(IssuerError("it has a query"));
        }
        if let Some(ca) = &ca {
            certificates(ca)?;
        }
        Ok(Self { url: url.to_owned(), ca, allow_private })
    }

    /// The URL, as tokens name it.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Whether it is on this machine and spoken to without TLS.
    pub(crate) fn is_plain(&self) -> bool {
        self.url.starts_with("http://")
    }

    pub(crate) fn allows_private(&self) -> bool {
        self.allow_private
    }

    pub(crate) fn roots(&self) -> RootCerts {
        match self.ca.as_deref().map(certificates) {
            Some(Ok(certificates)) => RootCerts::new_with_certs(&certificates),
            _ => RootCerts::PlatformVerifier,
        }
    }

    /// An address that it names. In the clear it names none unless it is spoken to so itself.
    pub(crate) fn endpoint(&self, url: &str) -> Option<String> {
        let plain = check(url).ok()?;
        (!plain || self.is_plain()).then(|| url.to_owned())
    }
}

/// Whether it is plain HTTP.
fn check(url: &str) -> Result<bool, IssuerError> {
    if url.len() > LONGEST {
        return Err(IssuerError("it is longer than 512 characters"));
    }
    if url.contains('#') || !url.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(IssuerError("it has a fragment, or characters that no URL has"));
    }
    let uri: Uri = url.parse().map_err(|_| IssuerError("it is no URL"))?;
    let authority = uri.authority().ok_or(IssuerError("it names no host"))?;
    if authority.as_str().contains('@') {
        return Err(IssuerError("it holds a user name"));
    }
    let host = uri.host().filter(|host| !host.is_empty()).ok_or(IssuerError("it names no host"))?;
    // To the letter, since it is compared so.
    match (url.starts_with("https://"), url.starts_with("http://")) {
        (true, _) => Ok(false),
        (_, true) if is_this_machine(host) => Ok(true),
        (_, true) => Err(IssuerError("plain `http` goes to this machine alone; use `https`")),
        _ => Err(IssuerError("it has to begin with `https://`")),
    }
}

fn is_this_machine(host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || bare.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

fn certificates(pem: &str) -> Result<Vec<Certificate<'static>>, IssuerError> {
    let none = IssuerError("its authority's file holds no certificate in PEM");
    if pem.len() > LONGEST_CA {
        return Err(IssuerError("its authority's file is larger than 16 KiB"));
    }
    let mut found = Vec::new();
    for item in parse_pem(pem.as_bytes()) {
        if let PemItem::Certificate(certificate) = item.map_err(|_| none.clone())? {
            found.push(certificate);
        }
    }
    if found.is_empty() { Err(none) } else { Ok(found) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_may_be_spoken_to_is_an_issuer() {
        for url in ["https://id.example", "https://id.example/realms/a/", "http://127.0.0.1:9", "http://localhost:9/a"]
        {
            assert_eq!(Issuer::new(url, None, false).unwrap().url(), url);
        }
        for url in [
            "http://id.example",
            "HTTPS://id.example",
            "https://user@id.example",
            "https://id.example/?a=b",
            "https://id.example/#a",
            "https://id.example/a b",
            "ftp://id.example",
            "https://",
            "id.example",
            "",
        ] {
            assert!(Issuer::new(url, None, false).is_err(), "{url}");
        }
        assert!(Issuer::new("https://id.example", Some("no certificate".into()), false).is_err());
    }

    #[test]
    fn an_issuer_by_tls_names_no_endpoint_in_the_clear() {
        let issuer = Issuer::new("https://id.example", None, true).unwrap();
        assert!(issuer.endpoint("https://keys.example/jwks?x=1").is_some(), "another host may keep the keys");
        for url in ["http://127.0.0.1/jwks", "http://id.example/jwks", "file:///etc/passwd", "//id.example", "/jwks"] {
            assert_eq!(issuer.endpoint(url), None, "{url}");
        }
    }
}
