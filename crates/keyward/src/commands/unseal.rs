use std::io::Read;

use keyward_client::{Bytes, Failure, Result, SealInfo, ServerUrl};
use keyward_types::Secret;
use zeroize::Zeroizing;

use crate::commands::seal::told;
use crate::context::Context;
use crate::output::Exit;
use crate::terminal;

/// Give a sealed server a share; enough of them open it
///
/// The server of this machine, or the one that `--server` names, over TLS and without a token. A share
/// is asked for, or read from standard input, one a line. With `--kms` the server of this machine opens
/// its vault with a key of AWS KMS, as its configuration says, and nobody gives anything.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: keyward unseal --server https://keyward.example")]
pub(crate) struct Args {
    /// Have the server of this machine ask AWS KMS
    #[arg(long)]
    kms: bool,
}

impl Args {
    pub(crate) fn run(self, context: &Context) -> Result<Exit> {
        if self.kms {
            return told(context, alone(context)?);
        }
        match &context.global.server {
            Some(server) => told(context, there(context, server)?),
            None => told(context, here(context)?),
        }
    }
}

fn here(context: &Context) -> Result<SealInfo> {
    let home = context.home()?;
    let state = home.seal_state(&context.occasion())?;
    give(state, |share| home.give_share(Bytes::new(share.expose().as_bytes().to_vec()), &context.occasion()))
}

fn alone(context: &Context) -> Result<SealInfo> {
    if let Some(server) = &context.global.server {
        return Err(Failure::usage(format!("`--kms` is for the server of this machine, and not for `{server}`"))
            .hint("run it on the machine of that server"));
    }
    let home = context.home()?;
    let state = home.seal_state(&context.occasion())?;
    if state.sealed { home.open_alone(&context.occasion()) } else { Ok(state) }
}

fn there(context: &Context, server: &ServerUrl) -> Result<SealInfo> {
    let front = context.front_of(server)?;
    give(front.seal_state()?, |share| front.give_share(share))
}

/// One share after the other, until the server is open. One that is open already asks for none.
fn give(mut state: SealInfo, give: impl Fn(&Secret<String>) -> Result<SealInfo>) -> Result<SealInfo> {
    if !state.sealed {
        return Ok(state);
    }
    for share in shares()?.lines().map(str::trim).filter(|line| !line.is_empty()) {
        state = give(&Secret::new("share", share.to_owned()))?;
        if !state.sealed {
            break;
        }
    }
    Ok(state)
}

fn shares() -> Result<Zeroizing<String>> {
    if terminal::interactive() {
        return Ok(Zeroizing::new(terminal::hidden("Share")?.expose().clone()));
    }
    let mut text = Zeroizing::new(String::new());
    std::io::stdin()
        .read_to_string(&mut text)
        .map_err(|error| Failure::usage(format!("the share cannot be read: {error}")))?;
    if text.trim().is_empty() {
        return Err(Failure::usage("there is no share on standard input").hint("give one a line, or use a terminal"));
    }
    Ok(text)
}
