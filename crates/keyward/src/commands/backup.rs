use std::path::PathBuf;

use keyward_client::{Code, Failure, Result};

use crate::commands::shown;
use crate::context::Context;
use crate::output::{self, Exit};

/// Write a consistent encrypted copy of the vault, also while it is in use
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: keyward backup /media/stick/keyward-2026-11.db")]
pub(crate) struct Args {
    /// A file that does not exist yet
    file: PathBuf,
}

impl Args {
    pub(crate) fn run(self, context: &Context) -> Result<Exit> {
        // Whoever owns the vault may work in another folder.
        let path = std::path::absolute(&self.file).map_err(|error| Failure::file("find", &self.file, &error))?;
        let text = path.to_str().ok_or_else(|| Failure::usage("the path is not UTF-8"))?;
        let connection = context.connect()?;
        let desk = connection.desk();
        let entries = desk.backup(text.to_owned()).map_err(|failure| match failure.code {
            Code::Conflict if failure.hint.is_none() => {
                failure.hint("`keyward slot add recovery-code`, or another slot that works elsewhere, then again")
            }
            _ => failure,
        })?;
        let slots: Vec<_> = desk.status()?.slots.into_iter().filter(|slot| slot.portable).collect();
        if context.global.json {
            output::json(&serde_json::json!({ "file": path, "log_size": entries, "slots": slots }))?;
        } else {
            let kinds: Vec<&str> = slots.iter().map(|slot| slot.kind.as_str()).collect();
            let entries = shown::counted(entries, "entry").replace("entrys", "entries");
            output::note(format!("wrote `{}` with {entries} of the log", path.display()));
            output::note(format!("it is opened by: {}", kinds.join(", ")));
        }
        Ok(Exit::Done)
    }
}
