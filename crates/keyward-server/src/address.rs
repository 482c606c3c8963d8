//! From where a request comes, as far as it can be believed.

use std::net::IpAddr;

use axum::http::HeaderMap;
use ipnet::IpNet;

/// The other end of a connection; `None` for a Unix socket.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Peer(pub(crate) Option<IpAddr>);

/// Whoever a request is from: the peer, or whom a trusted proxy names.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Client(pub(crate) Option<IpAddr>);

/// The client of a request. `X-Forwarded-For` counts only from a proxy that is trusted, and only
/// back to the first address that is no such proxy: everything before was written by anybody.
pub(crate) fn client(peer: Peer, headers: &HeaderMap, trusted: &[IpNet]) -> Client {
    let is_trusted = |address: IpAddr| contains(trusted, address);
    let Some(mut client) = peer.0.map(plain) else { return Client(None) };
    let mut named: Vec<&str> = Vec::new();
    for line in headers.get_all("x-forwarded-for") {
        // A line that is no text names nobody, and ends the chain.
        named.extend(line.to_str().unwrap_or("?").split(','));
    }
    while is_trusted(client) {
        let Some(before) = named.pop() else { break };
        match before.trim().parse::<IpAddr>() {
            Ok(address) => client = plain(address),
            Err(_) => break,
        }
    }
    Client(Some(client))
}

/// Whether one of the networks holds the address.
pub(crate) fn contains(networks: &[IpNet], address: IpAddr) -> bool {
    let address = plain(address);
    networks.iter().any(|network| network.contains(&address))
}

/// An IPv4 address that arrived on a socket for both families, as itself: a list of networks must
/// not be passed by writing an address otherwise.
fn plain(address: IpAddr) -> IpAddr {
    address.to_canonical()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(peer: &str, forwarded: &[&'static str], trusted: &[&str]) -> String {
        let headers = forwarded
            .iter()
            .map(|line| (axum::http::HeaderName::from_static("x-forwarded-for"), line.parse().unwrap()))
            .collect();
        let trusted: Vec<IpNet> = trusted.iter().map(|network| network.parse().unwrap()).collect();
        client(Peer(Some(peer.parse().unwrap())), &headers, &trusted).0.unwrap().to_string()
    }

    #[test]
    fn nobody_names_his_own_address() {
        assert_eq!(of("203.0.113.9", &["10.0.0.1"], &[]), "203.0.113.9");
        assert_eq!(of("203.0.113.9", &["10.0.0.1"], &["10.0.0.0/8"]), "203.0.113.9");
    }

    #[test]
    fn a_trusted_proxy_names_the_one_before_it() {
        let trusted = &["10.0.0.0/8"];
        assert_eq!(of("10.0.0.1", &["198.51.100.7"], trusted), "198.51.100.7");
        // What the client wrote himself stands before what the proxy saw.
        assert_eq!(of("10.0.0.1", &["127.0.0.1, 198.51.100.7"], trusted), "198.51.100.7");
        assert_eq!(of("10.0.0.1", &["127.0.0.1", "198.51.100.7, 10.0.0.2"], trusted), "198.51.100.7");
        assert_eq!(of("10.0.0.1", &[], trusted), "10.0.0.1");
        assert_eq!(of("10.0.0.1", &["nonsense"], trusted), "10.0.0.1");
    }

    #[test]
    fn an_address_is_the_same_in_both_families() {
        assert_eq!(of("::ffff:10.0.0.1", &["198.51.100.7"], &["10.0.0.0/8"]), "198.51.100.7");
        assert!(contains(&["10.0.0.0/8".parse().unwrap()], "::ffff:10.1.2.3".parse().unwrap()));
    }
}
