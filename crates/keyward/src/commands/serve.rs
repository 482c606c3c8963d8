use std::path::PathBuf;

use keyward_client::Result;
use keyward_server::Config;

use crate::context::Context;
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
    #[arg(long, value_name = "FORM", default_value = "text")]
    log: Log,
}

impl Args {
    pub(crate) fn run(self, context: &Context) -> Result<Exit> {
        serving::run(context, Config::read(&self.config)?, Some(self.log), Reader::Journal)
    }
}
