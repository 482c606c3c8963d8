//! What may be asked for, from where, and where it goes.

use std::fmt;

use keyward_types::HttpAddress;
use serde::{Deserialize, Serialize};

use super::{PathGlob, RuleError};

/// Some requests: `POST /v1/chat/*`, or `/v1/models` with any method.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Allow {
    /// By which method, in upper case; `None`: any.
    pub method: Option<Method>,
    /// Of which paths below the service.
    pub path: PathGlob,
}

/// A method that is passed on, in upper case.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Method(&'static str);

/// Whose pages may use a key in a browser: `https://shop.example` (RFC 6454), in the form that
/// browsers send.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct BrowserOrigin(String);

/// Where requests go instead of the catalogue's address: `https://xyz.qdrant.io:6333`. Whoever
/// says so has the value sent there, so it takes the right to read it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct UpstreamUrl(String);

/// Methods that are passed on.
const METHODS: [&str; 7] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];

impl Allow {
    /// Whether this request is one of them; the path as [`PathGlob::matches`] wants it.
    pub fn matches(&self, method: &str, path: &str) -> bool {
        self.method.is_none_or(|mine| mine.0 == method) && self.path.matches(path)
    }

    /// Whether all that `other` allows is allowed by this one.
    pub fn includes(&self, other: &Self) -> bool {
        self.method.is_none_or(|mine| other.method == Some(mine)) && self.path.includes(&other.path)
    }
}

impl Method {
    /// The name on the wire.
    pub const fn as_str(self) -> &'static str {
        self.0
    }
}

impl BrowserOrigin {
    /// The text, as the header `Origin` has it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl UpstreamUrl {
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Allow {
    type Error = RuleError;
    fn try_from(text: String) -> Result<Self, RuleError> {
        let Some((method, path)) = text.split_once(' ') else { return Ok(Self { method: None, path: text.parse()? }) };
        let known = METHODS.into_iter().find(|known| *known == method);
        let method = known.ok_or_else(|| RuleError::new("rule", &text, "write it like `POST /v1/chat/*`"))?;
        Ok(Self { method: Some(Method(method)), path: path.parse()? })
    }
}

impl TryFrom<String> for BrowserOrigin {
    type Error = RuleError;
    fn try_from(text: String) -> Result<Self, RuleError> {
        let fail = |why| RuleError::new("origin", &text, why);
        let parts = HttpAddress::of(&text).ok_or_else(|| fail("write it like https://shop.example"))?;
        if !parts.path.is_empty() {
            return Err(fail("an origin has no path, and no `/` at its end"));
        }
        if parts.port == Some(parts.default_port()) {
            return Err(fail("browsers leave the usual port out"));
        }
        match is_safe(&parts) {
            true => Ok(Self(text)),
            false => Err(fail("without TLS it is a page of this machine alone: http://localhost:3000")),
        }
    }
}

impl TryFrom<String> for UpstreamUrl {
    type Error = RuleError;
    fn try_from(text: String) -> Result<Self, RuleError> {
        let fail = |why| RuleError::new("upstream", &text, why);
        let parts = HttpAddress::of(&text).ok_or_else(|| fail("write it like https://api.example.com/v1"))?;
        let base = parts.path;
        let plain = base.is_empty() || base.parse::<PathGlob>().is_ok_and(|path| !path.as_str().contains('*'));
        if !plain || base == "/" {
            return Err(fail("its path is a plain one without `/` at its end"));
        }
        match is_safe(&parts) {
            true => Ok(Self(text)),
            false => Err(fail("without TLS it is a service of this machine alone")),
        }
    }
}

/// Without TLS a value goes nowhere but within this machine.
fn is_safe(address: &HttpAddress<'_>) -> bool {
    address.tls || matches!(address.host, "localhost" | "127.0.0.1" | "[::1]")
}

super::as_text!(Allow, BrowserOrigin, UpstreamUrl);

impl fmt::Display for Allow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.method {
            Some(method) => write!(f, "{} {}", method.0, self.path),
            None => write!(f, "{}", self.path),
        }
    }
}

impl fmt::Display for BrowserOrigin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for UpstreamUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allow(text: &str) -> Allow {
        text.parse().unwrap()
    }

    #[test]
    fn a_rule_is_a_method_and_a_path() {
        assert!(allow("POST /v1/chat/*").matches("POST", "/v1/chat/completions"));
        assert!(!allow("POST /v1/chat/*").matches("GET", "/v1/chat/completions"));
        assert!(allow("/v1/models").matches("GET", "/v1/models"));
        assert!(allow("/v1/**").includes(&allow("GET /v1/models")));
        assert!(!allow("GET /v1/**").includes(&allow("/v1/models")), "any method is more than one");
        for text in ["post /v1", "CONNECT /x", "POST  /v1", "POST", "POST v1", "TRACE /"] {
            assert!(text.parse::<Allow>().is_err(), "{text}");
        }
    }

    #[test]
    fn an_origin_is_what_browsers_send() {
        for text in ["https://shop.example", "https://shop.example:8443", "http://localhost:3000", "http://[::1]:5173"]
        {
            assert_eq!(text.parse::<BrowserOrigin>().unwrap().as_str(), text);
        }
        for text in [
            "shop.example",
            "https://",
            "https://shop.example/",
            "https://Shop.example",
            "https://shop.example:443",
            "https://shop.example:0443",
            "https://*.example",
            "http://shop.example",
            "https://u@shop.example",
            "https://shop.example:",
            "https://shop..example",
            "null",
            "*",
            "https://[::1",
        ] {
            assert!(text.parse::<BrowserOrigin>().is_err(), "{text}");
        }
    }

    #[test]
    fn an_upstream_is_a_plain_address() {
        for text in ["https://xyz.qdrant.io:6333", "https://a.example/rest/v1", "http://127.0.0.1:11434"] {
            assert_eq!(text.parse::<UpstreamUrl>().unwrap().as_str(), text);
        }
        for text in [
            "http://10.0.0.1",
            "https://a.example/",
            "https://a.example/v1/",
            "https://a.example/v1?x=1",
            "https://a.example/*",
            "https://u:p@a.example",
            "ftp://a.example",
        ] {
            assert!(text.parse::<UpstreamUrl>().is_err(), "{text}");
        }
    }
}
