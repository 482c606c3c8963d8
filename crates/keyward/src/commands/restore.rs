use std::path::PathBuf;

use keyward_client::Result;

use crate::context::Context;
use crate::output::{self, Exit};

/// Put a backup in the place of the vault, which is never overwritten
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: keyward restore /media/stick/keyward-2026-11.db")]
pub(crate) struct Args {
    /// What `backup` wrote
    file: PathBuf,
    /// Set the vault aside that is there
    #[arg(long)]
    force: bool,
}

impl Args {
    pub(crate) fn run(self, context: &Context) -> Result<Exit> {
        let home = context.home()?;
        let restored = home.restore(&self.file, self.force, context, &context.occasion())?;
        if context.global.json {
            let fields = serde_json::json!({
                "vault": restored.vault, "log_size": restored.log_size, "aside": restored.aside,
            });
            output::json(&fields)?;
        } else {
            output::note(format!("restored vault {} into `{}`", restored.vault, home.folder.display()));
            if let Some(aside) = &restored.aside {
                output::note(format!("the vault that was there is now `{}`", aside.display()));
            }
        }
        output::note("nothing irreversible is done until you have looked at it");
        output::hint("`keyward store accept` ends that; `keyward slot add key-file` lets this machine open it alone");
        Ok(Exit::Done)
    }
}
