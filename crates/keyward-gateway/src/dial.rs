//! Connections to upstreams: the name is resolved, each address is looked at, and the address that was
//! looked at is the one that is dialled, so that a name cannot lead elsewhere in between.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use keyward_types::Reach;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::ClientConfig;
use tokio_rustls::rustls::pki_types::ServerName;

use crate::refusal::Reason;
use crate::upstream::{Transport, Upstream};
use crate::wire::Wire;

/// Connects to an upstream.
pub(crate) async fn dial(upstream: &Upstream, port: u16, tls: &Arc<ClientConfig>) -> Result<Wire, Reason> {
    let mut refused = Reason::Connection;
    for address in resolve(upstream, port).await? {
        if !may_dial(upstream, address.ip()) {
            refused = Reason::Address;
            continue;
        }
        let Ok(stream) = TcpStream::connect(address).await else { continue };
        // An event must not wait for the answer to the one before.
        stream.set_nodelay(true).map_err(|_| Reason::Connection)?;
        return match upstream.transport {
            Transport::Tls => encrypt(upstream, tls, stream).await,
            Transport::Plain | Transport::PlainAnywhere => Ok(Wire::Plain(stream)),
        };
    }
    Err(refused)
}

async fn resolve(upstream: &Upstream, port: u16) -> Result<Vec<SocketAddr>, Reason> {
    if let Ok(address) = upstream.host.parse::<IpAddr>() {
        return Ok(vec![SocketAddr::new(address, port)]);
    }
    let found = tokio::net::lookup_host((&*upstream.host, port)).await;
    found.map(Iterator::collect).map_err(|_| Reason::Connection)
}

async fn encrypt(upstream: &Upstream, tls: &Arc<ClientConfig>, stream: TcpStream) -> Result<Wire, Reason> {
    let name = ServerName::try_from(upstream.host.to_string()).map_err(|_| Reason::Connection)?;
    match TlsConnector::from(Arc::clone(tls)).connect(name, stream).await {
        Ok(stream) => Ok(Wire::Tls(Box::new(stream.into()))),
        Err(error) => {
            tracing::warn!(target: "keyward::gateway", provider = &*upstream.provider, "TLS with the upstream failed: {error}");
            Err(Reason::Connection)
        }
    }
}

fn may_dial(upstream: &Upstream, address: IpAddr) -> bool {
    let address = address.to_canonical();
    match upstream.transport {
        Transport::Plain => address.is_loopback() && upstream.private,
        Transport::Tls | Transport::PlainAnywhere => match Reach::of(address) {
            Reach::Public => true,
            Reach::Private => upstream.private,
            Reach::Never => false,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reach(address: &str) -> Reach {
        Reach::of(address.parse().unwrap())
    }

    #[test]
    fn addresses_of_ones_own_are_not_public() {
        for inside in [
            "127.0.0.1",
            "10.1.2.3",
            "172.16.0.1",
            "192.168.1.1",
            "169.254.169.254",
            "100.64.0.1",
            "100.100.100.200",
            "0.0.0.0",
            "255.255.255.255",
            "224.0.0.1",
            "168.63.129.16",
            "::1",
            "::",
            "fe80::1",
            "fc00::1",
            "fd00:ec2::254",
            "ff02::1",
            "::ffff:127.0.0.1",
            "::ffff:169.254.169.254",
            "64:ff9b::a9fe:a9fe",
            "2002:7f00:1::",
            "::127.0.0.1",
            "2001:db8::1",
            "2001::1",
            "198.18.0.1",
        ] {
            assert!(reach(inside) != Reach::Public, "{inside}");
        }
        for outside in ["1.1.1.1", "104.18.7.192", "2606:4700::1", "2001:4860:4860::8888", "64:ff9b::101:101"] {
            assert!(reach(outside) == Reach::Public, "{outside}");
        }
    }

    #[test]
    fn metadata_is_nobodys_own_network() {
        for metadata in ["169.254.169.254", "fd00:ec2::254", "100.100.100.200", "fe80::1"] {
            assert!(reach(metadata) == Reach::Never, "{metadata}");
        }
        assert!(reach("10.0.0.1") == Reach::Private && reach("fd12::1") == Reach::Private);
    }
}
