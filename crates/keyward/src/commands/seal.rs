use keyward_client::Result;

use crate::context::Context;
use crate::output::{self, Exit};

/// Have the server of this machine give up every key; shares or AWS KMS open it again
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: keyward seal --reason 'an intruder on the machine'")]
pub(crate) struct Args {
    /// Do not ask
    #[arg(long)]
    yes: bool,
    /// Only say whether it is sealed
    #[arg(long, conflicts_with = "yes")]
    status: bool,
}

impl Args {
    pub(crate) fn run(self, context: &Context) -> Result<Exit> {
        let home = context.home()?;
        if self.status {
            return told(context, home.seal_state(&context.occasion())?);
        }
        context.confirm(self.yes, "seal the server? It answers nothing until it is unsealed")?;
        told(context, home.seal(&context.occasion())?)
    }
}

/// How the server stands, in words.
pub(super) fn told(context: &Context, state: keyward_client::SealInfo) -> Result<Exit> {
    if context.global.json {
        output::json(&state)?;
        return Ok(Exit::Done);
    }
    let needed = state.threshold.map_or_else(|| "shares".to_owned(), |n| format!("{n} shares"));
    output::note(match (state.sealed, state.given) {
        (false, _) => "the server is open".to_owned(),
        (true, 0) if state.threshold.is_none() => "the server is sealed".to_owned(),
        (true, 0) => format!("the server is sealed; {needed} open it, given by `keyward unseal` one after the other"),
        (true, given) => format!("the server is sealed; {given} of {needed} are given"),
    });
    Ok(Exit::Done)
}
