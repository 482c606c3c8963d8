use std::path::PathBuf;

use clap::Subcommand;
use keyward_client::Result;
use keyward_server::{Config, firewall};

use crate::context::Context;
use crate::output::{self, Exit};

/// Print what a firewall has to let through to the server
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: keyward firewall print --config /etc/keyward/server.toml --format nftables")]
pub(crate) struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Print the rules; nothing is set
    #[command(after_help = "Example: keyward firewall print --config /etc/keyward/server.toml --format ufw")]
    Print {
        /// The server's configuration
        #[arg(long, value_name = "FILE")]
        config: PathBuf,
        /// Whose rules
        #[arg(long)]
        format: Format,
    },
}

/// Whose rules.
#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum Format {
    /// For `nft -f`
    Nftables,
    /// Commands of Ubuntu's firewall
    Ufw,
    /// For `aws ec2 authorize-security-group-ingress --ip-permissions`
    AwsSg,
    /// A Kubernetes NetworkPolicy
    K8sNetworkpolicy,
}

impl Args {
    pub(crate) fn run(self, _context: &Context) -> Result<Exit> {
        let Action::Print { config, format } = self.action;
        let format = match format {
            Format::Nftables => firewall::Format::Nftables,
            Format::Ufw => firewall::Format::Ufw,
            Format::AwsSg => firewall::Format::AwsSecurityGroup,
            Format::K8sNetworkpolicy => firewall::Format::KubernetesNetworkPolicy,
        };
        output::bytes(firewall::rules(&Config::read(&config)?, format)?.as_bytes())?;
        Ok(Exit::Done)
    }
}
