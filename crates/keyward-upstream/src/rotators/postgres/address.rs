use std::time::Duration;

use keyward_types::Secret;
use tokio_postgres::Config;
use tokio_postgres::config::SslMode;
use zeroize::Zeroizing;

use crate::http::escape;

/// A connection URL, taken apart as far as rotating needs.
pub(crate) struct Address {
    text: Secret<String>,
    user: String,
    password: Secret<String>,
    config: Config,
    /// Whom its `sslrootcert` names.
    roots: Option<String>,
}

const CONNECT: Duration = Duration::from_secs(5);

impl Address {
    /// Reads `postgresql://USER:PASSWORD@HOST…`; `None`: it is none, or has its password elsewhere.
    pub(crate) fn parse(value: &Secret<String>) -> Option<Self> {
        let text = value.expose().trim();
        let (scheme, _) = text.split_once("://")?;
        if !matches!(scheme, "postgres" | "postgresql") {
            return None;
        }
        let (bare, roots, verified) = without_tls_files(text)?;
        let mut config: Config = bare.parse().ok()?;
        if verified {
            config.ssl_mode(SslMode::Require);
        }
        config.connect_timeout(CONNECT).application_name("keyward");
        let user = config.get_user()?.to_owned();
        let password = String::from_utf8(config.get_password().unwrap_or_default().to_vec()).ok()?;
        userinfo(text)?;
        let password = Secret::new("password of a connection string", password);
        Some(Self { text: value.clone(), user, password, config, roots })
    }

    pub(crate) fn user(&self) -> &str {
        &self.user
    }

    pub(crate) fn password(&self) -> &Secret<String> {
        &self.password
    }

    pub(super) fn config(&self) -> &Config {
        &self.config
    }

    pub(super) fn roots(&self) -> Option<&str> {
        self.roots.as_deref()
    }

    /// The same with another user and password.
    pub(crate) fn with(&self, user: &str, password: &Secret<String>) -> Secret<String> {
        let text = self.text.expose().trim();
        let (start, end) = userinfo(text).unwrap_or((text.len(), text.len()));
        let password = Zeroizing::new(escape(password.expose()));
        Secret::new("a connection URL", format!("{}{}:{}{}", &text[..start], escape(user), *password, &text[end..]))
    }
}

/// Where `USER:PASSWORD` stands.
fn userinfo(text: &str) -> Option<(usize, usize)> {
    let start = text.find("://")? + 3;
    let end = text[start..].find(['/', '?', '#']).map_or(text.len(), |at| start + at);
    let at = text[start..end].rfind('@')?;
    Some((start, start + at))
}

/// The URL without what the driver does not read: the file of root certificates, and the modes that
/// verify. Everything that is encrypted is verified.
fn without_tls_files(text: &str) -> Option<(Zeroizing<String>, Option<String>, bool)> {
    let Some((before, query)) = text.split_once('?') else {
        return Some((Zeroizing::new(text.to_owned()), None, false));
    };
    let (mut roots, mut verified) = (None, false);
    let mut kept = Vec::new();
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        match pair.split_once('=')? {
            ("sslrootcert", file) => roots = Some(percent_decoded(file)?),
            ("sslmode", "verify-ca" | "verify-full") => verified = true,
            ("password" | "user", _) => return None,
            _ => kept.push(pair),
        }
    }
    Some((Zeroizing::new(format!("{before}?{}", kept.join("&"))), roots, verified))
}

fn percent_decoded(text: &str) -> Option<String> {
    let mut out = Vec::new();
    let mut rest = text.as_bytes();
    while let Some((byte, more)) = rest.split_first() {
        rest = more;
        match byte {
            b'%' => {
                let digits = std::str::from_utf8(rest.get(..2)?).ok()?;
                out.push(u8::from_str_radix(digits, 16).ok()?);
                rest = &rest[2..];
            }
            byte => out.push(*byte),
        }
    }
    String::from_utf8(out).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Option<Address> {
        Address::parse(&Secret::new("url", text.to_owned()))
    }

    #[test]
    fn user_and_password_alone_change() {
        let address =
            parse("postgresql://app_a:p%40ss@db.example:5433/shop?sslmode=verify-full&sslrootcert=%2Fx.pem").unwrap();
        assert_eq!((address.user(), address.password().expose().as_str()), ("app_a", "p@ss"));
        assert_eq!(address.roots(), Some("/x.pem"));
        let other = address.with("app b", &Secret::new("p", "n-w_1".to_owned()));
        assert_eq!(
            other.expose(),
            "postgresql://app%20b:n-w_1@db.example:5433/shop?sslmode=verify-full&sslrootcert=%2Fx.pem"
        );
        assert_eq!(parse(other.expose()).unwrap().user(), "app b");
    }

    #[test]
    fn what_cannot_be_changed_is_none() {
        for text in ["", "mysql://a:b@c/d", "postgres://c/d", "postgres://a@c/d?password=b", "host=c user=a password=b"]
        {
            assert!(parse(text).is_none(), "{text}");
        }
    }
}
