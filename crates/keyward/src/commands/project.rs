use clap::Subcommand;
use keyward_client::{Connection, Desk, Failure, Network, ProjectInfo, Result, ServerUrl};
use keyward_types::{EnvironmentName, ProjectName};

use crate::address::Address;
use crate::commands::shown;
use crate::context::Context;
use crate::output::{self, Exit};
use crate::{folder, transfer};

/// List, make, change and delete projects; take one to a server or from it
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
    /// Show one project: its environments, and from where it may be used
    #[command(after_help = "Example: keyward project show shop")]
    Show {
        /// Its name
        name: ProjectName,
    },
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
    /// Set from where a project may be used: its values and all that is known of them
    ///
    /// Members of a server's vault are held to it, owners too, whatever token or session they come with.
    /// Whoever opens the vault itself on its machine is not.
    #[command(after_help = "Example: keyward project edit shop --network 10.0.0.0/8 --network 2001:db8::/32")]
    Edit {
        /// Its name
        name: ProjectName,
        /// A network from which it may be used; the ones that are named replace those before
        #[arg(long = "network", value_name = "CIDR", required_unless_present = "no_networks")]
        networks: Vec<Network>,
        /// From everywhere again
        #[arg(long, conflicts_with = "networks")]
        no_networks: bool,
        /// Also where you are in none of them yourself
        #[arg(long)]
        force: bool,
    },
    /// Take the project of `-p`, or of this folder, from this machine's vault to a server
    ///
    /// Every environment, version and its metadata; all values are compared when they are there. The
    /// folder belongs to the server then; the copy on this machine stays until you delete it.
    #[command(after_help = "Example: keyward project push https://keyward.example -p shop")]
    Push {
        /// The server; default: `--server` or KEYWARD_ADDR
        #[arg(value_name = "ADDR", value_parser = Address)]
        to: Option<ServerUrl>,
    },
    /// Take the project of `-p`, or of this folder, from a server to this machine's vault
    #[command(after_help = "Example: keyward project pull https://keyward.example -p shop")]
    Pull {
        /// The server; default: `--server`, KEYWARD_ADDR or the one that this folder belongs to
        #[arg(value_name = "ADDR", value_parser = Address)]
        from: Option<ServerUrl>,
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
        match self.action {
            Action::Push { to } => return push(context, to),
            Action::Pull { from } => return pull(context, from),
            _ => {}
        }
        let connection = context.connect()?;
        let desk = connection.desk();
        match self.action {
            Action::List => {
                let projects = desk.projects()?;
                if context.global.json {
                    output::listing("projects", &projects)?;
                } else {
                    table(&projects)?;
                }
            }
            Action::Show { name } => {
                let project = desk.project(name)?;
                if context.global.json {
                    output::json(&project)?;
                } else {
                    table(&[project])?;
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
            Action::Edit { name, networks, no_networks: _, force } => {
                let project = desk.limit_project(name, networks, force)?;
                output::note(match project.networks.is_empty() {
                    true => format!("project `{}` may be used from everywhere", project.name),
                    false => format!("project `{}` may be used from {} alone", project.name, networks_of(&project)),
                });
            }
            Action::Push { .. } | Action::Pull { .. } => {}
            Action::Delete { name, yes } => {
                context.confirm(yes, &format!("delete project `{name}` and shred its values for ever?"))?;
                let n = desk.delete_project(name.clone())?;
                output::note(format!("project `{name}` is gone with {}", shown::counted(n, "secret")));
            }
        }
        Ok(Exit::Done)
    }
}

/// Networks are a column where a project has some.
fn table(projects: &[ProjectInfo]) -> Result<()> {
    let bound = projects.iter().any(|project| !project.networks.is_empty());
    let row = |project: &ProjectInfo| {
        let names: Vec<&str> = project.environments.iter().map(|e| e.name.as_str()).collect();
        let mut row = vec![project.name.to_string(), shown::day(project.created_at), names.join(", ")];
        row.extend(bound.then(|| networks_of(project)));
        row
    };
    let rows: Vec<Vec<String>> = projects.iter().map(row).collect();
    let heads = ["NAME", "MADE", "ENVIRONMENTS", "NETWORKS"];
    output::table(if bound { &heads } else { &heads[..3] }, &rows)
}

fn networks_of(project: &ProjectInfo) -> String {
    match project.networks.is_empty() {
        true => "all".into(),
        false => project.networks.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "),
    }
}

fn push(context: &Context, to: Option<ServerUrl>) -> Result<Exit> {
    let server = named(context, to, "push")?;
    let local = context.local_connection()?;
    let project = context.place(&local)?.at.project;
    let words = transfer::provenance(local.desk(), "push")?;
    let remote = context.desk_at_for(server.clone(), words)?;
    let moved = transfer::copy(local.desk(), &remote, &project)?;
    say(&moved, &format!("`{project}` is at {server} now"));
    // The folder that got the project's secrets from here gets them from there.
    if let Some(here) = folder::Folder::nearest(&context.current)?.filter(|here| here.manifest.project == project)
        && local.desk().untrust(here.key()?)?
    {
        remote.trust(here.key()?, folder::git_origin(&here.path), project.clone())?;
        output::note(format!("`{}` has its secrets from there", here.path.display()));
    }
    output::hint(format!("the copy on this machine stays until `keyward project delete {project} --local`"));
    Ok(Exit::Done)
}

fn pull(context: &Context, from: Option<ServerUrl>) -> Result<Exit> {
    let server = named(context, from, "pull")?;
    let remote = Connection::to_server(context.desk_at(server.clone())?);
    let project = context.place(&remote)?.at.project;
    let words = transfer::provenance(remote.desk(), "pull")?;
    let local = context.local_connection_for(words)?;
    let moved = transfer::copy(remote.desk(), local.desk(), &project)?;
    say(&moved, &format!("`{project}` of {server} is on this machine now"));
    if let Some(here) = folder::Folder::nearest(&context.current)?.filter(|here| here.manifest.project == project)
        && remote.desk().untrust(here.key()?)?
    {
        local.desk().trust(here.key()?, folder::git_origin(&here.path), project.clone())?;
        output::note(format!("`{}` has its secrets from here", here.path.display()));
    }
    output::hint(format!("the server keeps its copy until `keyward project delete {project} --server {server}`"));
    Ok(Exit::Done)
}

/// The server that was named for this, or is named for every command.
fn named(context: &Context, given: Option<ServerUrl>, doing: &str) -> Result<ServerUrl> {
    if let Some(given) = given {
        return Ok(given);
    }
    context.server()?.ok_or_else(|| {
        Failure::usage("no server is named")
            .hint(format!("`keyward project {doing} https://keyward.example` names one"))
    })
}

fn say(moved: &transfer::Moved, what: &str) {
    let (secrets, versions) = (shown::counted(moved.secrets, "secret"), shown::counted(moved.versions, "version"));
    output::note(format!("{what}: {secrets}, {versions}, each compared"));
    if moved.without_value > 0 {
        let left = shown::counted(moved.without_value, "version");
        output::note(format!("{left} stay behind: they are deleted or destroyed, and nothing can be read of them"));
    }
}
