use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// A network in CIDR notation (RFC 4632, RFC 4291): `10.0.0.0/8`, `2001:db8::/32`, or one address.
/// IPv4 addresses in IPv6 clothes (`::ffff:10.0.0.1`) count as the IPv4 addresses they are.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Network {
    address: IpAddr,
    prefix: u8,
}

/// What is no network.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("`{input}` is not a network: {why}")]
pub struct NetworkError {
    input: String,
    why: &'static str,
}

impl Network {
    /// Whether the address is in it.
    pub fn contains(&self, address: IpAddr) -> bool {
        match (self.address, address.to_canonical()) {
            (IpAddr::V4(network), IpAddr::V4(address)) => masked4(address, self.prefix) == network,
            (IpAddr::V6(network), IpAddr::V6(address)) => masked6(address, self.prefix) == network,
            _ => false,
        }
    }

    /// Whether all of `other` is in it.
    pub fn includes(&self, other: &Self) -> bool {
        self.prefix <= other.prefix && self.contains(other.address)
    }
}

fn masked4(address: Ipv4Addr, prefix: u8) -> Ipv4Addr {
    let mask = u32::MAX.checked_shl(32 - u32::from(prefix)).unwrap_or(0);
    Ipv4Addr::from_bits(address.to_bits() & mask)
}

fn masked6(address: Ipv6Addr, prefix: u8) -> Ipv6Addr {
    let mask = u128::MAX.checked_shl(128 - u32::from(prefix)).unwrap_or(0);
    Ipv6Addr::from_bits(address.to_bits() & mask)
}

impl FromStr for Network {
    type Err = NetworkError;
    fn from_str(text: &str) -> Result<Self, NetworkError> {
        let fail = |why| NetworkError { input: text.chars().take(80).flat_map(char::escape_debug).collect(), why };
        let (address, prefix) = match text.split_once('/') {
            Some((address, prefix)) => (address, Some(prefix)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().map_err(|_| fail("write it like 10.0.0.0/8 or 2001:db8::/32"))?;
        if address.to_canonical() != address {
            return Err(fail("write IPv4 addresses as IPv4"));
        }
        let longest = if address.is_ipv4() { 32 } else { 128 };
        let prefix = match prefix {
            None => longest,
            Some(text) if text.len() <= 3 && text.bytes().all(|b| b.is_ascii_digit()) => {
                text.parse().ok().filter(|prefix| *prefix <= longest).ok_or(fail("the prefix is too long"))?
            }
            Some(_) => return Err(fail("the prefix is a number of bits")),
        };
        let masked = match address {
            IpAddr::V4(address) => IpAddr::V4(masked4(address, prefix)),
            IpAddr::V6(address) => IpAddr::V6(masked6(address, prefix)),
        };
        // Whoever writes 10.0.0.5/8 means one host or a whole network, and we cannot know which.
        if masked != address {
            return Err(fail("it has bits beyond its prefix"));
        }
        Ok(Self { address, prefix })
    }
}

impl TryFrom<String> for Network {
    type Error = NetworkError;
    fn try_from(text: String) -> Result<Self, NetworkError> {
        text.parse()
    }
}

impl From<Network> for String {
    fn from(network: Network) -> Self {
        network.to_string()
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.prefix)
    }
}

impl fmt::Debug for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn network(text: &str) -> Network {
        text.parse().unwrap()
    }

    #[test]
    fn an_address_is_in_its_network_and_in_no_other() {
        for (net, inside, outside) in [
            ("10.0.0.0/8", "10.255.0.1", "11.0.0.1"),
            ("192.0.2.7", "192.0.2.7", "192.0.2.6"),
            ("2001:db8::/32", "2001:db8:ffff::1", "2001:db9::1"),
            ("10.0.0.0/8", "::ffff:10.0.0.1", "::10.0.0.1"),
            ("0.0.0.0/0", "203.0.113.1", "::1"),
            ("::/0", "::1", "10.0.0.1"),
        ] {
            assert!(network(net).contains(inside.parse().unwrap()), "{net} {inside}");
            assert!(!network(net).contains(outside.parse().unwrap()), "{net} {outside}");
        }
    }

    #[test]
    fn a_network_includes_narrower_ones_alone() {
        assert!(network("10.0.0.0/8").includes(&network("10.1.0.0/16")));
        assert!(!network("10.1.0.0/16").includes(&network("10.0.0.0/8")));
        assert!(!network("0.0.0.0/0").includes(&network("::/0")));
    }

    #[test]
    fn what_is_no_network_is_refused() {
        for text in
            ["", "10.0.0.0/33", "10.0.0.5/8", "10.0.0/8", "10.0.0.0/+8", "::ffff:10.0.0.0/104", "a/8", "10.0.0.0/"]
        {
            assert!(text.parse::<Network>().is_err(), "{text}");
        }
    }
}
