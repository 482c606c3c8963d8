//! Which addresses may be connected to by what somebody configured: alert sinks, identity providers.
//! Whoever may add one chooses a host, and a name can lead anywhere tomorrow: so it is the address
//! that is judged, each time one is connected to.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// What an address is to us.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// Somewhere on the internet.
    Public,
    /// This machine or a network around it: for what is made for it.
    Private,
    /// Nobody to talk to in any case: link-local (where clouds hand out credentials), multicast,
    /// unspecified, reserved.
    Never,
}

impl Reach {
    /// What this address is.
    pub fn of(address: IpAddr) -> Self {
        match address {
            IpAddr::V4(address) => of_v4(address),
            IpAddr::V6(address) => of_v6(address),
        }
    }
}

/// Why none of the addresses was let through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unreachable(pub &'static str);

impl fmt::Display for Unreachable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl std::error::Error for Unreachable {}

/// Of the addresses that a name leads to those that may be connected to. `plain`: without TLS, which
/// goes to this machine alone.
///
/// # Errors
/// When there is none.
pub fn reachable(found: &[SocketAddr], allow_private: bool, plain: bool) -> Result<Vec<SocketAddr>, Unreachable> {
    let may = |address: &&SocketAddr| match Reach::of(address.ip()) {
        Reach::Public => !plain,
        Reach::Private => allow_private && (!plain || address.ip().is_loopback()),
        Reach::Never => false,
    };
    let kept: Vec<SocketAddr> = found.iter().filter(may).copied().collect();
    if !kept.is_empty() {
        return Ok(kept);
    }
    let private = found.iter().any(|address| Reach::of(address.ip()) == Reach::Private);
    Err(Unreachable(match (private, allow_private) {
        (true, false) => "its address is private, and it was added without `--allow-private`",
        (true, true) => "without TLS only this machine is spoken to",
        (false, _) if plain => "without TLS only this machine is spoken to",
        (false, _) => "its address is one that is never spoken to (link-local, multicast or reserved)",
    }))
}

/// Special-purpose networks (IANA, RFC 6890 and its successors).
fn of_v4(address: Ipv4Addr) -> Reach {
    let [a, b, c, d] = address.octets();
    match (a, b, c) {
        // Where clouds hand out credentials at addresses that look like others: Azure's, Alibaba's.
        (168, 63, 129) if d == 16 => Reach::Never,
        (100, 100, 100) if d == 200 => Reach::Never,
        (0, ..) | (169, 254, _) | (224.., ..) => Reach::Never,
        (10 | 127, ..) | (172, 16..=31, _) | (192, 168, _) | (100, 64..=127, _) => Reach::Private,
        (192, 0, 0 | 2) | (192, 88, 99) | (198, 18 | 19, _) | (198, 51, 100) | (203, 0, 113) => Reach::Private,
        _ => Reach::Public,
    }
}

fn of_v6(address: Ipv6Addr) -> Reach {
    if address == Ipv6Addr::LOCALHOST {
        return Reach::Private;
    }
    let v4 = |high: u16, low: u16| {
        let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
        of_v4(Ipv4Addr::new(a, b, c, d))
    };
    match address.segments() {
        // IPv4 in other clothes: mapped, translated (RFC 6052), 6to4.
        [0, 0, 0, 0, 0, 0xffff, high, low] | [0x64, 0xff9b, 0, 0, 0, 0, high, low] => v4(high, low),
        [0x2002, high, low, ..] => v4(high, low),
        // Compatible addresses, the unspecified one, Teredo: nothing answers there today.
        [0, 0, 0, 0, 0, 0, ..] | [0x2001, 0, ..] => Reach::Never,
        [0xfe80..=0xfebf | 0xff00.., ..] => Reach::Never,
        // Amazon's credentials; protocols; documentation.
        [0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254] | [0x2001, 1..=0x1ff, ..] | [0x3fff, ..] => Reach::Never,
        [0xfc00..=0xfdff | 0xfec0..=0xfeff, ..] | [0x2001, 0xdb8, ..] | [0x64, 0xff9b, 1, ..] => Reach::Private,
        [0x2000..=0x3fff, ..] => Reach::Public,
        _ => Reach::Never,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(reach: Reach, addresses: &[&str]) {
        for address in addresses {
            assert_eq!(Reach::of(address.parse().unwrap()), reach, "{address}");
        }
    }

    #[test]
    fn addresses_are_told_apart_in_every_clothing() {
        all(
            Reach::Public,
            &["8.8.8.8", "172.32.0.1", "100.128.0.1", "2606:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808"],
        );
        all(Reach::Private, &["127.0.0.1", "127.8.8.8", "10.1.2.3", "172.16.0.1", "172.31.255.255", "192.168.0.1"]);
        all(Reach::Private, &["100.64.0.1", "::1", "fc00::1", "fd12::1", "::ffff:127.0.0.1", "64:ff9b::a00:1"]);
        all(Reach::Private, &["2002:7f00:1::", "198.18.0.1", "192.0.2.1", "2001:db8::1"]);
        all(Reach::Never, &["0.0.0.0", "169.254.169.254", "224.0.0.1", "255.255.255.255", "::", "fe80::1", "ff02::1"]);
        all(Reach::Never, &["::ffff:169.254.169.254", "64:ff9b::a9fe:a9fe", "2002:a9fe:a9fe::", "2001::1", "::7f00:1"]);
        all(Reach::Never, &["168.63.129.16", "100.100.100.200", "fd00:ec2::254", "2001:100::1", "3fff::1"]);
    }

    fn addresses(texts: &[&str]) -> Vec<SocketAddr> {
        texts.iter().map(|text| SocketAddr::new(text.parse().unwrap(), 443)).collect()
    }

    #[test]
    fn of_mixed_addresses_only_the_permitted_are_kept() {
        let mixed = addresses(&["127.0.0.1", "8.8.8.8", "169.254.169.254", "10.0.0.1"]);
        assert_eq!(reachable(&mixed, false, false).unwrap(), addresses(&["8.8.8.8"]));
        assert_eq!(reachable(&mixed, true, false).unwrap(), addresses(&["127.0.0.1", "8.8.8.8", "10.0.0.1"]));
        assert_eq!(reachable(&mixed, true, true).unwrap(), addresses(&["127.0.0.1"]));
        assert!(reachable(&addresses(&["10.0.0.1"]), false, false).unwrap_err().0.contains("--allow-private"));
        assert!(reachable(&addresses(&["169.254.169.254"]), true, false).unwrap_err().0.contains("never"));
        assert!(reachable(&addresses(&["8.8.8.8"]), true, true).unwrap_err().0.contains("TLS"));
    }
}
