//! What a firewall has to let through, from the server's own set-up: nothing is set by us.

use std::fmt::Write as _;

use ipnet::IpNet;
use keyward_client::{Failure, Result};
use serde_json::json;

use crate::config::{Config, Listen};

/// Whose rules.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// `nft -f`.
    Nftables,
    /// Commands of Ubuntu's firewall.
    Ufw,
    /// `aws ec2 authorize-security-group-ingress --ip-permissions`.
    AwsSecurityGroup,
    /// A Kubernetes NetworkPolicy.
    KubernetesNetworkPolicy,
}

/// The rules by which exactly the allowed networks reach the listeners.
///
/// # Errors
/// When nothing listens for other machines.
pub fn rules(config: &Config, format: Format) -> Result<String> {
    let ports = ports(config);
    if ports.is_empty() {
        return Err(Failure::usage(
            "nothing listens for other machines, so that no firewall has to let anything through",
        ));
    }
    let networks = networks(config);
    Ok(match format {
        Format::Nftables => nftables(&ports, &networks),
        Format::Ufw => ufw(&ports, &networks),
        Format::AwsSecurityGroup => aws(&ports, &networks),
        Format::KubernetesNetworkPolicy => kubernetes(&ports, &networks),
    })
}

fn ports(config: &Config) -> Vec<u16> {
    let port = |listen: &Listen| match (listen.address, listen.port) {
        (Some(address), _) if address.ip().is_loopback() => None,
        (Some(address), _) => Some(address.port()),
        (None, port) => port,
    };
    let mut ports: Vec<u16> = config.listen.iter().filter_map(port).collect();
    ports.sort_unstable();
    ports.dedup();
    ports
}

/// Clients and the proxies before them; everybody, where none are named.
fn networks(config: &Config) -> Vec<IpNet> {
    let mut networks = config.allow.clone();
    if networks.is_empty() {
        return ["0.0.0.0/0", "::/0"].iter().filter_map(|all| all.parse().ok()).collect();
    }
    networks.extend(&config.trusted_proxies);
    IpNet::aggregate(&networks)
}

fn nftables(ports: &[u16], networks: &[IpNet]) -> String {
    let ports = ports.iter().map(u16::to_string).collect::<Vec<_>>().join(", ");
    let of = |v4: bool| {
        let those = networks.iter().filter(|network| matches!(network, IpNet::V4(_)) == v4);
        those.map(ToString::to_string).collect::<Vec<_>>().join(", ")
    };
    let mut text = String::from(
        "table inet keyward {\n  chain input {\n    type filter hook input priority filter; policy accept;\n    iifname \"lo\" accept\n",
    );
    for (family, those) in [("ip", of(true)), ("ip6", of(false))] {
        if !those.is_empty() {
            let _ = writeln!(text, "    tcp dport {{ {ports} }} {family} saddr {{ {those} }} accept");
        }
    }
    let _ = writeln!(text, "    tcp dport {{ {ports} }} drop\n  }}\n}}");
    text
}

fn ufw(ports: &[u16], networks: &[IpNet]) -> String {
    let mut text = String::new();
    for port in ports {
        for network in networks {
            let _ = writeln!(text, "ufw allow proto tcp from {network} to any port {port} comment 'keyward'");
        }
        let _ = writeln!(text, "ufw deny proto tcp from any to any port {port} comment 'keyward'");
    }
    text
}

fn aws(ports: &[u16], networks: &[IpNet]) -> String {
    let described = |cidr: &str, network: &IpNet| json!({ cidr: network.to_string(), "Description": "keyward" });
    let of = |v4: bool| networks.iter().filter(move |network| matches!(network, IpNet::V4(_)) == v4);
    let permissions: Vec<_> = ports
        .iter()
        .map(|port| {
            json!({
                "IpProtocol": "tcp",
                "FromPort": port,
                "ToPort": port,
                "IpRanges": of(true).map(|network| described("CidrIp", network)).collect::<Vec<_>>(),
                "Ipv6Ranges": of(false).map(|network| described("CidrIpv6", network)).collect::<Vec<_>>(),
            })
        })
        .collect();
    format!("{:#}\n", json!(permissions))
}

fn kubernetes(ports: &[u16], networks: &[IpNet]) -> String {
    let mut text = String::from(
        "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata:\n  name: keyward\nspec:\n  podSelector:\n    matchLabels:\n      app: keyward\n  policyTypes: [Ingress]\n  ingress:\n    - from:\n",
    );
    for network in networks {
        let _ = writeln!(text, "        - ipBlock:\n            cidr: {network}");
    }
    text.push_str("      ports:\n");
    for port in ports {
        let _ = writeln!(text, "        - protocol: TCP\n          port: {port}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(allow: &[&str]) -> Config {
        let at = |address: &str| Listen { address: Some(address.parse().unwrap()), ..Listen::default() };
        let vpn = Listen { interface: Some("wg0".into()), port: Some(9000), ..Listen::default() };
        Config {
            listen: vec![at("127.0.0.1:8200"), at("0.0.0.0:8443"), at("[::]:8443"), vpn],
            allow: allow.iter().map(|network| network.parse().unwrap()).collect(),
            ..Config::default()
        }
    }

    #[test]
    fn the_allowed_networks_get_through_and_others_do_not() {
        let config = config(&["10.1.0.0/16", "10.0.0.0/8", "fd00::/8"]);
        let nft = rules(&config, Format::Nftables).unwrap();
        assert!(nft.contains("tcp dport { 8443, 9000 } ip saddr { 10.0.0.0/8 } accept"), "{nft}");
        assert!(nft.contains("ip6 saddr { fd00::/8 } accept") && nft.contains("{ 8443, 9000 } drop"), "{nft}");
        let ufw = rules(&config, Format::Ufw).unwrap();
        assert!(ufw.contains("allow proto tcp from 10.0.0.0/8 to any port 8443"), "{ufw}");
        assert_eq!(ufw.lines().filter(|line| line.starts_with("ufw deny")).count(), 2);
        let aws: serde_json::Value = serde_json::from_str(&rules(&config, Format::AwsSecurityGroup).unwrap()).unwrap();
        assert_eq!(aws[0]["IpRanges"][0]["CidrIp"], "10.0.0.0/8");
        assert_eq!(aws[1]["Ipv6Ranges"][0]["CidrIpv6"], "fd00::/8");
        let policy = rules(&config, Format::KubernetesNetworkPolicy).unwrap();
        assert!(policy.contains("cidr: 10.0.0.0/8") && policy.contains("port: 9000"), "{policy}");
        for text in [nft, ufw, policy] {
            assert!(!text.contains("8200"), "loopback needs no rule: {text}");
        }
    }

    #[test]
    fn without_a_list_everybody_gets_through() {
        assert!(rules(&config(&[]), Format::Ufw).unwrap().contains("from 0.0.0.0/0 to any port 8443"));
    }

    #[test]
    fn a_server_for_this_machine_needs_no_rules() {
        let loopback = Config::loopback("127.0.0.1:8200".parse().unwrap());
        assert!(rules(&loopback, Format::Nftables).is_err());
    }
}
