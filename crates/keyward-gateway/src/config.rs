//! How the gateway listens, and how much of everything it takes.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio_rustls::rustls::pki_types::{CertificateDer, pem::PemObject as _};
use tokio_rustls::rustls::{ClientConfig, RootCertStore, ServerConfig, crypto};

/// Everything that a gateway is started with.
#[derive(Clone)]
pub struct Config {
    /// Where it listens. Without `tls` loopback alone.
    pub listen: SocketAddr,
    /// How callers are met; `None`: plain HTTP, on loopback.
    pub tls: Option<ServerTls>,
    /// How upstreams are verified.
    pub upstream_tls: Arc<ClientConfig>,
    /// Cores that requests are spread over.
    pub cores: usize,
    /// Names that this gateway is called by, beside addresses and `localhost`.
    pub hosts: Vec<String>,
    /// Times.
    pub times: Times,
    /// Sizes and numbers.
    pub limits: Limits,
}

/// What a listener shows, asked for at each connection: a renewed certificate is in use with the next one.
pub type ServerTls = Arc<dyn Fn() -> Arc<ServerConfig> + Send + Sync>;

/// How long everything may take.
#[derive(Clone, Copy, Debug)]
pub struct Times {
    /// A request's head, and the time between two requests of a connection.
    pub head: Duration,
    /// A connection to an upstream, with its TLS.
    pub connect: Duration,
    /// The head of an upstream's answer.
    pub first_byte: Duration,
    /// Between two pieces of a body, either way.
    pub idle: Duration,
    /// An answer from its head to its end.
    pub total: Duration,
    /// For how long a stream is read on whose caller is gone, so that its counts may still come. What it
    /// writes meanwhile costs.
    pub read_on: Duration,
    /// A connection to an upstream that nobody uses.
    pub keep: Duration,
    /// How old a snapshot may be, where a grant says nothing.
    pub max_stale: Duration,
}

/// How much of everything there may be.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Bytes of a request's body.
    pub body: u64,
    /// Bytes of a body that has to be read before it is judged.
    pub read_body: usize,
    /// Bytes of a head.
    pub head: usize,
    /// Connections of callers, on each core.
    pub connections: usize,
    /// Connections kept to one upstream, on each core.
    pub kept: usize,
}

impl Config {
    /// On this address, with the roots that the system trusts.
    ///
    /// # Errors
    /// When the system has no roots that can be read.
    pub fn new(listen: SocketAddr) -> std::io::Result<Self> {
        let mut roots = RootCertStore::empty();
        let found = rustls_native_certs::load_native_certs();
        let (added, _) = roots.add_parsable_certificates(found.certs);
        if added == 0 {
            let why = found.errors.first().map_or_else(|| "there are none".to_owned(), ToString::to_string);
            return Err(std::io::Error::other(format!("no root certificates: {why}")));
        }
        Ok(Self::with_roots(listen, roots))
    }

    /// On this address, with the system's roots and those of a PEM file.
    ///
    /// # Errors
    /// When the file cannot be read or has no certificate.
    pub fn with_more_roots(listen: SocketAddr, file: &std::path::Path) -> std::io::Result<Self> {
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        let found = CertificateDer::pem_file_iter(file).map_err(std::io::Error::other)?;
        let mut added = 0;
        for certificate in found {
            roots.add(certificate.map_err(std::io::Error::other)?).map_err(std::io::Error::other)?;
            added += 1;
        }
        if added == 0 {
            return Err(std::io::Error::other("it has no certificate"));
        }
        Ok(Self::with_roots(listen, roots))
    }

    /// On this address, with these roots.
    pub fn with_roots(listen: SocketAddr, roots: RootCertStore) -> Self {
        let provider = Arc::new(crypto::ring::default_provider());
        let tls = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("ring has the suites of TLS 1.2 and 1.3")
            .with_root_certificates(roots)
            .with_no_client_auth();
        let mut tls = tls;
        tls.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        Self {
            listen,
            tls: None,
            upstream_tls: Arc::new(tls),
            cores,
            hosts: Vec::new(),
            times: Times::default(),
            limits: Limits::default(),
        }
    }
}

impl Default for Times {
    fn default() -> Self {
        Self {
            head: Duration::from_secs(60),
            connect: Duration::from_secs(10),
            first_byte: Duration::from_secs(300),
            idle: Duration::from_secs(120),
            total: Duration::from_secs(3600),
            read_on: Duration::from_secs(2),
            keep: Duration::from_secs(60),
            max_stale: Duration::from_secs(30),
        }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self { body: 64 << 20, read_body: 16 << 20, head: 32 << 10, connections: 8192, kept: 256 }
    }
}
