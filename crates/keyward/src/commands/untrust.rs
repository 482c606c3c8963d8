use std::path::PathBuf;

use keyward_client::{Code, Failure, Result};

use crate::context::Context;
use crate::folder::{self, Folder};
use crate::output::{self, Exit};

/// End a folder's permission to name its project
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: keyward untrust ~/src/shop")]
pub(crate) struct Args {
    /// The folder; default: the nearest with a `keyward.toml`
    path: Option<PathBuf>,
}

impl Args {
    pub(crate) fn run(self, context: &Context) -> Result<Exit> {
        let start = self.path.unwrap_or_else(|| context.current.clone());
        let path = match Folder::nearest(&start)? {
            Some(folder) => folder.path,
            None => start.canonicalize().unwrap_or(start),
        };
        let path = folder::key(&path)?;
        // Where it is bound to a server, and to the vault of this machine: whichever is left would give
        // the folder values.
        let at_server = context.folders()?.unbind(&path)?;
        let here = match at_vault(context, &path) {
            Err(failure) if at_server && failure.code == Code::Locked => {
                output::note(format!("`{path}` gets nothing from the server any more"));
                return Err(failure.hint("open the vault, then once more: it may still give this folder values"));
            }
            ended => ended?,
        };
        if !at_server && !here {
            return Err(Failure::new(Code::NotFound, format!("`{path}` was not trusted")));
        }
        if context.global.json {
            output::json(&serde_json::json!({ "untrusted": path }))?;
            return Ok(Exit::Done);
        }
        output::note(format!("`{path}` gets nothing any more"));
        Ok(Exit::Done)
    }
}

/// Ends the binding in the vault of this machine, if it has one.
fn at_vault(context: &Context, path: &str) -> Result<bool> {
    let home = context.home()?;
    if !home.exists() && home.agent()?.is_none() {
        return Ok(false);
    }
    context.local_connection()?.desk().untrust(path.to_owned())
}
