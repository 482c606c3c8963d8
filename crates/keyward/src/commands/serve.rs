use std::path::PathBuf;

use keyward_client::Result;
use keyward_server::Config;

use crate::context::Context;
use crate::node::Node;
use crate::output::Exit;
use crate::serving::{self, Log, Reader};

/// Serve other machines, as a configuration file says
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: keyward serve --config /etc/keyward/server.toml")]
pub(crate) struct Args {
    /// The configuration: listeners, TLS, networks, limits
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// Write a line about each request, in this form
    #[arg(long, visible_alias = "log-format", value_name = "FORM", default_value = "text")]
    log: Log,
}

impl Args {
    pub(crate) fn run(self, context: &Context) -> Result<Exit> {
        let config = Config::read(&self.config)?;
        serving::run(context, config, Some(self.log), Reader::Journal, Node::of)
    }
}
