use std::path::{Path, PathBuf};

use clap::Subcommand;
use keyward_client::{
    Code, DraftInfo, Failure, Login, PolicyInfo, QuestionInfo, ROLES_TEXT, Result, SCHEMA_TEXT, VerdictInfo,
};
use keyward_types::{EnvironmentName, Operation, ProjectName, SecretName};

use crate::commands::shown;
use crate::context::Context;
use crate::output::{self, Exit};

/// Policies of your own, in Cedar, beside the roles: what one forbids is forbidden
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: keyward policy put no-payroll no-payroll.cedar")]
pub(crate) struct Args {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// List policies
    #[command(after_help = "Example: keyward policy list")]
    List,
    /// Print a policy
    #[command(after_help = "Example: keyward policy show no-payroll")]
    Show {
        /// Which
        name: Login,
    },
    /// Write a policy; it counts from the next decision on
    #[command(after_help = "Example: keyward policy put no-payroll no-payroll.cedar")]
    Put {
        /// What it is called: lower case
        name: Login,
        /// The file with it
        file: PathBuf,
        /// Keep it without letting it count
        #[arg(long)]
        disabled: bool,
    },
    /// Ask what would be decided, and by which policy; exit 1: denied
    #[command(after_help = "Example: keyward policy test ada read shop/production/DB_URL --with draft.cedar")]
    Test {
        /// Who would do it
        login: Login,
        /// read, use, sign, match, write, administer or list
        operation: Operation,
        /// PROJECT, PROJECT/ENVIRONMENT or PROJECT/ENVIRONMENT/NAME; default: the vault itself
        path: Option<String>,
        /// As if this policy were there already
        #[arg(long = "with", value_name = "FILE")]
        draft: Option<PathBuf>,
        /// What the draft is called; one of this name counts no more then
        #[arg(long, value_name = "NAME", default_value = "draft", requires = "draft")]
        name: Login,
    },
    /// Delete a policy
    #[command(after_help = "Example: keyward policy delete no-payroll --yes")]
    Delete {
        /// Which
        name: Login,
        /// Without asking
        #[arg(long)]
        yes: bool,
    },
    /// Print what policies can speak of
    #[command(after_help = "Example: keyward policy schema --roles")]
    Schema {
        /// What the roles allow instead
        #[arg(long)]
        roles: bool,
    },
}

impl Args {
    pub(crate) fn run(self, context: &Context) -> Result<Exit> {
        if let Verb::Schema { roles } = self.verb {
            let (name, text) = if roles { ("roles", ROLES_TEXT) } else { ("schema", SCHEMA_TEXT) };
            match context.global.json {
                true => output::json(&serde_json::json!({ name: text }))?,
                false => output::bytes(text.as_bytes())?,
            }
            return Ok(Exit::Done);
        }
        let connection = context.connect()?;
        let desk = connection.desk();
        match self.verb {
            Verb::List => list(context, &desk.policies()?)?,
            Verb::Show { name } => {
                let found = desk.policies()?.into_iter().find(|policy| policy.name == name);
                let found = found.ok_or_else(|| {
                    Failure::new(Code::NotFound, format!("there is no policy `{name}`"))
                        .hint("`keyward policy list` shows what there is")
                })?;
                match context.global.json {
                    true => output::json(&serde_json::json!({ "policy": found }))?,
                    false => output::bytes(found.text.as_bytes())?,
                }
            }
            Verb::Put { name, file, disabled } => {
                let warnings = desk.put_policy(name.clone(), read(&file)?, !disabled)?;
                for warning in &warnings {
                    output::note(format!("warning: {warning}"));
                }
                if context.global.json {
                    output::json(&serde_json::json!({ "policy": name, "counts": !disabled, "warnings": warnings }))?;
                    return Ok(Exit::Done);
                }
                let counts = if disabled { "is kept and does not count" } else { "counts from now on" };
                output::note(format!("policy `{name}` {counts}"));
            }
            Verb::Test { login, operation, path, draft, name } => {
                let draft = draft.map(|file| read(&file).map(|text| DraftInfo { name, text })).transpose()?;
                let (project, environment, secret) = parts(path.as_deref())?;
                let question = QuestionInfo { account: login, operation, project, environment, secret, draft };
                return verdict(context, &desk.test_policy(question)?);
            }
            Verb::Delete { name, yes } => {
                context.confirm(yes, &format!("delete policy `{name}`?"))?;
                let gone = desk.delete_policy(name)?;
                match context.global.json {
                    true => output::json(&serde_json::json!({ "deleted": gone.name }))?,
                    false => output::note(format!("policy `{}` is gone", gone.name)),
                }
            }
            Verb::Schema { .. } => {}
        }
        Ok(Exit::Done)
    }
}

fn read(file: &Path) -> Result<String> {
    std::fs::read_to_string(file).map_err(|error| Failure::file("read", file, &error))
}

type Parts = (Option<ProjectName>, Option<EnvironmentName>, Option<SecretName>);

fn parts(path: Option<&str>) -> Result<Parts> {
    let wrong = |error: keyward_types::Error| Failure::usage(error.to_string());
    let Some(path) = path else { return Ok((None, None, None)) };
    let mut parts = path.splitn(3, '/');
    let project = parts.next().map(str::parse).transpose().map_err(wrong)?;
    let environment = parts.next().map(str::parse).transpose().map_err(wrong)?;
    let secret = parts.next().map(str::parse).transpose().map_err(wrong)?;
    Ok((project, environment, secret))
}

fn verdict(context: &Context, verdict: &VerdictInfo) -> Result<Exit> {
    if context.global.json {
        output::json(&serde_json::json!({ "verdict": verdict }))?;
    } else {
        let by: Vec<String> = verdict
            .deciding
            .iter()
            .map(|one| match one.of_role {
                true => format!("the role's policy `{}`", one.name),
                false => format!("`{}`", one.name),
            })
            .collect();
        let why = match by.is_empty() {
            true => "nothing permits it".to_owned(),
            false => format!("decided by {}", by.join(", ")),
        };
        output::lines(format!("{}: {why}", if verdict.allowed { "allowed" } else { "denied" }))?;
    }
    Ok(if verdict.allowed { Exit::Done } else { Exit::No })
}

fn list(context: &Context, policies: &[PolicyInfo]) -> Result<()> {
    if context.global.json {
        return output::listing("policies", policies);
    }
    let rows: Vec<Vec<String>> = policies
        .iter()
        .map(|policy| {
            let state = if policy.enabled { "counts" } else { "disabled" };
            vec![policy.name.to_string(), state.into(), shown::day(policy.changed_at), policy.changed_by.clone()]
        })
        .collect();
    output::table(&["NAME", "STATE", "CHANGED", "BY"], &rows)
}
