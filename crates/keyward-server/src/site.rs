//! For what passkeys are: a name and the pages under it, as the set-up has them. What a request calls
//! this server counts for nothing here but to say why there are none.

use axum::http::StatusCode;
use keyward_access::passkey::{Site, SiteError};
use keyward_client::{Failure, Result};

use crate::config::Config;
use crate::listener::{Bound, Socket};
use crate::origin::Origin;
use crate::problem::{self, Problem};

/// The site of this server's passkeys, if it can have any.
#[derive(Debug)]
pub(crate) struct Passkeys(std::result::Result<Site, String>);

/// A `public_url` has to be one. That it has no name or no TLS is said to who wants a passkey: the
/// server is of use without.
pub(crate) fn check(config: &Config) -> Result<()> {
    match config.public_url.as_deref().map(Site::at) {
        Some(Err(error @ SiteError::Address(_))) => {
            Err(Failure::usage(format!("`public_url` cannot be used: {error}"))
                .hint("write it like `https://keyward.example:8443`, without a path"))
        }
        _ => Ok(()),
    }
}

impl Passkeys {
    pub(crate) fn of(config: &Config, bound: &[Bound]) -> Self {
        if let Some(url) = &config.public_url {
            return Self(Site::at(url).map_err(|error| error.to_string()));
        }
        let ports: Vec<u16> = bound.iter().filter_map(local_port).collect();
        match ports.is_empty() {
            true => Self(Err("the server's set-up has no `public_url`".to_owned())),
            false => Self(Site::local(&ports).map_err(|error| error.to_string())),
        }
    }

    /// The site, for who is on one of its pages. A program that is no browser says of itself on which
    /// page it is, and signs that.
    pub(crate) fn here(&self, origin: &Origin) -> problem::Result<&Site> {
        let none = |why: String| Problem::new(StatusCode::CONFLICT, "no_passkeys", why);
        let site = self.0.as_ref().map_err(|why| {
            none(format!("there are no passkeys here: {why}"))
                .hint("`public_url` in the server's set-up names it as people open it, with a name and TLS")
        })?;
        let pages = site.origins();
        if pages.iter().any(|page| *page == origin.text()) {
            return Ok(site);
        }
        let page = pages.first().map_or("", String::as_str);
        Err(none(format!("passkeys are for {page}, and this page is {}", origin.text())).hint(format!("open {page}")))
    }
}

/// The port of `http://localhost`, if it is one.
fn local_port(bound: &Bound) -> Option<u16> {
    match (&bound.socket, &bound.tls) {
        (Socket::Tcp(_, address), None) if address.ip().is_loopback() => Some(address.port()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(public_url: &str) -> Config {
        Config { public_url: Some(public_url.to_owned()), ..Config::loopback("127.0.0.1:0".parse().unwrap()) }
    }

    #[test]
    fn the_site_is_what_the_set_up_says() {
        let site = Passkeys::of(&with("https://keyward.example:8443"), &[]).0.unwrap();
        assert_eq!(
            (site.domain(), site.origins()),
            ("keyward.example", &["https://keyward.example:8443".to_owned()][..])
        );
        let why = Passkeys::of(&with("https://10.0.0.1:8443"), &[]).0.unwrap_err();
        assert!(why.contains("without a name"), "{why}");
        assert!(check(&with("https://10.0.0.1:8443")).is_ok() && check(&with("keyward.example")).is_err());
    }

    #[test]
    fn without_a_public_url_it_is_this_machine_where_it_listens_in_the_clear() {
        let config = Config::loopback("127.0.0.1:0".parse().unwrap());
        let bound = crate::listener::bind(&config).unwrap();
        let port = local_port(&bound[0]).unwrap();
        let site = Passkeys::of(&config, &bound).0.unwrap();
        assert_eq!((site.domain(), site.origins()), ("localhost", &[format!("http://localhost:{port}")][..]));
        assert!(Passkeys::of(&config, &[]).0.unwrap_err().contains("public_url"));
    }
}
