use clap::Subcommand;
use keyward_client::{Failure, Result, Where};
use keyward_types::EnvironmentName;

use crate::commands::shown;
use crate::context::Context;
use crate::output::{self, Exit};

/// List, add and remove environments of a project
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: keyward environment add preview --parent staging")]
pub(crate) struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// List the project's environments
    #[command(after_help = "Example: keyward environment list -p shop")]
    List,
    /// Add an environment
    #[command(after_help = "Example: keyward environment add preview --parent staging")]
    Add {
        /// Its name
        name: EnvironmentName,
        /// Where a missing name is read instead
        #[arg(long, value_name = "ENV")]
        parent: Option<EnvironmentName>,
    },
    /// Remove an environment
    #[command(after_help = "Example: keyward environment remove preview --yes")]
    Remove {
        /// Its name
        name: EnvironmentName,
        /// Also when it holds secrets, and without asking
        #[arg(long)]
        yes: bool,
    },
}

impl Args {
    pub(crate) fn run(self, context: &Context) -> Result<Exit> {
        let connection = context.connect()?;
        let desk = connection.desk();
        let project = context.place(&connection)?.at.project;
        match self.action {
            Action::List => {
                let found = desk.projects()?.into_iter().find(|one| one.name == project);
                let environments = found.map(|project| project.environments).ok_or_else(|| {
                    Failure::new(keyward_client::Code::NotFound, format!("there is no project `{project}`"))
                })?;
                if context.global.json {
                    output::listing("environments", &environments)?;
                } else {
                    let parent = |name: &Option<EnvironmentName>| name.as_ref().map_or("-".into(), ToString::to_string);
                    let rows: Vec<Vec<String>> =
                        environments.iter().map(|e| vec![e.name.to_string(), parent(&e.parent)]).collect();
                    output::table(&["NAME", "PARENT"], &rows)?;
                }
            }
            Action::Add { name, parent } => {
                let made = desk.add_environment(project, name, parent)?;
                if context.global.json {
                    output::json(&serde_json::json!({ "environment": made }))?;
                    return Ok(Exit::Done);
                }
                output::note(format!("environment `{}` is added", made.name));
            }
            Action::Remove { name, yes } => {
                context.confirm(yes, &format!("remove environment `{project}/{name}` and what it holds for ever?"))?;
                let n = desk.remove_environment(Where { project, environment: name.clone() }, true)?;
                if context.global.json {
                    output::json(&serde_json::json!({ "deleted": name, "secrets": n }))?;
                    return Ok(Exit::Done);
                }
                output::note(format!("environment `{name}` is gone with {}", shown::counted(n, "secret")));
            }
        }
        Ok(Exit::Done)
    }
}
