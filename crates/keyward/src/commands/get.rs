use std::io::IsTerminal;

use keyward_client::{Failure, Purpose, Result, Selection};
use keyward_types::{SecretName, Version};

use crate::context::Context;
use crate::output::{self, Exit};

/// Write a value to a pipe, exactly as it was stored
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: keyward get DATABASE_URL -e staging | pg_dump --dbname \"$(cat)\"")]
pub(crate) struct Args {
    /// The secret
    name: SecretName,
    /// An older version
    #[arg(long, value_name = "N")]
    version: Option<Version>,
    /// Show it on a terminal too
    #[arg(long)]
    reveal: bool,
}

impl Args {
    pub(crate) fn run(self, context: &Context) -> Result<Exit> {
        let connection = context.connect_keeping(true)?;
        let place = context.place(&connection)?;
        let desk = connection.desk();
        let to_terminal = std::io::stdout().is_terminal();
        if to_terminal && !self.reveal {
            // Asked before it is opened, so that nothing is disclosed for nothing.
            let known = desk.show(place.at.clone(), self.name.clone())?;
            if known.secret.kind.is_secret() {
                return Err(Failure::usage(format!("`{}` is a secret, and this is a terminal", self.name))
                    .hint("pipe it to a program, or add `--reveal`; `keyward copy` brings it to the clipboard"));
            }
        }
        let selection = match self.version {
            Some(version) => Selection::Version(self.name, version),
            None => Selection::Names(vec![self.name]),
        };
        let values = desk.read(place.at, selection, Purpose::Read)?;
        for value in &values {
            output::bytes(value.value.expose())?;
        }
        if to_terminal {
            output::line("")?;
        }
        Ok(Exit::Done)
    }
}
