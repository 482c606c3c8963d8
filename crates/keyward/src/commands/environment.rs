use std::time::Duration;

use clap::Subcommand;
use keyward_client::{EnvironmentInfo, Failure, Result, Where};
use keyward_types::EnvironmentName;

use crate::commands::{lasting, shown};
use crate::context::Context;
use crate::output::{self, Exit};

/// List, add, change and remove environments of a project
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
    /// Set for how long values of an environment may be kept for when its server is not reached
    ///
    /// `run` and `get` then work for that time without the server, on machines where they worked with it
    /// before. What is kept is sealed, belongs to the token or session that read it, and ends by itself.
    #[command(after_help = "Example: keyward environment edit development --offline-for 8h")]
    Edit {
        /// Its name
        name: EnvironmentName,
        /// For how long (8h, 1d), counted from each read
        #[arg(long, value_name = "TIME", value_parser = |text: &str| lasting::time(text, LONGEST), required_unless_present = "no_offline")]
        offline_for: Option<Duration>,
        /// Not at all, which is the default
        #[arg(long, conflicts_with = "offline_for")]
        no_offline: bool,
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
                    // A column only where something is to be told in it.
                    let offline = environments.iter().any(|e| e.offline_seconds.is_some());
                    let row = |e: &EnvironmentInfo| {
                        let mut row = vec![e.name.to_string(), parent(&e.parent)];
                        row.extend(offline.then(|| kept_for(e)));
                        row
                    };
                    let rows: Vec<Vec<String>> = environments.iter().map(row).collect();
                    let heads = ["NAME", "PARENT", "OFFLINE"];
                    output::table(if offline { &heads } else { &heads[..2] }, &rows)?;
                }
            }
            Action::Add { name, parent } => {
                let made = desk.add_environment(project, name, parent)?;
                output::note(format!("environment `{}` is added", made.name));
            }
            Action::Edit { name, offline_for, no_offline: _ } => {
                let seconds = offline_for.map(|time| u32::try_from(time.as_secs()).unwrap_or(u32::MAX));
                let changed = desk.keep_offline(Where { project, environment: name }, seconds)?;
                let name = &changed.name;
                output::note(match changed.offline_seconds {
                    None => format!("nothing of `{name}` is kept offline from now on"),
                    Some(_) => format!("values of `{name}` may be kept offline for {}", kept_for(&changed)),
                });
            }
            Action::Remove { name, yes } => {
                context.confirm(yes, &format!("remove environment `{project}/{name}` and what it holds for ever?"))?;
                let n = desk.remove_environment(Where { project, environment: name.clone() }, true)?;
                output::note(format!("environment `{name}` is gone with {}", shown::counted(n, "secret")));
            }
        }
        Ok(Exit::Done)
    }
}

/// As long as a server takes it.
const LONGEST: Duration = Duration::from_secs(30 * 24 * 60 * 60);

fn kept_for(environment: &EnvironmentInfo) -> String {
    let time = environment.offline_seconds.map(|seconds| Duration::from_secs(seconds.into()));
    time.map_or_else(|| "-".into(), lasting::spoken)
}
