//! Where the database is, and how it may be spoken to.

use std::fmt;
use std::net::IpAddr;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use keyward_store::{Error, Result};
use tokio_postgres::Config;
use tokio_postgres::config::{Host, SslMode, TargetSessionAttrs};

/// `postgres://USER@HOST:PORT/DATABASE?sslmode=verify-full&schema=keyward`, as `libpq` reads it, with
/// one parameter of our own: the `schema` that holds the vault (`keyward` unless it is given).
///
/// To any other address than this machine's own, TLS with a verified certificate is the default
/// (`sslmode=verify-full`; `sslrootcert`, `sslcert` and `sslkey` name PEM files). `sslmode=require`
/// encrypts without knowing to whom; plaintext is refused there.
///
/// Printed, it shows neither user nor password.
#[derive(Clone)]
pub struct Address {
    pub(crate) config: Config,
    pub(crate) tls: Tls,
    pub(crate) schema: String,
}

/// How the connection is protected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Tls {
    /// Not at all: it does not leave the machine.
    Plain,
    /// Against who listens, not against who answers.
    Unverified(Files),
    /// By a certificate for the host's name.
    Verified(Files),
}

/// PEM files that the address names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Files {
    pub(crate) roots: Option<PathBuf>,
    pub(crate) certificate: Option<PathBuf>,
    pub(crate) key: Option<PathBuf>,
}

impl Address {
    /// Is this the address of a PostgreSQL database, and not a path?
    #[must_use]
    pub fn is_like(text: &str) -> bool {
        text.starts_with("postgres://") || text.starts_with("postgresql://")
    }

    /// The same with a password that does not stand in the address.
    #[must_use]
    pub fn with_password(mut self, password: &str) -> Self {
        self.config.password(password);
        self
    }
}

impl FromStr for Address {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        if !Self::is_like(text) {
            return Err(refused("it does not begin with `postgres://`"));
        }
        let (ours, theirs) = Parameters::split(text)?;
        // Its own message could repeat the password.
        let mut config: Config = theirs.parse().map_err(|_| refused("it cannot be read as a URL"))?;
        if config.get_hosts().is_empty() && config.get_hostaddrs().is_empty() {
            return Err(refused("it names no host"));
        }
        let tls = ours.tls(is_local(&config))?;
        config
            .ssl_mode(if tls == Tls::Plain { SslMode::Disable } else { SslMode::Require })
            .application_name("keyward")
            .connect_timeout(Duration::from_secs(5))
            // A peer that is gone is noticed before it is missed.
            .tcp_user_timeout(Duration::from_secs(10))
            .keepalives_idle(Duration::from_secs(10))
            .keepalives_interval(Duration::from_secs(3))
            .keepalives_retries(3);
        if config.get_hosts().len() > 1 {
            // Of several, the one that takes writes: after a failover it is another.
            config.target_session_attrs(TargetSessionAttrs::ReadWrite);
        }
        let schema = ours.schema.unwrap_or_else(|| "keyward".into());
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
        if schema.is_empty() || schema.len() > 63 || !schema.chars().all(plain) || schema.starts_with("pg_") {
            return Err(refused("`schema` takes lower-case letters, digits and `_`"));
        }
        Ok(Self { config, tls, schema })
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("postgres://")?;
        let addresses = self.config.get_hostaddrs().iter().map(IpAddr::to_string);
        let hosts = self.config.get_hosts().iter().map(|host| match host {
            Host::Tcp(name) => name.clone(),
            Host::Unix(folder) => folder.display().to_string(),
        });
        let names: Vec<String> = if self.config.get_hosts().is_empty() { addresses.collect() } else { hosts.collect() };
        f.write_str(&names.join(","))?;
        if let [port] = self.config.get_ports() {
            write!(f, ":{port}")?;
        }
        write!(f, "/{}?schema={}", self.config.get_dbname().unwrap_or_default(), self.schema)
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Parameters that the driver does not know, or that mean more here.
#[derive(Default)]
struct Parameters {
    sslmode: Option<String>,
    schema: Option<String>,
    files: Files,
}

impl Parameters {
    /// Takes ours out of the address, and gives the rest.
    fn split(text: &str) -> Result<(Self, String)> {
        let mut ours = Self::default();
        let Some((base, query)) = text.split_once('?') else { return Ok((ours, text.to_owned())) };
        let mut theirs = Vec::new();
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').ok_or_else(|| refused("a parameter has no value"))?;
            match name {
                "sslmode" => ours.sslmode = Some(decode(value)?),
                "schema" => ours.schema = Some(decode(value)?),
                "sslrootcert" => ours.files.roots = Some(decode(value)?.into()),
                "sslcert" => ours.files.certificate = Some(decode(value)?.into()),
                "sslkey" => ours.files.key = Some(decode(value)?.into()),
                _ => theirs.push(pair),
            }
        }
        Ok((ours, if theirs.is_empty() { base.to_owned() } else { format!("{base}?{}", theirs.join("&")) }))
    }

    fn tls(&self, local: bool) -> Result<Tls> {
        if self.files.certificate.is_some() != self.files.key.is_some() {
            return Err(refused("`sslcert` and `sslkey` belong together"));
        }
        match self.sslmode.as_deref() {
            None if local => Ok(Tls::Plain),
            None | Some("verify-full") => Ok(Tls::Verified(self.files.clone())),
            // Whoever names roots wants to know with whom he speaks.
            Some("require") if self.files.roots.is_some() => Ok(Tls::Verified(self.files.clone())),
            Some("require") => Ok(Tls::Unverified(self.files.clone())),
            Some("disable") if local => Ok(Tls::Plain),
            Some("disable") => Err(refused("plaintext to another machine is refused; use `sslmode=verify-full`")),
            Some("allow" | "prefer") => {
                Err(refused("`sslmode` may not fall back to plaintext; use `verify-full` or `require`"))
            }
            Some(_) => Err(refused("`sslmode` is `verify-full`, `require` or, on this machine, `disable`")),
        }
    }
}

/// Does nothing that is sent leave this machine?
fn is_local(config: &Config) -> bool {
    let named = config.get_hosts().iter().all(|host| match host {
        Host::Unix(_) => true,
        Host::Tcp(name) => name == "localhost" || name.parse::<IpAddr>().is_ok_and(|address| address.is_loopback()),
    });
    named && config.get_hostaddrs().iter().all(IpAddr::is_loopback)
}

/// Percent-decoding, as `libpq` does it.
fn decode(text: &str) -> Result<String> {
    let malformed = || refused("a parameter is not percent-encoded UTF-8");
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, tail)) = rest.split_first() {
        rest = tail;
        if first != b'%' {
            bytes.push(first);
            continue;
        }
        let (digits, tail) = rest.split_at_checked(2).ok_or_else(malformed)?;
        let digits = std::str::from_utf8(digits).map_err(|_| malformed())?;
        bytes.push(u8::from_str_radix(digits, 16).map_err(|_| malformed())?);
        rest = tail;
    }
    String::from_utf8(bytes).map_err(|_| malformed())
}

fn refused(detail: &str) -> Error {
    Error::Io { action: "read the database's address".into(), detail: detail.into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tls(text: &str) -> Option<Tls> {
        text.parse::<Address>().ok().map(|address| address.tls)
    }

    #[test]
    fn what_leaves_the_machine_is_encrypted_and_verified() {
        let verified = Some(Tls::Verified(Files::default()));
        for far in ["db.example", "10.0.0.7", "[2001:db8::1]", "localhost.example", "localhost,db.example"] {
            assert_eq!(tls(&format!("postgres://u@{far}/d")), verified, "{far}");
            let unverified = Some(Tls::Unverified(Files::default()));
            assert_eq!(tls(&format!("postgres://u@{far}/d?sslmode=require")), unverified, "{far}");
            for mode in ["disable", "allow", "prefer", "", "verify-none"] {
                assert_eq!(tls(&format!("postgres://u@{far}/d?sslmode={mode}")), None, "{far} {mode}");
            }
        }
        assert_eq!(tls("postgres://u@localhost/d?hostaddr=10.0.0.7&sslmode=disable"), None, "a name is no address");
    }

    #[test]
    fn this_machine_may_be_spoken_to_plainly() {
        for near in ["localhost", "127.0.0.1:5433", "127.8.0.1", "[::1]", "%2Fvar%2Frun%2Fpostgresql"] {
            assert_eq!(tls(&format!("postgres://u@{near}/d")), Some(Tls::Plain), "{near}");
        }
        assert_eq!(tls("postgresql:///d?user=u&host=/run/postgresql"), Some(Tls::Plain));
        assert_eq!(tls("postgres://u@localhost/d?sslmode=verify-full"), Some(Tls::Verified(Files::default())));
    }

    #[test]
    fn named_roots_are_used() {
        let roots = Files { roots: Some("/etc/a b.pem".into()), ..Files::default() };
        assert_eq!(
            tls("postgres://u@db.example/d?sslmode=require&sslrootcert=/etc/a%20b.pem"),
            Some(Tls::Verified(roots))
        );
        assert_eq!(tls("postgres://u@db.example/d?sslcert=/c.pem"), None, "a certificate without its key");
        let ours = Files { certificate: Some("/c.pem".into()), key: Some("/k.pem".into()), ..Files::default() };
        assert_eq!(
            tls("postgres://u@db.example/d?sslmode=require&sslcert=/c.pem&sslkey=/k.pem"),
            Some(Tls::Unverified(ours)),
            "who we are is shown to whoever asks"
        );
    }

    #[test]
    fn nothing_secret_is_printed() {
        let password = ["pass", "word"].concat();
        let address: Address = format!("postgres://someone:{password}@db.example:5433/vaults").parse().unwrap();
        assert_eq!(address.to_string(), "postgres://db.example:5433/vaults?schema=keyward");
        let printed = format!("{address:?}");
        assert!(!printed.contains("someone") && !printed.contains(&password), "{printed}");
        let refused = format!("postgres://u:{password}@db.example:no-port/d").parse::<Address>().unwrap_err();
        assert!(!refused.to_string().contains(&password), "{refused}");
    }

    #[test]
    fn a_schema_is_a_plain_name() {
        let schema = |name: &str| format!("postgres://u@localhost/d?schema={name}").parse::<Address>();
        assert_eq!(schema("team_2").unwrap().schema, "team_2");
        for bad in ["", "A", "a%22;--", "pg_catalog", "a-b"] {
            assert!(schema(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn paths_are_no_addresses() {
        assert!(!Address::is_like("/var/lib/keyward/vault.db") && !Address::is_like("vault.db"));
        assert!("host=localhost".parse::<Address>().is_err());
    }
}
