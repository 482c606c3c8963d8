use clap::Subcommand;
use keyward_client::Result;
use keyward_types::{EnvironmentName, ProjectName};

use crate::commands::shown;
use crate::context::Context;
use crate::output::{self, Exit};

/// List, make, rename and delete projects
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: keyward project create shop")]
pub(crate) struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// List projects and their environments
    #[command(after_help = "Example: keyward project list")]
    List,
    /// Make a project with the environments development, staging and production
    #[command(after_help = "Example: keyward project create shop")]
    Create {
        /// Its name
        name: ProjectName,
    },
    /// Give a project another name
    #[command(after_help = "Example: keyward project rename shop store")]
    Rename {
        /// Its name now
        from: ProjectName,
        /// Its new name
        to: ProjectName,
    },
    /// Delete a project with its keys: its values are gone for ever
    #[command(after_help = "Example: keyward project delete shop --yes")]
    Delete {
        /// Its name
        name: ProjectName,
        /// Without asking
        #[arg(long)]
        yes: bool,
    },
}

/// The environments of a new project.
pub(crate) fn default_environments() -> Vec<EnvironmentName> {
    EnvironmentName::usual()
}

impl Args {
    pub(crate) fn run(self, context: &Context) -> Result<Exit> {
        let connection = context.connect()?;
        let desk = connection.desk();
        match self.action {
            Action::List => {
                let projects = desk.projects()?;
                if context.global.json {
                    output::listing("projects", &projects)?;
                } else {
                    let rows: Vec<Vec<String>> = projects
                        .iter()
                        .map(|project| {
                            let names: Vec<&str> = project.environments.iter().map(|e| e.name.as_str()).collect();
                            vec![project.name.to_string(), shown::day(project.created_at), names.join(", ")]
                        })
                        .collect();
                    output::table(&["NAME", "MADE", "ENVIRONMENTS"], &rows)?;
                }
            }
            Action::Create { name } => {
                let project = desk.create_project(name, default_environments())?;
                output::note(format!("project `{}` is made", project.name));
            }
            Action::Rename { from, to } => {
                let project = desk.rename_project(from.clone(), to)?;
                output::note(format!("project `{from}` is now `{}`", project.name));
                output::hint("change `project` in the `keyward.toml` of its folders, then `keyward trust`");
            }
            Action::Delete { name, yes } => {
                context.confirm(yes, &format!("delete project `{name}` and shred its values for ever?"))?;
                let n = desk.delete_project(name.clone())?;
                output::note(format!("project `{name}` is gone with {}", shown::counted(n, "secret")));
            }
        }
        Ok(Exit::Done)
    }
}
