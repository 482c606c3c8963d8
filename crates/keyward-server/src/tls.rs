//! Certificates from PEM files, read again when a file changes: a renewed certificate is in use
//! within seconds, and one that cannot be read leaves the one before in place.

use std::path::Path;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, SystemTime};

use keyward_client::{Failure, Result};
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::server::WebPkiClientVerifier;
use tokio_rustls::rustls::{RootCertStore, ServerConfig};

use crate::config::Tls;

/// How often files are looked at.
pub(crate) const LOOK_EVERY: Duration = Duration::from_secs(5);

/// What a listener shows and asks for.
#[derive(Clone)]
pub(crate) struct Certificates {
    files: Tls,
    present: Arc<RwLock<Present>>,
}

struct Present {
    config: Arc<ServerConfig>,
    written: Vec<Option<SystemTime>>,
}

impl Certificates {
    pub(crate) fn read(files: &Tls) -> Result<Self> {
        let present = Present { written: written(files), config: load(files)? };
        Ok(Self { files: files.clone(), present: Arc::new(RwLock::new(present)) })
    }

    /// For the next connection.
    pub(crate) fn config(&self) -> Arc<ServerConfig> {
        Arc::clone(&self.present.read().unwrap_or_else(PoisonError::into_inner).config)
    }

    /// Looks at the files; reads them when one has changed.
    pub(crate) fn look(&self) {
        let written = written(&self.files);
        if self.present.read().unwrap_or_else(PoisonError::into_inner).written == written {
            return;
        }
        let loaded = load(&self.files);
        let mut present = self.present.write().unwrap_or_else(PoisonError::into_inner);
        present.written = written;
        match loaded {
            Ok(config) => {
                present.config = config;
                tracing::info!("the certificate was read again");
            }
            Err(failure) => tracing::error!(reason = %failure, "the new certificate cannot be used; the old one stays"),
        }
    }
}

fn written(files: &Tls) -> Vec<Option<SystemTime>> {
    let paths = [Some(&files.certificate), Some(&files.key), files.client_ca.as_ref()];
    paths.into_iter().flatten().map(|path| std::fs::metadata(path).and_then(|file| file.modified()).ok()).collect()
}

fn load(files: &Tls) -> Result<Arc<ServerConfig>> {
    let chain = certificates(&files.certificate)?;
    let key = PrivateKeyDer::from_pem_file(&files.key).map_err(|error| unusable(&files.key, &error))?;
    let builder = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| Failure::internal(error.to_string()))?;
    let builder = match &files.client_ca {
        None => builder.with_no_client_auth(),
        Some(path) => {
            let mut roots = RootCertStore::empty();
            for certificate in certificates(path)? {
                roots.add(certificate).map_err(|error| unusable(path, &error))?;
            }
            let verifier =
                WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::new(ring::default_provider()));
            builder.with_client_cert_verifier(verifier.build().map_err(|error| unusable(path, &error))?)
        }
    };
    let mut config = builder.with_single_cert(chain, key).map_err(|error| unusable(&files.certificate, &error))?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>> {
    let read = CertificateDer::pem_file_iter(path).map_err(|error| unusable(path, &error))?;
    let chain = read.collect::<Result<Vec<_>, _>>().map_err(|error| unusable(path, &error))?;
    if chain.is_empty() {
        return Err(unusable(path, &"it holds no certificate"));
    }
    Ok(chain)
}

fn unusable(path: &Path, why: &dyn std::fmt::Display) -> Failure {
    Failure::usage(format!("`{}` cannot be used: {why}", path.display())).hint("TLS files are PEM")
}
