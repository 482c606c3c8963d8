use keyward_client::Result;

use crate::context::Context;
use crate::output::{self, Exit};

/// Close the vault that `unlock` opened
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: keyward lock")]
pub(crate) struct Args {}

impl Args {
    pub(crate) fn run(self, context: &Context) -> Result<Exit> {
        let closed = context.home()?.lock(&context.occasion())?;
        if context.global.json {
            output::json(&serde_json::json!({ "closed": closed }))?;
        } else if closed {
            output::note("the vault is closed");
        } else {
            output::note("no agent keeps the vault open");
        }
        Ok(Exit::Done)
    }
}
