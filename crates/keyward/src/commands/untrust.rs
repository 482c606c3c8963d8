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
        let connection = context.connect()?;
        let path = folder::key(&path)?;
        if !connection.desk().untrust(path.clone())? {
            return Err(Failure::new(Code::NotFound, format!("`{path}` was not trusted")));
        }
        output::note(format!("`{path}` gets nothing any more"));
        Ok(Exit::Done)
    }
}
