use clap::CommandFactory;
use clap_complete::Shell;
use keyward_client::Result;

use crate::cli::Cli;
use crate::context::Context;
use crate::output::{self, Exit};

/// Write completions for a shell
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: keyward completions bash > ~/.local/share/bash-completion/completions/keyward")]
pub(crate) struct Args {
    /// bash, elvish, fish, powershell or zsh
    shell: Shell,
}

impl Args {
    pub(crate) fn run(self, _context: &Context) -> Result<Exit> {
        let mut text = Vec::new();
        clap_complete::generate(self.shell, &mut Cli::command(), "keyward", &mut text);
        output::bytes(&text)?;
        Ok(Exit::Done)
    }
}
