use keyward_client::{Failure, Result};
use keyward_types::ProjectName;
use keyward_vault::{KeyFile, NewSlot, NewVault};

use crate::context::Context;
use crate::folder::{self, FILE, Folder, Manifest};
use crate::output::{self, Exit};

/// Make the vault and this folder's keyward.toml
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: keyward init --yes")]
pub(crate) struct Args {
    /// Without asking
    #[arg(long)]
    yes: bool,
}

impl Args {
    pub(crate) fn run(self, context: &Context) -> Result<Exit> {
        let home = context.home()?;
        if !home.exists() {
            let key = KeyFile::generate(&keyward_client::SystemRandom)?;
            let new = NewVault {
                slots: vec![(NewSlot::KeyFile(&key), "this machine".into())],
                owner: context.config.user.clone(),
                agent: context.occasion().agent,
            };
            let owned = home.create(&new)?;
            let path = home.write_key_file(owned.vault().id(), &key)?;
            output::note(format!(
                "made a vault in `{}`, opened by the key file `{}`",
                home.folder.display(),
                path.display()
            ));
        }
        let connection = context.connect()?;
        let desk = connection.desk();
        let here = context.current.canonicalize().map_err(|error| Failure::file("find", &context.current, &error))?;
        let project = match &context.global.project {
            Some(project) => project.clone(),
            None => name_of(&here)?,
        };
        if !desk.projects()?.iter().any(|known| known.name == project) {
            desk.create_project(project.clone(), super::project::default_environments())?;
            output::note(format!("made project `{project}`"));
        }
        if Folder::nearest(&here)?.is_none_or(|folder| folder.path != here) {
            let manifest = Manifest { project: project.clone(), needs: Default::default() };
            let path = here.join(FILE);
            std::fs::write(&path, manifest.text()).map_err(|error| Failure::file("write", &path, &error))?;
            output::note(format!("wrote `{FILE}`"));
        }
        desk.trust(folder::key(&here)?, folder::git_origin(&here), project)?;
        Ok(Exit::Done)
    }
}

fn name_of(folder: &std::path::Path) -> Result<ProjectName> {
    let name = folder.file_name().and_then(|name| name.to_str()).unwrap_or("project");
    let fitting: String =
        name.chars().map(|c| if c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-') { c } else { '-' }).collect();
    fitting.parse().map_err(|_| Failure::usage("the folder's name makes no project name").hint("add `--project NAME`"))
}
