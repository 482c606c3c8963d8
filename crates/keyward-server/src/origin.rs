//! Under which address a client reaches us, and whether a page of ours sends a request.
//!
//! A browser sends cookies along with what other pages begin. So a request that is known by a cookie
//! has to show, by headers that no page can write, that it was begun by a page of this server.

use axum::http::{HeaderMap, HeaderName, Method, StatusCode, Uri, header};
use ipnet::IpNet;

use crate::address::{Peer, contains};
use crate::input::is_json;
use crate::problem::{Problem, Result};
use crate::request;

/// Whether TLS ends in this process.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Encrypted(pub(crate) bool);

/// Scheme, host and port by which the client calls us.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Origin {
    encrypted: bool,
    authority: String,
}

const SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
const FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");

impl Origin {
    /// The origin of a request. That a proxy ends TLS is believed of one that is trusted.
    pub(crate) fn of(encrypted: Encrypted, peer: Peer, uri: &Uri, headers: &HeaderMap, trusted: &[IpNet]) -> Self {
        let by_proxy = peer.0.is_some_and(|address| contains(trusted, address))
            && only(headers, &FORWARDED_PROTO).is_ok_and(|proto| proto.is_some_and(|proto| proto == "https"));
        let authority = request::named(uri, headers).to_ascii_lowercase();
        let encrypted = encrypted.0 || by_proxy;
        // A browser leaves the usual port out, other programs may write it.
        let usual = if encrypted { ":443" } else { ":80" };
        let authority = authority.strip_suffix(usual).unwrap_or(&authority).to_owned();
        Self { encrypted, authority }
    }

    /// As a browser writes it, for example `https://keyward.example:8443`.
    pub(crate) fn text(&self) -> String {
        let scheme = if self.encrypted { "https" } else { "http" };
        format!("{scheme}://{}", self.authority)
    }

    /// Whether the way to the client is encrypted.
    pub(crate) fn is_encrypted(&self) -> bool {
        self.encrypted
    }

    /// Refuses what a page of somebody else began. A change has to show that none did.
    pub(crate) fn began_here(&self, method: &Method, headers: &HeaderMap) -> Result<()> {
        let reads = matches!(*method, Method::GET | Method::HEAD);
        let (site, origin) = self.begun(headers, reads)?;
        if !reads && site.is_none() && origin.is_none() {
            return Err(elsewhere());
        }
        if !reads && headers.contains_key(header::CONTENT_TYPE) && !is_json(headers) {
            return Err(elsewhere());
        }
        Ok(())
    }

    /// Refuses what is known to come from a page of somebody else. Programs that are no browser say
    /// nothing of this.
    pub(crate) fn not_from_elsewhere(&self, headers: &HeaderMap) -> Result<()> {
        self.begun(headers, false).map(drop)
    }

    fn begun<'a>(&self, headers: &'a HeaderMap, reads: bool) -> Result<(Option<&'a str>, Option<&'a str>)> {
        let (site, origin) = (only(headers, &SITE)?, only(headers, &header::ORIGIN)?);
        // `none`: the person himself, by the address bar or a bookmark.
        let ours = site.is_none_or(|site| site == "same-origin" || (reads && site == "none"));
        match ours && origin.is_none_or(|origin| origin == self.text()) {
            true => Ok((site, origin)),
            false => Err(elsewhere()),
        }
    }
}

/// A header that stands there once or not at all.
fn only<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Result<Option<&'a str>> {
    let mut lines = headers.get_all(name).iter();
    match (lines.next(), lines.next()) {
        (None, _) => Ok(None),
        (Some(line), None) => line.to_str().map(Some).map_err(|_| elsewhere()),
        _ => Err(elsewhere()),
    }
}

fn elsewhere() -> Problem {
    Problem::new(StatusCode::FORBIDDEN, "cross_site", "this request does not come from a page of this server")
        .hint("a session's cookie serves the pages of this server; programs send `Authorization: Bearer TOKEN`")
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn headers(lines: &[(&'static str, &str)]) -> HeaderMap {
        let line = |(name, value): &(&'static str, &str)| {
            (HeaderName::from_static(name), HeaderValue::from_str(value).unwrap())
        };
        lines.iter().map(line).collect()
    }

    fn origin(encrypted: bool, lines: &[(&'static str, &str)]) -> Origin {
        let peer = Peer(Some("10.0.0.1".parse().unwrap()));
        let trusted = ["10.0.0.0/8".parse().unwrap()];
        Origin::of(Encrypted(encrypted), peer, &Uri::from_static("/"), &headers(lines), &trusted)
    }

    #[test]
    fn an_origin_is_written_as_browsers_write_it() {
        assert_eq!(origin(false, &[("host", "LocalHost:8200")]).text(), "http://localhost:8200");
        assert_eq!(origin(true, &[("host", "kw.example:443")]).text(), "https://kw.example");
        assert_eq!(origin(true, &[("host", "kw.example:80")]).text(), "https://kw.example:80");
        let behind = [("host", "kw.example"), ("x-forwarded-proto", "https")];
        assert_eq!(origin(false, &behind).text(), "https://kw.example");
        let nobody = Peer(Some("192.0.2.1".parse().unwrap()));
        let told = Origin::of(Encrypted(false), nobody, &Uri::from_static("/"), &headers(&behind), &[]);
        assert_eq!(told.text(), "http://kw.example", "whoever is not trusted ends no TLS");
    }

    #[test]
    fn a_change_has_to_begin_here_and_a_read_may_not_begin_elsewhere() {
        let ours = origin(true, &[("host", "kw.example")]);
        let began = |method: &Method, lines: &[(&'static str, &str)]| ours.began_here(method, &headers(lines)).is_ok();
        let page = ("origin", "https://kw.example");
        for lines in [&[page][..], &[("sec-fetch-site", "same-origin")], &[page, ("sec-fetch-site", "same-origin")]] {
            assert!(began(&Method::POST, lines) && began(&Method::GET, lines), "{lines:?}");
        }
        for lines in [&[][..], &[("sec-fetch-site", "none")]] {
            assert!(!began(&Method::POST, lines) && began(&Method::GET, lines), "{lines:?}");
        }
        for lines in [
            &[("origin", "https://evil.example")][..],
            &[("origin", "null")],
            &[("origin", "http://kw.example")],
            &[("origin", "https://kw.example:8443")],
            &[("origin", "https://kw.example.evil.example")],
            &[("sec-fetch-site", "cross-site")],
            &[("sec-fetch-site", "same-site")],
            &[page, ("sec-fetch-site", "cross-site")],
            &[page, ("origin", "https://evil.example")],
            &[("sec-fetch-site", "same-origin"), ("sec-fetch-site", "cross-site")],
        ] {
            assert!(!began(&Method::DELETE, lines) && !began(&Method::GET, lines), "{lines:?}");
        }
        for kind in ["application/x-www-form-urlencoded", "text/plain", "multipart/form-data; boundary=x"] {
            assert!(!began(&Method::POST, &[page, ("content-type", kind)]), "{kind}");
        }
        assert!(began(&Method::POST, &[page, ("content-type", "application/json; charset=utf-8")]));
    }

    #[test]
    fn who_is_no_browser_may_begin_without_saying_from_where() {
        let ours = origin(false, &[("host", "localhost:8200")]);
        assert!(ours.not_from_elsewhere(&headers(&[])).is_ok());
        assert!(ours.not_from_elsewhere(&headers(&[("origin", "http://localhost:8200")])).is_ok());
        for (name, value) in
            [("origin", "http://localhost:3000"), ("sec-fetch-site", "same-site"), ("sec-fetch-site", "none")]
        {
            assert!(ours.not_from_elsewhere(&headers(&[(name, value)])).is_err(), "{name}: {value}");
        }
    }
}
