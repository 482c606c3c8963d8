//! How a server is set up: `docs/server.toml` shows and explains every field.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use ipnet::IpNet;
use keyward_client::{Failure, Result};
use serde::Deserialize;

use crate::gateway::GatewayConfig;
use crate::site;

/// The set-up of one server.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Where it listens.
    pub listen: Vec<Listen>,
    /// Names under which it is called, beside loopback's: requests for others are refused.
    #[serde(default)]
    pub hosts: Vec<String>,
    /// Under which address people open its page: where passkeys are asked for. Not given: at
    /// `http://localhost`, where it listens there in the clear.
    #[serde(default)]
    pub public_url: Option<String>,
    /// Proxies whose `X-Forwarded-For` is believed.
    #[serde(default)]
    pub trusted_proxies: Vec<IpNet>,
    /// Networks whose clients are served; empty: all.
    #[serde(default)]
    pub allow: Vec<IpNet>,
    /// What a request may cost.
    #[serde(default)]
    pub limits: Limits,
    /// Where the vault is; not given: in `KEYWARD_HOME`.
    #[serde(default)]
    pub store: Store,
    /// Where callers reach the gateway; not given: there is none.
    #[serde(default)]
    pub gateway: Option<GatewayConfig>,
    /// With what this server opens the vault; not given: as a command on this machine would.
    #[serde(default)]
    pub unlock: Unlock,
}

/// The store of the vault.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Store {
    /// A path, or `postgres://…`.
    pub address: Option<String>,
    /// Holds the database's password.
    pub password_file: Option<PathBuf>,
    /// Seconds without the database after which nothing is answered from what is remembered.
    pub max_stale_seconds: u64,
}

impl Default for Store {
    fn default() -> Self {
        Self { address: None, password_file: None, max_stale_seconds: 2 }
    }
}

/// The slot that a server opens its vault with: one of these at most.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Unlock {
    /// A key file.
    pub key_file: Option<PathBuf>,
    /// A file with a passphrase, a recovery code or an identity.
    pub passphrase_file: Option<PathBuf>,
    /// The operating system's keyring.
    pub keyring: bool,
    /// A key of AWS KMS, asked with the credentials in `AWS_ACCESS_KEY_ID` and its like.
    pub kms: bool,
    /// Nothing: it starts sealed and waits for shares.
    pub shares: bool,
}

/// One address to listen on: `address`, `interface` with `port`, or `unix`.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Listen {
    /// Address and port.
    #[serde(default)]
    pub address: Option<SocketAddr>,
    /// Every address of this network interface, which has to be there.
    #[serde(default)]
    pub interface: Option<String>,
    /// The port on it.
    #[serde(default)]
    pub port: Option<u16>,
    /// A Unix socket, for this user alone.
    #[serde(default)]
    pub unix: Option<PathBuf>,
    /// Certificate and key; needed on every address but loopback.
    #[serde(default)]
    pub tls: Option<Tls>,
}

/// PEM files, read again when they change.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tls {
    /// The certificate and those above it.
    pub certificate: PathBuf,
    /// Its private key.
    pub key: PathBuf,
    /// Who signs client certificates; named: a client without one is refused.
    #[serde(default)]
    pub client_ca: Option<PathBuf>,
}

/// What a request may cost.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// Bytes of a body.
    pub body: usize,
    /// Bytes of all headers.
    pub headers: usize,
    /// Seconds until all headers of a request are there.
    pub header_seconds: u64,
    /// Seconds until a request is answered, its body included.
    pub request_seconds: u64,
    /// Connections at a time.
    pub connections: usize,
    /// Calls of the vault at a time; more wait.
    pub calls: usize,
    /// Seconds for open requests when the server ends.
    pub grace_seconds: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            body: 1 << 20,
            headers: 32 << 10,
            header_seconds: 10,
            request_seconds: 30,
            connections: 4096,
            calls: 512,
            grace_seconds: 10,
        }
    }
}

impl Config {
    /// The set-up of `keyward up`: this machine alone.
    #[must_use]
    pub fn loopback(address: SocketAddr) -> Self {
        let listen = vec![Listen { address: Some(address), ..Listen::default() }];
        Self { listen, ..Self::default() }
    }

    /// Reads a configuration file.
    ///
    /// # Errors
    /// What is wrong with it, and where.
    pub fn read(path: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(path).map_err(|error| Failure::file("read", path, &error))?;
        let wrong = |error: toml::de::Error| {
            Failure::usage(format!("`{}` cannot be used: {}", path.display(), error.to_string().trim_end()))
                .hint("docs/server.toml shows every field")
        };
        let config: Self = toml::from_str(&text).map_err(wrong)?;
        config.check()?;
        Ok(config)
    }

    pub(crate) fn check(&self) -> Result<()> {
        if self.listen.is_empty() {
            return Err(Failure::usage("the server listens nowhere").hint("add a `[[listen]]` with an `address`"));
        }
        let Limits { body, headers, connections, calls, .. } = self.limits;
        // A value of 64 KiB in base64 has to fit, and the pool has to hold a group of callers.
        if body < 96 << 10 || headers < 8 << 10 || connections == 0 || !(8..=4096).contains(&calls) {
            return Err(Failure::usage("a limit is out of range")
                .hint("`body` is at least 98304, `headers` 8192, `connections` 1, and `calls` 8 to 4096"));
        }
        if self.store.max_stale_seconds == 0 {
            return Err(Failure::usage("`max_stale_seconds` is 0, so that nothing would ever be answered")
                .hint("other nodes' changes are seen every quarter of a second; give at least 1"));
        }
        self.unlock.check()?;
        site::check(self)?;
        self.listen.iter().try_for_each(Listen::check)
    }

    /// How old what is known of other nodes' changes may be.
    pub(crate) fn max_stale(&self) -> Duration {
        Duration::from_secs(self.store.max_stale_seconds)
    }
}

impl Unlock {
    fn check(&self) -> Result<()> {
        let Self { key_file, passphrase_file, keyring, kms, shares } = self;
        let ways = [key_file.is_some(), passphrase_file.is_some(), *keyring, *kms, *shares];
        match ways.iter().filter(|way| **way).count() {
            0 | 1 => Ok(()),
            _ => Err(Failure::usage("`[unlock]` names more than one slot")
                .hint("give one of `key_file`, `passphrase_file`, `keyring`, `kms` and `shares`")),
        }
    }
}

impl Listen {
    fn check(&self) -> Result<()> {
        let Self { address, interface, port, unix, tls } = self;
        match (address, interface, port, unix) {
            (Some(_), None, None, None) | (None, Some(_), Some(_), None) => Ok(()),
            (None, None, None, Some(_)) if tls.is_none() => Ok(()),
            (None, None, None, Some(_)) => Err(Failure::usage("a Unix socket takes no `tls`")),
            _ => Err(Failure::usage("a `[[listen]]` is not clear")
                .hint("give `address`, or `interface` and `port`, or `unix`")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> Result<Config> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("server.toml");
        std::fs::write(&path, text).unwrap();
        Config::read(&path)
    }

    #[test]
    fn the_example_in_the_documents_is_whole() {
        let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/server.toml");
        let config = Config::read(&example).unwrap();
        assert_eq!(config.limits, Limits::default());
        assert!(config.listen.iter().any(|listen| listen.tls.is_some()));
    }

    #[test]
    fn wrong_files_say_what_is_wrong() {
        for (text, says) in [
            ("", "listen"),
            ("listen = []", "nowhere"),
            ("[[listen]]\naddress = \"127.0.0.1:1\"\n[store]\nmax_stale_seconds = 0", "max_stale_seconds"),
            ("[[listen]]\naddress = \"127.0.0.1:1\"\n[unlock]\nshares = true\nkeyring = true", "more than one"),
            ("public_url = \"keyward.example\"\n[[listen]]\naddress = \"127.0.0.1:1\"", "public_url"),
            ("[[listen]]\naddress = \"127.0.0.1:1\"\nunix = \"/a\"", "not clear"),
            ("[[listen]]\ninterface = \"wg0\"", "not clear"),
            ("[[listen]]\naddress = \"127.0.0.1:1\"\n[limits]\nbody = 1", "out of range"),
            ("[[listen]]\naddres = \"127.0.0.1:1\"", "unknown field"),
            ("allow = [\"10.0.0.0/99\"]\n[[listen]]\naddress = \"127.0.0.1:1\"", "line 1"),
        ] {
            let failure = parsed(text).unwrap_err();
            assert!(failure.message.contains(says), "{text}: {failure}");
        }
    }
}
