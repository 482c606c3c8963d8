//! Which addresses a sink may be reached at. Whoever may add a sink chooses a host, and a name can
//! lead anywhere tomorrow: so it is the address that is judged, each time one is connected to.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// What an address is to us.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reach {
    /// Somewhere on the internet.
    Public,
    /// This machine or a network around it: for sinks that are made for it.
    Private,
    /// Nobody to talk to in any case: link-local (where clouds hand out credentials), multicast,
    /// unspecified, reserved.
    Never,
}

impl Reach {
    pub(crate) fn of(address: IpAddr) -> Self {
        match address {
            IpAddr::V4(address) => of_v4(address),
            IpAddr::V6(address) => of_v6(address),
        }
    }
}

/// Special-purpose networks (IANA, RFC 6890 and its successors).
fn of_v4(address: Ipv4Addr) -> Reach {
    let [a, b, c, _] = address.octets();
    match (a, b, c) {
        (0, ..) | (169, 254, _) | (224.., ..) => Reach::Never,
        (10 | 127, ..) | (172, 16..=31, _) | (192, 168, _) | (100, 64..=127, _) => Reach::Private,
        (192, 0, 0 | 2) | (198, 18 | 19, _) | (198, 51, 100) | (203, 0, 113) => Reach::Private,
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
    }
}
