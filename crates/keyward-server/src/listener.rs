//! Where connections come from. An address that others can reach is bound with TLS or not at all.

use std::net::{IpAddr, SocketAddr};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use keyward_client::{Failure, Result};

use crate::config::{Config, Listen};
use crate::tls::Certificates;

/// A bound address.
pub(crate) struct Bound {
    pub(crate) socket: Socket,
    pub(crate) tls: Option<Certificates>,
}

pub(crate) enum Socket {
    Tcp(std::net::TcpListener, SocketAddr),
    Unix(std::os::unix::net::UnixListener, PathBuf),
}

/// Binds every address of a set-up.
pub(crate) fn bind(config: &Config) -> Result<Vec<Bound>> {
    config.check()?;
    let mut bound = Vec::new();
    for listen in &config.listen {
        if let Some(path) = &listen.unix {
            bound.push(Bound { socket: unix(path)?, tls: None });
        }
        for address in addresses(listen)? {
            if listen.tls.is_none() && !address.ip().is_loopback() {
                return Err(Failure::usage(format!("`{address}` can be reached by others, and has no `tls`"))
                    .hint("name `certificate` and `key` for it, or listen on 127.0.0.1"));
            }
            let tls = listen.tls.as_ref().map(Certificates::read).transpose()?;
            bound.push(Bound { socket: tcp(address)?, tls });
        }
    }
    Ok(bound)
}

fn addresses(listen: &Listen) -> Result<Vec<SocketAddr>> {
    if let Some(address) = listen.address {
        return Ok(vec![address]);
    }
    let (Some(name), Some(port)) = (&listen.interface, listen.port) else { return Ok(vec![]) };
    let all = if_addrs::get_if_addrs()
        .map_err(|error| Failure::internal(format!("the network interfaces cannot be listed: {error}")))?;
    let found: Vec<SocketAddr> = all
        .into_iter()
        .filter(|interface| interface.name == *name)
        .map(|interface| interface.ip())
        // Without a scope a link-local address names no interface.
        .filter(|address| !matches!(address, IpAddr::V6(address) if address.is_unicast_link_local()))
        .map(|address| SocketAddr::new(address, port))
        .collect();
    if found.is_empty() {
        return Err(Failure::usage(format!("there is no interface `{name}` with an address"))
            .hint("start the VPN first; the server listens nowhere else in its place"));
    }
    Ok(found)
}

fn tcp(address: SocketAddr) -> Result<Socket> {
    let failed = |error: std::io::Error| match error.kind() {
        std::io::ErrorKind::AddrInUse => Failure::usage(format!("`{address}` is in use by another process"))
            .hint("end that process, or listen on another port"),
        _ => Failure::usage(format!("cannot listen on `{address}`: {error}")),
    };
    let listener = std::net::TcpListener::bind(address).map_err(failed)?;
    listener.set_nonblocking(true).map_err(failed)?;
    let address = listener.local_addr().map_err(failed)?;
    Ok(Socket::Tcp(listener, address))
}

/// A socket file that nobody answers on any more is replaced; one that lives is not.
fn unix(path: &Path) -> Result<Socket> {
    let failed = |error: std::io::Error| Failure::file("listen on", path, &error);
    if path.exists() {
        if std::os::unix::net::UnixStream::connect(path).is_ok() {
            return Err(Failure::usage(format!("another process listens on `{}`", path.display())));
        }
        std::fs::remove_file(path).map_err(failed)?;
    }
    let listener = std::os::unix::net::UnixListener::bind(path).map_err(failed)?;
    // Whoever connects before this line is still asked for a token.
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).map_err(failed)?;
    listener.set_nonblocking(true).map_err(failed)?;
    Ok(Socket::Unix(listener, path.to_owned()))
}

impl Bound {
    /// What a client writes to reach it.
    pub(crate) fn url(&self) -> String {
        match (&self.socket, &self.tls) {
            (Socket::Tcp(_, address), None) => format!("http://{address}"),
            (Socket::Tcp(_, address), Some(_)) => format!("https://{address}"),
            (Socket::Unix(_, path), _) => format!("unix:{}", path.display()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failure(listen: Listen) -> String {
        let config = Config { listen: vec![listen], ..Config::default() };
        bind(&config).err().map(|failure| failure.message).unwrap_or_default()
    }

    #[test]
    fn others_are_not_served_in_the_clear() {
        for address in ["0.0.0.0:0", "[::]:0", "192.0.2.1:0"] {
            let listen = Listen { address: Some(address.parse().unwrap()), ..Listen::default() };
            assert!(failure(listen).contains("no `tls`"), "{address}");
        }
    }

    #[test]
    fn an_interface_that_is_not_there_has_no_substitute() {
        let listen = Listen { interface: Some("kw-none0".into()), port: Some(0), ..Listen::default() };
        assert!(failure(listen).contains("no interface `kw-none0`"));
    }

    #[test]
    fn the_loopback_interface_is_found_by_name() {
        let listen = Listen { interface: Some("lo".into()), port: Some(0), ..Listen::default() };
        assert!(addresses(&listen).unwrap().iter().all(|address| address.ip().is_loopback()));
    }

    #[test]
    fn a_living_socket_is_not_taken_over() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("api.sock");
        let listen = Listen { unix: Some(path.clone()), ..Listen::default() };
        let config = Config { listen: vec![listen.clone()], ..Config::default() };
        let first = bind(&config).unwrap();
        assert!(failure(listen).contains("another process"));
        drop(first);
        assert_eq!(bind(&config).unwrap().len(), 1, "a dead socket is replaced");
    }
}
