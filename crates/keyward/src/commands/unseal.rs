use std::io::Read;

use keyward_client::{Bytes, Failure, Result};
use zeroize::Zeroizing;

use crate::commands::seal::told;
use crate::context::Context;
use crate::output::Exit;
use crate::terminal;

/// Give the sealed server of this machine a share; enough of them open it
///
/// A share is asked for, or read from standard input, one a line. Over the network, POST it to
/// `/api/v1/unseal`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: keyward unseal")]
pub(crate) struct Args {}

impl Args {
    pub(crate) fn run(self, context: &Context) -> Result<Exit> {
        let home = context.home()?;
        let mut state = home.seal_state(&context.occasion())?;
        for share in shares()?.lines().map(str::trim).filter(|line| !line.is_empty()) {
            state = home.give_share(Bytes::new(share.as_bytes().to_vec()), &context.occasion())?;
            if !state.sealed {
                break;
            }
        }
        told(context, state)
    }
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
