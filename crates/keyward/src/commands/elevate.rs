use std::time::Duration;

use clap::Subcommand;
use keyward_client::{ElevationAsk, ElevationInfo, Failure, Result, Role};

use crate::commands::{lasting, shown};
use crate::context::Context;
use crate::output::{self, Exit};

/// More rights for a while: asked for, and given by a second person
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example: keyward elevate request operator -p shop -e production --for 2h --reason \"ticket 4711\""
)]
pub(crate) struct Args {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Ask for a role for some time; says why with --reason
    #[command(after_help = "Example: keyward elevate request operator -p shop --for 2h --reason \"ticket 4711\"")]
    Request {
        /// admin, developer, operator, auditor or ci
        role: Role,
        /// For how long: 45m, 8h
        #[arg(long = "for", value_name = "TIME", default_value = "1h", value_parser = |text: &str| lasting::time(text, LONGEST))]
        lasts: Duration,
    },
    /// Give what somebody else asked for
    #[command(after_help = "Example: keyward elevate approve mfzwi3d2")]
    Approve {
        /// The request's id, or the beginning of it
        id: String,
    },
    /// Refuse what somebody else asked for
    #[command(after_help = "Example: keyward elevate deny mfzwi3d2")]
    Deny {
        /// The request's id, or the beginning of it
        id: String,
    },
    /// List requests and what became of them
    #[command(after_help = "Example: keyward elevate list --json")]
    List,
}

const LONGEST: Duration = Duration::from_secs(86400);

impl Args {
    pub(crate) fn run(self, context: &Context) -> Result<Exit> {
        let connection = context.connect()?;
        let desk = connection.desk();
        match self.verb {
            Verb::Request { role, lasts } => {
                said(context, &desk.request_elevation(ask(context, Some(role), lasts)?)?)?;
            }
            Verb::Approve { id } => said(context, &desk.approve_elevation(full_id(&desk.elevations()?, &id)?)?)?,
            Verb::Deny { id } => said(context, &desk.deny_elevation(full_id(&desk.elevations()?, &id)?)?)?,
            Verb::List => list(context, &desk.elevations()?)?,
        }
        Ok(Exit::Done)
    }
}

/// What is asked for, with what the flags say. Nothing is taken from variables or the folder.
pub(super) fn ask(context: &Context, role: Option<Role>, lasts: Duration) -> Result<ElevationAsk> {
    let reason = context.global.reason.clone();
    let reason =
        reason.ok_or_else(|| Failure::usage("nothing is given without a reason").hint("add `--reason TEXT`"))?;
    let (project, environment) = (context.global.project.clone(), context.global.environment.clone());
    let seconds = u32::try_from(lasts.as_secs()).unwrap_or(u32::MAX);
    Ok(ElevationAsk { role, project, environment, seconds, reason })
}

/// What became of it.
pub(super) fn said(context: &Context, one: &ElevationInfo) -> Result<()> {
    if context.global.json {
        return output::json(&serde_json::json!({ "elevation": one }));
    }
    let what = format!("the role {} {} for `{}`", one.role, place(one), one.account);
    match one.until {
        Some(until) => output::note(format!("{what}: until {}", shown::moment(until))),
        None => output::note(format!("{what}: {}", one.state)),
    }
    if one.state == "open" {
        output::hint(format!("a second person gives it with `keyward elevate approve {}`", short(one)));
    }
    Ok(())
}

fn full_id(all: &[ElevationInfo], id: &str) -> Result<String> {
    Ok(shown::by_id(all, id, "request", |one| &one.id)?.id.clone())
}

fn short(one: &ElevationInfo) -> String {
    one.id.chars().take(8).collect()
}

fn place(one: &ElevationInfo) -> String {
    match (&one.project, &one.environment) {
        (None, _) => "in the whole vault".to_owned(),
        (Some(project), None) => format!("in {project}"),
        (Some(project), Some(environment)) => format!("in {project}/{environment}"),
    }
}

fn list(context: &Context, all: &[ElevationInfo]) -> Result<()> {
    if context.global.json {
        return output::listing("elevations", all);
    }
    let rows: Vec<Vec<String>> = all.iter().map(row).collect();
    output::table(&["ID", "WHO", "ROLE", "WHERE", "STATE", "ASKED", "UNTIL", "WHY"], &rows)
}

fn row(one: &ElevationInfo) -> Vec<String> {
    vec![
        short(one),
        one.account.clone(),
        one.role.to_string(),
        place(one),
        one.state.clone(),
        shown::moment(one.created_at),
        one.until.map_or("-".to_owned(), shown::moment),
        one.reason.chars().map(|c| if c.is_control() { ' ' } else { c }).collect(),
    ]
}
