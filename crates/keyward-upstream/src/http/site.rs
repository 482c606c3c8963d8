use std::collections::BTreeMap;
use std::net::IpAddr;
use std::str::FromStr;

use keyward_providers::Provider;
use thiserror::Error;
use ureq::http::Uri;

/// One address of one provider, judged when it is made: `https`, without user, query or fragment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Site {
    /// `https://host[:port][/path]`, without a `/` at its end.
    base: String,
    /// Host and port, as requests name them.
    authority: String,
    /// Whether a person named it, so that it may be in a network of his.
    named: bool,
    /// Whether it is spoken to without TLS, which goes to this machine alone.
    plain: bool,
}

/// Why something is no address of a provider.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("the provider's address cannot be used: {0}")]
pub struct SiteError(&'static str);

/// Hosts of providers that are elsewhere: `api.openai.com=https://egress.example/openai`. Plain
/// `http` goes to this machine alone.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Hosts(BTreeMap<String, String>);

/// A text that names no host and where it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("`HOST=URL` is needed: a provider's host, and `https://…` (or `http://…` of this machine) where it is")]
pub struct HostsError;

/// How a site is reached.
pub(crate) struct Way {
    pub(crate) base: String,
    /// What requests name as their host, where that is not where they go.
    pub(crate) host: Option<String>,
    pub(crate) allow_private: bool,
    pub(crate) plain: bool,
}

impl Site {
    /// An address of a service of the catalogue, below one of its own hosts.
    ///
    /// # Errors
    /// When it is below none of them.
    pub fn of(provider: &Provider, base: &str) -> Result<Self, SiteError> {
        let site = Self::judged(base, false)?;
        let host = site.host();
        let owns = |own: &&str| host.strip_suffix(*own).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'));
        match provider.hosts.iter().any(owns) {
            true => Ok(site),
            false => Err(SiteError("its host is none of the service's own")),
        }
    }

    /// An address that a person named, of what he runs himself: it may be in a private network.
    ///
    /// # Errors
    /// When it is none.
    pub fn named(base: &str) -> Result<Self, SiteError> {
        Self::judged(base, true)
    }

    /// An address that a person named, which has to be on the internet.
    ///
    /// # Errors
    /// When it is none.
    pub fn public(base: &str) -> Result<Self, SiteError> {
        Self::judged(base, false)
    }

    /// An address that a person named, of what he runs himself: it may be in a private network, and
    /// without TLS on this machine (`http://127.0.0.1:8200`).
    ///
    /// # Errors
    /// When it is none.
    pub fn own(base: &str) -> Result<Self, SiteError> {
        let Some(rest) = base.strip_prefix("http://") else { return Self::named(base) };
        if !may_stand_in(base) {
            return Err(SiteError("without TLS only this machine is spoken to"));
        }
        let mut site = Self::judged(&format!("https://{rest}"), true)?;
        site.base = format!("http://{}", &site.base["https://".len()..]);
        Ok(Self { plain: true, ..site })
    }

    /// The host, in lower case, without its port.
    pub fn host(&self) -> &str {
        match self.authority.rsplit_once(':') {
            Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => host,
            _ => &self.authority,
        }
    }

    /// The address.
    pub fn as_str(&self) -> &str {
        &self.base
    }

    /// What stands behind host and port.
    fn path(&self) -> &str {
        let (_, rest) = self.base.split_once("://").expect("a site has a scheme");
        &rest[self.authority.len()..]
    }

    /// Host and port, as a request names them.
    pub fn authority(&self) -> &str {
        &self.authority
    }

    fn judged(base: &str, named: bool) -> Result<Self, SiteError> {
        if base.len() > 512 || !base.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(SiteError("it is too long, or has characters that no URL has"));
        }
        if base.contains(['?', '#', '{', '}', '\\', '%']) {
            return Err(SiteError("it has a query, a fragment, or a part that was not filled in"));
        }
        if base.contains("/../") || base.ends_with("/..") {
            return Err(SiteError("its path goes upward"));
        }
        let uri: Uri = base.parse().map_err(|_| SiteError("it is no URL"))?;
        if uri.scheme_str() != Some("https") {
            return Err(SiteError("it has to begin with `https://`"));
        }
        let authority = uri.authority().ok_or(SiteError("it names no host"))?.as_str().to_ascii_lowercase();
        if authority.contains('@') {
            return Err(SiteError("it holds a user name"));
        }
        let path = uri.path().trim_end_matches('/');
        Ok(Self { base: format!("https://{authority}{path}"), authority, named, plain: false })
    }
}

impl Hosts {
    /// One host elsewhere.
    ///
    /// # Errors
    /// When either is none.
    pub fn with(mut self, host: &str, url: &str) -> Result<Self, HostsError> {
        let host = host.to_ascii_lowercase();
        let fits = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b':');
        let url = url.trim_end_matches('/');
        if host.is_empty() || !host.bytes().all(fits) || !may_stand_in(url) {
            return Err(HostsError);
        }
        self.0.insert(host, url.to_owned());
        Ok(self)
    }

    /// How a site is reached.
    pub(crate) fn way(&self, site: &Site) -> Way {
        let elsewhere = self.0.get(&site.authority).or_else(|| self.0.get(site.host()));
        match elsewhere {
            Some(url) => Way {
                base: format!("{url}{}", site.path()),
                host: Some(site.authority.clone()),
                allow_private: true,
                plain: url.starts_with("http://"),
            },
            None => Way { base: site.base.clone(), host: None, allow_private: site.named, plain: site.plain },
        }
    }
}

impl FromStr for Hosts {
    type Err = HostsError;
    fn from_str(text: &str) -> Result<Self, HostsError> {
        text.split(',').filter(|part| !part.is_empty()).try_fold(Self::default(), |hosts, part| {
            let (host, url) = part.split_once('=').ok_or(HostsError)?;
            hosts.with(host.trim(), url.trim())
        })
    }
}

fn may_stand_in(url: &str) -> bool {
    let Ok(uri) = url.parse::<Uri>() else { return false };
    let (Some(host), Some(authority)) = (uri.host(), uri.authority()) else { return false };
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    let here = host == "localhost" || bare.parse::<IpAddr>().is_ok_and(|address| address.is_loopback());
    let scheme = url.starts_with("https://") || (url.starts_with("http://") && here);
    scheme && !authority.as_str().contains('@') && !url.contains(['?', '#'])
}

/// A part of a path or of a query: everything but unreserved characters is escaped (RFC 3986).
pub fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => out.push(char::from(byte)),
            _ => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_site_is_below_one_of_its_providers_hosts() {
        let openai = keyward_providers::provider("openai").unwrap();
        assert_eq!(Site::of(openai, "https://API.openai.com/v1/").unwrap().as_str(), "https://api.openai.com/v1");
        for base in [
            "https://api.openai.com.evil.example",
            "https://evilopenai.com",
            "https://evil.example/openai.com",
            "https://openai.com@evil.example",
            "https://evil.example:443@openai.com",
            "http://api.openai.com",
            "https://api.openai.com/?a",
            "https://{host}/v1",
            "https://api.openai.com/v1/../..",
            "https://api.openai.com\\.evil.example",
            "",
        ] {
            assert!(Site::of(openai, base).is_err(), "{base}");
        }
    }

    #[test]
    fn a_named_site_may_be_private_and_others_never() {
        let named = Site::named("https://qdrant.internal:6333").unwrap();
        assert_eq!((named.host(), named.authority()), ("qdrant.internal", "qdrant.internal:6333"));
        let hosts = Hosts::default();
        assert!(hosts.way(&named).allow_private);
        let openai = keyward_providers::provider("openai").unwrap();
        assert!(!hosts.way(&Site::of(openai, "https://api.openai.com").unwrap()).allow_private);
    }

    #[test]
    fn without_tls_only_this_machine_is_named() {
        let own = Site::own("http://127.0.0.1:8200/v1/").unwrap();
        assert_eq!((own.as_str(), own.authority()), ("http://127.0.0.1:8200/v1", "127.0.0.1:8200"));
        assert!(Hosts::default().way(&own).plain);
        assert!(!Hosts::default().way(&Site::own("https://vault.internal").unwrap()).plain);
        for base in ["http://vault.internal", "http://10.0.0.1", "http://user@127.0.0.1", "ftp://127.0.0.1"] {
            assert!(Site::own(base).is_err(), "{base}");
        }
    }

    #[test]
    fn a_host_elsewhere_keeps_its_path_and_its_name() {
        let hosts: Hosts =
            "api.openai.com=http://127.0.0.1:99/x/,other.example=https://egress.example".parse().unwrap();
        let openai = keyward_providers::provider("openai").unwrap();
        let way = hosts.way(&Site::of(openai, "https://api.openai.com/v1").unwrap());
        assert_eq!((way.base.as_str(), way.host.as_deref()), ("http://127.0.0.1:99/x/v1", Some("api.openai.com")));
        assert!(way.plain);
        for text in ["api.openai.com", "a=http://example.com", "a=ftp://127.0.0.1", "=https://a", "a=https://u@b"] {
            assert_eq!(text.parse::<Hosts>(), Err(HostsError), "{text}");
        }
    }
}
