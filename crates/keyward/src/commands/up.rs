use std::net::SocketAddr;

use keyward_client::Result;
use keyward_server::Config;

use crate::context::Context;
use crate::node::Node;
use crate::output::Exit;
use crate::serving::{self, Log, Reader};

/// Serve this machine: the control API on 127.0.0.1:8200; Ctrl-C ends it
///
/// The first start makes the vault and a project, and a link by which you choose a password. Other
/// commands work meanwhile.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: keyward up")]
pub(crate) struct Args {
    /// Where to listen; other machines can reach 127.0.0.1 only from this one
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8200")]
    listen: SocketAddr,
    /// Write a line about each request
    #[arg(long, value_name = "FORM")]
    log: Option<Log>,
}

impl Args {
    pub(crate) fn run(self, context: &Context) -> Result<Exit> {
        serving::run(context, Config::loopback(self.listen), self.log, Reader::Owner, |context, _| Node::local(context))
    }
}
