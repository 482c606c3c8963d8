use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use keyward_client::{Code, Desk, Failure, Result};
use keyward_types::{ProjectName, SecretName};

use crate::commands::shown;
use crate::context::Context;
use crate::first_start;
use crate::folder::{self, FILE, Manifest};
use crate::intake::{adopt, files};
use crate::output::{self, Exit};
use crate::terminal;

/// Make the vault and this folder's keyward.toml, and bring the .env files in
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: keyward init --yes --remove-plaintext --recovery-file ~/keyward-recovery.txt")]
pub(crate) struct Args {
    /// Import without asking; nothing is deleted
    #[arg(long)]
    yes: bool,
    /// Leave .env files alone
    #[arg(long)]
    no_import: bool,
    /// Look for .env files in the folders below, too
    #[arg(long)]
    recursive: bool,
    /// Delete .env files after every name was read back and compared; needs a second key slot
    #[arg(long, conflicts_with = "no_import")]
    remove_plaintext: bool,
    /// Add a recovery code and write it to this new file; keep it elsewhere
    #[arg(long, value_name = "PATH")]
    recovery_file: Option<PathBuf>,
}

impl Args {
    pub(crate) fn run(self, context: &Context) -> Result<Exit> {
        let connection = first_start::connect(context, self.recovery_file.as_deref())?;
        let desk = connection.desk();
        let here = context.current.canonicalize().map_err(|error| Failure::file("find", &context.current, &error))?;
        let project = match (&context.global.project, Manifest::read(&here)?) {
            (Some(project), _) => project.clone(),
            (None, Some(manifest)) => adopt_manifest(desk, &here, manifest)?,
            (None, None) => name_of(&here)?,
        };
        if !desk.projects()?.iter().any(|known| known.name == project) {
            desk.create_project(project.clone(), super::project::default_environments())?;
            output::note(format!("made project `{project}`"));
        }
        let found = if self.no_import { files::Found::default() } else { files::find(&here, self.recursive)? };
        for (path, why) in &found.passed_over {
            output::note(format!("warning: `{}` was passed over: {why}", path.display()));
        }
        let adopted = if self.import(&found)? {
            adopt::import(context, desk, &project, &found)?
        } else {
            adopt::Adopted::default()
        };
        write_manifest(&here, &project, adopt::needed(&found, &adopted))?;
        desk.trust(folder::key(&here)?, folder::git_origin(&here), project.clone())?;
        adopt::ignore(&here, &adopted)?;
        adopt::report_exposed(context, &adopted);
        if self.remove_plaintext {
            // Ways into a server's vault are its keeper's affair.
            if context.server()?.is_none() {
                first_start::ensure_second_slot(desk)?;
            }
            adopt::remove_plaintext(context, desk, &project, &adopted)?;
        } else if !adopted.files.is_empty() {
            output::hint("the files are still there: `keyward init --remove-plaintext` compares and deletes them");
        }
        Ok(Exit::Done)
    }

    /// Whether to import, as the flags or the person say.
    fn import(&self, found: &files::Found) -> Result<bool> {
        let files = found.values.values().flatten().count() as u64;
        if files == 0 || self.no_import {
            return Ok(false);
        }
        if self.yes || self.remove_plaintext {
            return Ok(true);
        }
        if !terminal::interactive() {
            return Err(Failure::usage(format!("there are {} here", shown::counted(files, ".env file")))
                .hint("`--yes` imports them, `--no-import` leaves them alone"));
        }
        Ok(terminal::confirm(&format!("import {} into the vault?", shown::counted(files, ".env file"))))
    }
}

/// Writes `keyward.toml`, or adds names to the one that is there for this project.
fn write_manifest(here: &Path, project: &ProjectName, needs: BTreeSet<SecretName>) -> Result<()> {
    let mut manifest = Manifest { project: project.clone(), needs };
    if let Some(before) = Manifest::read(here)?.filter(|before| before.project == *project) {
        manifest.needs.extend(before.needs);
    }
    if manifest.write(here)? {
        output::note(format!("wrote `{FILE}` (commit it: it holds names, no values)"));
    }
    Ok(())
}

/// A `keyward.toml` that came with the folder names a project that does not exist yet, or one that
/// this folder was bound to. A cloned one that names somebody's project gets nothing.
fn adopt_manifest(desk: &dyn Desk, here: &Path, manifest: Manifest) -> Result<ProjectName> {
    let project = manifest.project;
    let exists = desk.projects()?.iter().any(|known| known.name == project);
    let bound = desk.binding(folder::key(here)?)?.is_some_and(|binding| binding.project == project);
    if exists && !bound {
        return Err(Failure::new(
            Code::Denied,
            format!("the `{FILE}` here names project `{project}`, which exists, and you have not said that it may"),
        )
        .hint(format!("`keyward trust` allows this folder, `keyward init --project {project}` too")));
    }
    Ok(project)
}

fn name_of(folder: &std::path::Path) -> Result<ProjectName> {
    let name = folder.file_name().and_then(|name| name.to_str()).unwrap_or("project");
    let fitting: String =
        name.chars().map(|c| if c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-') { c } else { '-' }).collect();
    fitting.parse().map_err(|_| Failure::usage("the folder's name makes no project name").hint("add `--project NAME`"))
}
