//! TLS to what is no HTTP: verified by whom this system trusts.

use std::net::TcpStream;
use std::sync::Arc;

use rustls::crypto::ring;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

use crate::Fault;

/// Wraps a connection to this host.
pub(crate) fn wrap(host: &str, tcp: TcpStream) -> Result<StreamOwned<ClientConnection, TcpStream>, Fault> {
    let down = |why: String| Fault::Unreachable(why);
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()));
    let builder = builder.with_safe_default_protocol_versions().map_err(|error| down(error.to_string()))?;
    let config = builder.with_root_certificates(roots).with_no_client_auth();
    let name = ServerName::try_from(host.to_owned()).map_err(|_| down("its name is none of a host".into()))?;
    let connection = ClientConnection::new(Arc::new(config), name).map_err(|error| down(error.to_string()))?;
    Ok(StreamOwned::new(connection, tcp))
}
