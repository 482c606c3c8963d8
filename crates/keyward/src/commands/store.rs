use keyward_client::Result;

use crate::context::Context;
use crate::output::{self, Exit};

/// The store beneath the vault
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: keyward store accept")]
pub(crate) struct Args {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, clap::Subcommand)]
enum Verb {
    /// End safe mode, after you have looked at the vault
    #[command(after_help = "Example: keyward store accept --reason 'restored after the disk failed'")]
    Accept,
}

impl Args {
    pub(crate) fn run(self, context: &Context) -> Result<Exit> {
        let Verb::Accept = self.verb;
        let connection = context.connect()?;
        let desk = connection.desk();
        let before = desk.status()?;
        desk.accept()?;
        if context.global.json {
            output::json(&desk.status()?)?;
            return Ok(Exit::Done);
        }
        let why = before.safe_mode.unwrap_or_default();
        output::note(format!("safe mode is over; its reason was: {why}"));
        output::note(format!("the vault is accepted as it is, with {} entries in its log", before.log_size));
        Ok(Exit::Done)
    }
}
