use std::time::Duration;

use keyward_client::Result;

use crate::commands::{elevate, lasting};
use crate::context::Context;
use crate::output::{self, Exit};

/// Take emergency rights in a project you work in: reading and using its values, with an alarm
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: keyward break-glass -p shop -e production --for 1h --reason \"site down\"")]
pub(crate) struct Args {
    /// For how long: 15m, 1h; at most 4h
    #[arg(long = "for", value_name = "TIME", default_value = "1h", value_parser = |text: &str| lasting::time(text, LONGEST))]
    lasts: Duration,
    /// Without asking
    #[arg(long)]
    yes: bool,
}

const LONGEST: Duration = Duration::from_secs(4 * 3600);

impl Args {
    pub(crate) fn run(self, context: &Context) -> Result<Exit> {
        let ask = elevate::ask(context, None, self.lasts)?;
        context.confirm(self.yes, "take emergency rights? Everybody will know")?;
        let connection = context.connect()?;
        let taken = connection.desk().break_glass(ask)?;
        elevate::said(context, &taken)?;
        output::hint("it ends by itself; rotate afterwards what was read");
        Ok(Exit::Done)
    }
}
