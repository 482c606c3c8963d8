use std::time::Duration;

use clap::Subcommand;
use keyward_client::{GrantInfo, Grantee, Login, Result, Role, RoleBindingInfo, SystemClock};
use keyward_types::{Clock, Timestamp};

use crate::commands::{lasting, shown};
use crate::context::Context;
use crate::output::{self, Exit};

/// Roles: who has which, where, and until when
///
/// owner: everything, and makes other owners. admin: everything else. developer: reads and writes
/// development, reads staging, sees the names of production. operator: applies and replaces values
/// without seeing them. auditor: sees everything but values, and the log. ci: reads and recognises
/// values where it is bound.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: keyward role grant developer ada -p shop")]
pub(crate) struct Args {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// List who has which role where
    #[command(after_help = "Example: keyward role list --json")]
    List,
    /// Give a role: in an environment (-p, -e), in a project (-p), or in the whole vault
    #[command(after_help = "Example: keyward role grant ci shop-ci -p shop -e production")]
    Grant {
        /// owner, admin, developer, operator, auditor or ci
        role: Role,
        /// To whom
        #[arg(required_unless_present = "group")]
        login: Option<Login>,
        /// To a group
        #[arg(long, value_name = "NAME", conflicts_with = "login")]
        group: Option<Login>,
        /// For how long: 45m, 8h, 30d; default: without an end
        #[arg(long = "for", value_name = "TIME", value_parser = |text: &str| lasting::time(text, LONGEST))]
        lasts: Option<Duration>,
    },
    /// Take a role away
    #[command(after_help = "Example: keyward role revoke mfzwi3d2 --yes")]
    Revoke {
        /// Its id, or the beginning of it
        id: String,
        /// Without asking
        #[arg(long)]
        yes: bool,
    },
}

const LONGEST: Duration = Duration::from_secs(3650 * 86400);

impl Args {
    pub(crate) fn run(self, context: &Context) -> Result<Exit> {
        let connection = context.connect()?;
        let desk = connection.desk();
        match self.verb {
            Verb::List => list(context, &desk.role_bindings()?)?,
            Verb::Grant { role, login, group, lasts } => {
                let to = match (login, group) {
                    (_, Some(group)) => Grantee::Group(group),
                    (Some(login), None) => Grantee::Account(login),
                    (None, None) => return Err(keyward_client::Failure::usage("name an account or a `--group`")),
                };
                // Only what was typed counts here: a role must not reach where a variable points.
                let (project, environment) = (context.global.project.clone(), context.global.environment.clone());
                let grant = GrantInfo { to, role, project, environment, until: lasts.map(until) };
                said(context, &desk.grant_role(grant)?, "has")?;
            }
            Verb::Revoke { id, yes } => {
                let bindings = desk.role_bindings()?;
                let binding = shown::by_id(&bindings, &id, "role binding", |binding| &binding.id)?;
                context.confirm(
                    yes,
                    &format!("take the role {} {} from `{}`?", binding.role, place(binding), who(binding)),
                )?;
                said(context, &desk.revoke_role(binding.id.clone())?, "has no longer")?;
            }
        }
        Ok(Exit::Done)
    }
}

/// The moment when something that lasts so long ends.
pub(super) fn until(lasts: Duration) -> Timestamp {
    Timestamp(SystemClock.now().0.saturating_add(i64::try_from(lasts.as_millis()).unwrap_or(i64::MAX)))
}

fn said(context: &Context, binding: &RoleBindingInfo, has: &str) -> Result<()> {
    if context.global.json {
        return output::json(&serde_json::json!({ "role": binding }));
    }
    output::note(format!("`{}` {has} the role {} {}", who(binding), binding.role, place(binding)));
    Ok(())
}

fn who(binding: &RoleBindingInfo) -> &str {
    binding.account.as_deref().or(binding.group.as_deref()).unwrap_or("?")
}

fn place(binding: &RoleBindingInfo) -> String {
    match (&binding.project, &binding.environment) {
        (None, _) => "in the whole vault".to_owned(),
        (Some(project), None) => format!("in {project}"),
        (Some(project), Some(environment)) => format!("in {project}/{environment}"),
    }
}

fn list(context: &Context, bindings: &[RoleBindingInfo]) -> Result<()> {
    if context.global.json {
        return output::listing("roles", bindings);
    }
    let rows: Vec<Vec<String>> = bindings.iter().map(row).collect();
    output::table(&["ID", "WHO", "ROLE", "WHERE", "UNTIL", "GIVEN BY"], &rows)
}

fn row(binding: &RoleBindingInfo) -> Vec<String> {
    let who = match &binding.group {
        Some(group) => format!("group {group}"),
        None => who(binding).to_owned(),
    };
    let until = binding.until.map_or("always".to_owned(), shown::moment);
    let id = binding.id.chars().take(8).collect();
    vec![id, who, binding.role.to_string(), place(binding), until, binding.granted_by.clone()]
}
