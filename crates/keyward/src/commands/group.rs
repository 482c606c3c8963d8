use clap::Subcommand;
use keyward_client::{GroupInfo, Login, Result};

use crate::commands::shown;
use crate::context::Context;
use crate::output::{self, Exit};

/// Groups, which are given roles together
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: keyward group create backend")]
pub(crate) struct Args {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// List groups and who is in them
    #[command(after_help = "Example: keyward group list")]
    List,
    /// Make a group
    #[command(after_help = "Example: keyward group create backend")]
    Create {
        /// What it is called: lower case
        name: Login,
    },
    /// Delete a group with the roles that it gave
    #[command(after_help = "Example: keyward group delete backend --yes")]
    Delete {
        /// Which
        name: Login,
        /// Without asking
        #[arg(long)]
        yes: bool,
    },
    /// Take an account in
    #[command(after_help = "Example: keyward group add backend ada")]
    Add {
        /// Which group
        name: Login,
        /// Whom
        login: Login,
    },
    /// Take an account out
    #[command(after_help = "Example: keyward group remove backend ada")]
    Remove {
        /// Which group
        name: Login,
        /// Whom
        login: Login,
    },
}

impl Args {
    pub(crate) fn run(self, context: &Context) -> Result<Exit> {
        let connection = context.connect()?;
        let desk = connection.desk();
        match self.verb {
            Verb::List => list(context, &desk.groups()?)?,
            Verb::Create { name } => said(context, &desk.create_group(name)?, "is made")?,
            Verb::Delete { name, yes } => {
                context.confirm(yes, &format!("delete group `{name}` with the roles that it gave?"))?;
                said(context, &desk.delete_group(name)?, "is gone")?;
            }
            Verb::Add { name, login } => {
                let what = format!("has `{login}` in it now");
                said(context, &desk.join_group(name, login)?, &what)?;
            }
            Verb::Remove { name, login } => {
                let what = format!("has `{login}` in it no more");
                said(context, &desk.leave_group(name, login)?, &what)?;
            }
        }
        Ok(Exit::Done)
    }
}

fn said(context: &Context, group: &GroupInfo, what: &str) -> Result<()> {
    if context.global.json {
        return output::json(&serde_json::json!({ "group": group }));
    }
    output::note(format!("group `{}` {what}", group.name));
    Ok(())
}

fn list(context: &Context, groups: &[GroupInfo]) -> Result<()> {
    if context.global.json {
        return output::listing("groups", groups);
    }
    let rows: Vec<Vec<String>> = groups
        .iter()
        .map(|group| vec![group.name.to_string(), shown::day(group.created_at), group.members.join(", ")])
        .collect();
    output::table(&["NAME", "SINCE", "MEMBERS"], &rows)
}
