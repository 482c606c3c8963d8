use clap::CommandFactory;
use keyward_client::Result;

use crate::cli::Cli;
use crate::context::Context;
use crate::output::{self, Exit};

/// List every command, one a line
#[derive(Debug, clap::Args)]
pub(crate) struct Args {}

impl Args {
    pub(crate) fn run(self, _context: &Context) -> Result<Exit> {
        let mut lines = Vec::new();
        list(&Cli::command(), "", &mut lines);
        output::line(lines.join("\n"))?;
        Ok(Exit::Done)
    }
}

fn list(command: &clap::Command, path: &str, lines: &mut Vec<String>) {
    for below in command.get_subcommands().filter(|below| !below.is_hide_set() && below.get_name() != "help") {
        let path = format!("{path} {}", below.get_name()).trim_start().to_owned();
        list(below, &path, lines);
        lines.push(path);
    }
}
