use std::net::SocketAddr;
use std::path::PathBuf;

use keyward_client::Result;
use keyward_server::{Config, GatewayConfig};

use crate::context::Context;
use crate::node::Node;
use crate::output::Exit;
use crate::serving::{self, Log, Reader};

/// Serve this machine: the control API on 127.0.0.1:8200, the gateway on 127.0.0.1:8201; Ctrl-C ends it
///
/// The first start makes the vault and a project, and a link by which you choose a password. Other
/// commands work meanwhile.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: keyward up")]
pub(crate) struct Args {
    /// Where to listen; other machines can reach 127.0.0.1 only from this one
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8200")]
    listen: SocketAddr,
    /// Where the gateway listens; `off`: nowhere. Default: the next port
    #[arg(long, value_name = "ADDRESS", value_parser = gateway)]
    gateway: Option<Place>,
    /// A file that describes a service which the catalogue lacks, for the gateway; may be given more than once
    #[arg(long, value_name = "PATH")]
    service: Vec<PathBuf>,
    /// Write a line about each request
    #[arg(long, value_name = "FORM")]
    log: Option<Log>,
}

impl Args {
    pub(crate) fn run(self, context: &Context) -> Result<Exit> {
        let gateway = match self.gateway {
            Some(Place::Nowhere) => None,
            Some(Place::At(address)) => Some(address),
            None => Some(next_port(self.listen)),
        };
        let gateway = gateway.map(|listen| GatewayConfig { services: self.service, ..GatewayConfig::at(listen) });
        let config = Config { gateway, ..Config::loopback(self.listen) };
        serving::run(context, config, self.log, Reader::Owner, |context, _| Node::local(context))
    }
}

/// Where a gateway is.
#[derive(Clone, Copy, Debug)]
enum Place {
    At(SocketAddr),
    Nowhere,
}

fn gateway(text: &str) -> Result<Place, String> {
    match text {
        "off" => Ok(Place::Nowhere),
        text => text.parse().map(Place::At).map_err(|_| "write an address like 127.0.0.1:8201, or `off`".into()),
    }
}

/// Any port, where any was asked for; none is after the last.
fn next_port(address: SocketAddr) -> SocketAddr {
    let port = if address.port() == 0 { 0 } else { address.port().checked_add(1).unwrap_or(0) };
    SocketAddr::new(address.ip(), port)
}
