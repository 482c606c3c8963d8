use std::path::PathBuf;

use keyward_client::{Failure, Result};

use crate::context::Context;
use crate::folder::{self, Folder};
use crate::output::{self, Exit};

/// Allow a folder's keyward.toml to name its project
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: keyward trust ~/src/shop")]
pub(crate) struct Args {
    /// The folder; default: the nearest with a `keyward.toml`
    path: Option<PathBuf>,
}

impl Args {
    pub(crate) fn run(self, context: &Context) -> Result<Exit> {
        let start = self.path.unwrap_or_else(|| context.current.clone());
        let folder = Folder::nearest(&start)?.ok_or_else(|| {
            Failure::usage(format!("there is no `{}` in `{}` or above", folder::FILE, start.display()))
                .hint("`keyward init` makes one")
        })?;
        let connection = context.connect()?;
        let (path, origin) = (folder.key()?, folder::git_origin(&folder.path));
        let binding = connection.desk().trust(path, origin, folder.manifest.project)?;
        let place = match context.server()? {
            Some(server) => format!("at {server}"),
            None => {
                // A folder belongs to one place: the server's binding would win.
                if context.folders()?.unbind(&binding.path)? {
                    output::note("it had its secrets from a server until now");
                }
                "in the vault of this machine".to_owned()
            }
        };
        if context.global.json {
            output::json(&serde_json::json!({ "folder": binding }))?;
            return Ok(Exit::Done);
        }
        output::note(format!("`{}` may have the secrets of project `{}` {place}", binding.path, binding.project));
        Ok(Exit::Done)
    }
}
