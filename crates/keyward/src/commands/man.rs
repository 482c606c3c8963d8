use std::fs;
use std::path::{Path, PathBuf};

use clap::CommandFactory;
use keyward_client::{Failure, Result};

use crate::cli::Cli;
use crate::context::Context;
use crate::output::{self, Exit};

/// Write the man pages into a folder, one a command
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: keyward man ~/.local/share/man/man1")]
pub(crate) struct Args {
    /// The folder; made where it is missing
    folder: PathBuf,
}

impl Args {
    pub(crate) fn run(self, context: &Context) -> Result<Exit> {
        fs::create_dir_all(&self.folder).map_err(|error| Failure::file("make the folder", &self.folder, &error))?;
        let mut root = Cli::command();
        root.build();
        let n = pages(&root, "keyward", &self.folder)?;
        if context.global.json {
            output::json(&serde_json::json!({ "folder": self.folder, "pages": n }))?;
            return Ok(Exit::Done);
        }
        output::note(format!("{n} pages are in `{}`", self.folder.display()));
        Ok(Exit::Done)
    }
}

fn pages(command: &clap::Command, name: &str, folder: &Path) -> Result<u64> {
    let path = folder.join(format!("{name}.1"));
    let failed = |error: std::io::Error| Failure::file("write", &path, &error);
    let mut text = Vec::new();
    let titled = command.clone().display_name(name.to_owned());
    clap_mangen::Man::new(titled).title(name).render(&mut text).map_err(failed)?;
    fs::write(&path, text).map_err(failed)?;
    let mut n = 1;
    for below in command.get_subcommands().filter(|below| !below.is_hide_set() && below.get_name() != "help") {
        n += pages(below, &format!("{name}-{}", below.get_name()), folder)?;
    }
    Ok(n)
}
