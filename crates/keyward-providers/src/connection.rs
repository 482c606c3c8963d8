use std::borrow::Cow;
use std::fmt;

use keyward_types::Secret;

use crate::connection_tls;
use crate::letters::looks_random;
use crate::url::{Url, decode, same_word, split_port};

/// A connection string of a database or broker, taken apart.
///
/// `Display` and `Debug` write it with the password masked, and a user that looks like a token too.
/// Parts are percent-decoded.
#[derive(Clone)]
pub struct ConnectionString {
    /// In lower case, as written: `postgresql`, `postgresql+asyncpg`, `rediss`.
    pub scheme: String,
    /// The user, if there is one.
    pub user: Option<String>,
    /// The password, from the user part or from a `password` parameter.
    pub password: Option<Secret<String>>,
    /// Every host, in order; empty for a local socket.
    pub hosts: Vec<Host>,
    /// The database, virtual host or number.
    pub database: Option<String>,
    /// Whether the connection is encrypted, and the server's certificate checked.
    pub tls: Tls,
    /// The parameters as written, secret ones masked.
    parameters: Vec<(String, String)>,
}

/// One host of a connection string.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Host {
    /// A name or address, IPv6 without brackets; a path for a socket.
    pub name: String,
    /// The port, if one is written.
    pub port: Option<u16>,
}

/// What a connection string asks of TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Tls {
    /// Not encrypted.
    Off,
    /// Encrypted if the server likes, in clear if not: as good as nothing against an attacker.
    Opportunistic,
    /// Encrypted, but the server's certificate is not checked: `sslmode=require`.
    RequiredUnverified,
    /// Encrypted, and the server's certificate is checked.
    Verified,
    /// The string does not say.
    Unknown,
}

impl ConnectionString {
    /// Takes a connection string apart: PostgreSQL, MySQL and MariaDB, Redis, MongoDB, AMQP and
    /// SQL Server and the like by their schemes. `None` for anything else, and for what lacks a
    /// part that cannot be lacking. Never panics.
    pub fn parse(text: &str) -> Option<Self> {
        let url = Url::parse(text)?;
        let scheme = url.scheme.to_ascii_lowercase();
        let base = scheme.split('+').next().unwrap_or(&scheme).to_owned();
        if !SCHEMES.contains(&base.as_str()) {
            return None;
        }
        let hosts = hosts(&url)?;
        let password = url.password.or_else(|| url.parameters().find(|(name, _)| is_password(name)).map(|(_, v)| v));
        let user = url.user.or_else(|| url.parameter("user"));
        let database = url.path.trim_start_matches('/');
        Some(Self {
            user: user.map(|user| decode(user).into_owned()),
            password: password
                .filter(|password| !password.is_empty())
                .map(|password| Secret::new("password of a connection string", decode(password).into_owned())),
            hosts,
            database: Some(decode(database).into_owned()).filter(|database| !database.is_empty()),
            tls: connection_tls::asked(&scheme, &base, &url),
            parameters: url.parameters().map(masked_parameter).collect(),
            scheme,
        })
    }

    /// Whether every host is this machine itself, where TLS adds nothing.
    pub fn is_local(&self) -> bool {
        self.hosts.iter().all(|host| {
            matches!(host.name.as_str(), "localhost" | "::1" | "") || host.name.starts_with(['/', '@']) || {
                let mut parts = host.name.split('.');
                parts.next() == Some("127")
                    && parts.clone().count() == 3
                    && parts.all(|part| part.parse::<u8>().is_ok())
            }
        })
    }
}

impl fmt::Display for ConnectionString {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://", self.scheme)?;
        if let Some(user) = &self.user {
            if looks_random(user) { f.write_str(MASK)? } else { write!(f, "{}", user.escape_debug())? }
        }
        if self.password.is_some() {
            write!(f, ":{MASK}")?;
        }
        if self.user.is_some() || self.password.is_some() {
            f.write_str("@")?;
        }
        let hosts: Vec<String> = self.hosts.iter().map(Host::to_string).collect();
        f.write_str(&hosts.join(","))?;
        if let Some(database) = &self.database {
            write!(f, "/{}", database.escape_debug())?;
        }
        for (index, (name, value)) in self.parameters.iter().enumerate() {
            write!(f, "{}{name}={value}", if index == 0 { '?' } else { '&' })?;
        }
        Ok(())
    }
}

impl fmt::Debug for ConnectionString {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ConnectionString({self}, tls {})", self.tls)
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.name.contains(':') {
            write!(f, "[{}]", self.name)?;
        } else {
            write!(f, "{}", self.name.escape_debug())?;
        }
        self.port.map_or(Ok(()), |port| write!(f, ":{port}"))
    }
}

impl Tls {
    /// The word in reports.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::Opportunistic => "opportunistic",
            Self::RequiredUnverified => "required, unverified",
            Self::Verified => "verified",
            Self::Unknown => "unknown",
        }
    }
}

impl fmt::Display for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// Whether a URL's parameter carries a secret by its name.
pub(crate) fn is_secret_parameter(name: &str) -> bool {
    const NAMES: [&str; 24] = [
        "password",
        "passwd",
        "pwd",
        "pass",
        "token",
        "accesstoken",
        "authtoken",
        "apikey",
        "key",
        "secret",
        "clientsecret",
        "sig",
        "signature",
        "xamzsignature",
        "xgoogsignature",
        "auth",
        "authorization",
        "credential",
        "sslpassword",
        "sharedaccesskey",
        "accountkey",
        "secretkey",
        "code",
        "webhooktoken",
    ];
    NAMES.iter().any(|secret| same_word(name, secret))
}

const MASK: &str = "****";

/// Schemes without dialect suffix.
const SCHEMES: [&str; 22] = [
    "postgres",
    "postgresql",
    "postgis",
    "cockroachdb",
    "cockroach",
    "timescaledb",
    "mysql",
    "mysql2",
    "mariadb",
    "redis",
    "rediss",
    "valkey",
    "valkeys",
    "mongodb",
    "amqp",
    "amqps",
    "mssql",
    "sqlserver",
    "clickhouse",
    "oracle",
    "nats",
    "neo4j",
];

fn hosts(url: &Url<'_>) -> Option<Vec<Host>> {
    let written = Some(url.hosts).filter(|hosts| !hosts.is_empty()).or_else(|| url.parameter("host")).unwrap_or("");
    written.split(',').filter(|host| !host.is_empty()).map(host).collect()
}

fn host(text: &str) -> Option<Host> {
    let (name, port) = split_port(text);
    let port = match port {
        None | Some("") => None,
        Some(port) => Some(port.parse::<u16>().ok()?),
    };
    Some(Host { name: decode(name).into_owned(), port }).filter(|host| !host.name.is_empty() || port.is_some())
}

fn is_password(name: &str) -> bool {
    ["password", "passwd", "pwd"].iter().any(|word| same_word(name, word))
}

fn masked_parameter((name, value): (&str, &str)) -> (String, String) {
    let shown =
        if is_secret_parameter(name) { Cow::Borrowed(MASK) } else { Cow::Owned(value.escape_debug().to_string()) };
    (name.escape_debug().to_string(), shown.into_owned())
}

#[cfg(test)]
mod tests;
