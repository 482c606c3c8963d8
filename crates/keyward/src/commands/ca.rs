use std::path::PathBuf;

use clap::Subcommand;
use keyward_client::Result;
use keyward_server::ca::{self, Issued, Use};

use crate::context::Context;
use crate::output::{self, Exit};

/// Make a certificate authority of your own, and certificates from it
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: keyward ca init --folder ./ca")]
pub(crate) struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Make the authority: ca.pem, which clients have to know, and ca.key
    #[command(after_help = "Example: keyward ca init --folder ./ca")]
    Init {
        /// Where
        #[arg(long, value_name = "PATH", default_value = ".")]
        folder: PathBuf,
    },
    /// Make a certificate and its key
    #[command(after_help = "Example: keyward ca issue keyward.internal.example 10.0.0.5 --folder ./ca")]
    Issue {
        /// Host names and addresses it is for
        #[arg(required = true)]
        names: Vec<String>,
        /// Where the authority lies, and the files go
        #[arg(long, value_name = "PATH", default_value = ".")]
        folder: PathBuf,
        /// For somebody who calls a server, not for the server
        #[arg(long)]
        client: bool,
        /// How long it lasts
        #[arg(long, value_name = "N", default_value_t = 90)]
        days: u32,
    },
}

impl Args {
    pub(crate) fn run(self, context: &Context) -> Result<Exit> {
        let issued = match self.action {
            Action::Init { folder } => ca::init(&folder)?,
            Action::Issue { names, folder, client, days } => {
                let use_ = if client { Use::Client } else { Use::Server };
                ca::issue(&folder, &names, use_, days)?
            }
        };
        show(context, &issued)?;
        Ok(Exit::Done)
    }
}

fn show(context: &Context, issued: &Issued) -> Result<()> {
    let Issued { certificate, key } = issued;
    if context.global.json {
        return output::json(&serde_json::json!({ "certificate": certificate, "key": key }));
    }
    output::line(format!("certificate  {}\nkey          {}", certificate.display(), key.display()))
}
