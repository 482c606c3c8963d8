use std::io::IsTerminal;

use keyward_client::{Failure, Result, SystemRandom};
use keyward_providers::Profile;
use keyward_types::Random;

use crate::commands::copy::{SOON, hand_over};
use crate::context::Context;
use crate::output::{self, Exit};

/// Make a random secret and write it to a pipe; it says how many bits it has
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: keyward generate --profile signing-key | keyward set SESSION_SECRET -e staging")]
pub(crate) struct Args {
    /// password, hex, base64, base62, signing-key or uuid
    #[arg(long, default_value = "password")]
    profile: Profile,
    /// How many bits of entropy; default 256 (a uuid has 122)
    #[arg(long)]
    bits: Option<u32>,
    /// Show it on a terminal too
    #[arg(long)]
    reveal: bool,
    /// Bring it to the clipboard instead, for 30 seconds and past its history
    #[arg(long, conflicts_with = "reveal")]
    copy: bool,
}

impl Args {
    pub(crate) fn run(self, context: &Context) -> Result<Exit> {
        let to_terminal = std::io::stdout().is_terminal();
        if to_terminal && !self.reveal && !self.copy {
            return Err(Failure::usage("this is a terminal, and the value would be seen")
                .hint("pipe it, add `--reveal` or `--copy`, or store one at once with `keyward set NAME --generate`"));
        }
        if !self.copy {
            output::must_be_open()?;
        }
        let made = keyward_providers::generate(self.profile, self.bits, &mut |bytes| SystemRandom.fill(bytes))
            .map_err(|error| Failure::usage(error.to_string()))?;
        let value = made.value.expose().as_bytes();
        let mut place = String::new();
        if self.copy {
            hand_over(value, SOON)?;
            place = format!(", in the clipboard for {} seconds", SOON.as_secs());
        } else if !context.global.json {
            output::bytes(value)?;
            if to_terminal {
                output::line("")?;
            }
        }
        if context.global.json {
            // What is in the clipboard is not written down besides.
            let shown = (!self.copy).then(|| made.value.expose());
            let bits = (made.bits * 10.0).round() / 10.0;
            let made = serde_json::json!({ "profile": self.profile.as_str(), "bits": bits, "value": shown });
            output::json(&made)?;
            return Ok(Exit::Done);
        }
        output::note(format!("{} of {:.0} bits{place}", self.profile.as_str(), made.bits));
        Ok(Exit::Done)
    }
}
