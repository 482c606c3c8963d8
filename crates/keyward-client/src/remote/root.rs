//! Who is believed about a server's certificate.

use std::path::{Path, PathBuf};

use ureq::tls::{Certificate, PemItem, RootCerts, parse_pem};

use crate::{Failure, Result};

/// Who signs the certificate of a server.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Authority {
    /// Whoever this system trusts.
    #[default]
    System,
    /// The certificates of this PEM file, and nobody else: what `keyward ca init` wrote.
    File(PathBuf),
}

impl Authority {
    pub(super) fn roots(&self) -> Result<RootCerts> {
        match self {
            Self::System => Ok(RootCerts::PlatformVerifier),
            Self::File(path) => Ok(RootCerts::new_with_certs(&read(path)?)),
        }
    }
}

fn read(path: &Path) -> Result<Vec<Certificate<'static>>> {
    let text = std::fs::read(path).map_err(|error| Failure::file("read", path, &error))?;
    let none = || {
        Failure::usage(format!("`{}` holds no certificate", path.display()))
            .hint("name the `ca.pem` that `keyward ca init` wrote where the server is")
    };
    let mut certificates = Vec::new();
    for item in parse_pem(&text) {
        if let PemItem::Certificate(certificate) = item.map_err(|_| none())? {
            certificates.push(certificate);
        }
    }
    if certificates.is_empty() { Err(none()) } else { Ok(certificates) }
}
