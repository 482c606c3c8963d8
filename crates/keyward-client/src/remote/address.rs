//! Where a server is.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use ureq::http::Uri;

use crate::Failure;

/// `https://HOST[:PORT]`, or `http://` to this machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerAddress {
    text: String,
    plain: bool,
}

impl ServerAddress {
    /// Whether it is spoken to in the clear, which only this machine is.
    pub fn is_plain(&self) -> bool {
        self.plain
    }

    /// The address as it was given, without a path.
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

impl FromStr for ServerAddress {
    type Err = Failure;

    fn from_str(text: &str) -> Result<Self, Failure> {
        let wrong = |why: &str| {
            Failure::usage(format!("the address of the server {why}"))
                .hint("it is like `https://keyward.example`, or `http://127.0.0.1:8200` on this machine")
        };
        let uri: Uri = text.trim().parse().map_err(|_| wrong("cannot be read"))?;
        let (Some(scheme), Some(authority)) = (uri.scheme_str(), uri.authority()) else {
            return Err(wrong("lacks `https://`"));
        };
        if authority.as_str().contains('@') {
            // It may be a password: not repeated.
            return Err(wrong("holds a user name; a token is given by `KEYWARD_TOKEN`"));
        }
        if !matches!(uri.path(), "" | "/") || uri.query().is_some() {
            return Err(wrong("goes on behind the host"));
        }
        let plain = match scheme {
            "https" => false,
            "http" if is_here(authority.host()) => true,
            "http" => {
                return Err(wrong("is not protected: tokens and values would cross the network in the clear"));
            }
            _ => return Err(wrong("begins with neither `https://` nor `http://`")),
        };
        Ok(Self { text: format!("{scheme}://{}", authority.as_str().to_ascii_lowercase()), plain })
    }
}

impl fmt::Display for ServerAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// Whether a host is this machine, whatever its names are resolved to.
fn is_here(host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    host.eq_ignore_ascii_case("localhost") || bare.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_this_machine_is_spoken_to_in_the_clear() {
        for (text, plain) in [
            ("https://Keyward.Example", false),
            ("https://10.0.0.5:8443/", false),
            ("http://127.0.0.1:8200", true),
            ("http://localhost:8200/", true),
            ("http://[::1]:8200", true),
        ] {
            assert_eq!(text.parse::<ServerAddress>().unwrap().is_plain(), plain, "{text}");
        }
        for text in [
            "http://keyward.example",
            "http://10.0.0.5:8200",
            "http://127.0.0.1.evil.example",
            "http://localhost.evil.example",
            "http://0.0.0.0:8200",
        ] {
            let failure = text.parse::<ServerAddress>().unwrap_err();
            assert!(failure.message.contains("in the clear"), "{text}: {failure}");
        }
    }

    #[test]
    fn an_address_is_a_host_and_nothing_else() {
        for text in ["", "keyward.example", "https://", "ftp://a", "https://a/api", "https://a?x", "https:// a"] {
            assert!(text.parse::<ServerAddress>().is_err(), "{text}");
        }
        let failure = "https://ada:word@a".parse::<ServerAddress>().unwrap_err();
        assert!(!format!("{failure:?}").contains("word"), "{failure:?}");
        assert_eq!("https://Keyward.Example/".parse::<ServerAddress>().unwrap().as_str(), "https://keyward.example");
    }
}
