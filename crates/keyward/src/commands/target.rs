use std::path::PathBuf;

use clap::Subcommand;
use keyward_client::{DriftInfo, Failure, Login, NewTargetInfo, Result, TargetInfo, TargetSettings};
use keyward_types::SecretName;

use super::shown;
use crate::context::Context;
use crate::output::{self, Exit};

/// Where new values are deployed to: `.env` files, programs
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: keyward target add env-file web --path .env --secret SESSION_SECRET -e production")]
pub(crate) struct Args {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Add a place that values are deployed to
    #[command(after_help = "Example: keyward target add env-file web --path .env --secret SESSION_SECRET")]
    Add {
        #[command(subcommand)]
        kind: Kind,
    },
    /// List the targets of an environment
    #[command(after_help = "Example: keyward target list -e production --json")]
    List,
    /// Compare what targets have with what they should have; exit 1: one differs
    #[command(after_help = "Example: keyward target drift -e production")]
    Drift,
    /// End a target; what lies there stays there
    #[command(after_help = "Example: keyward target remove web --secret SESSION_SECRET --yes")]
    Remove {
        /// Which
        name: Login,
        /// Of which secret
        #[arg(long)]
        secret: SecretName,
        /// Without asking
        #[arg(long)]
        yes: bool,
    },
}

#[derive(Debug, Subcommand)]
enum Kind {
    /// A variable of a `.env` file: the one line changes, mode and everything else stays
    #[command(after_help = "Example: keyward target add env-file web --path .env --secret SESSION_SECRET")]
    EnvFile {
        #[command(flatten)]
        common: Common,
        /// The file
        #[arg(long)]
        path: PathBuf,
        /// The variable; default: the secret's name
        #[arg(long = "as", value_name = "NAME")]
        variable: Option<String>,
    },
    /// A program, started by no shell, that is given the value on standard input
    #[command(after_help = "Example: keyward target add command api --secret API_KEY -- /usr/local/bin/deploy-key api")]
    Command {
        #[command(flatten)]
        common: Common,
        /// Give it the value in this variable instead
        #[arg(long = "as", value_name = "NAME")]
        variable: Option<String>,
        /// The program's path and its arguments
        #[arg(last = true, required = true, value_name = "PROGRAM")]
        arguments: Vec<String>,
    },
}

#[derive(Debug, clap::Args)]
struct Common {
    /// What it is called: lower case
    name: Login,
    /// Of which secrets, separated by commas
    #[arg(long = "secret", value_delimiter = ',', required = true, value_name = "NAME")]
    secrets: Vec<SecretName>,
    /// A rotation goes on where this one fails
    #[arg(long)]
    optional: bool,
}

impl Args {
    pub(crate) fn run(self, context: &Context) -> Result<Exit> {
        let connection = context.connect()?;
        let place = context.place(&connection)?;
        let desk = connection.desk();
        match self.verb {
            Verb::Add { kind } => {
                let mut added = Vec::new();
                for new in kind.targets(context)? {
                    added.extend(desk.add_target(place.at.clone(), new)?);
                }
                if context.global.json {
                    return output::listing("targets", &added).map(|()| Exit::Done);
                }
                for target in added {
                    output::note(format!(
                        "`{}` goes to `{}` ({}) with its next rotation",
                        target.secret, target.name, target.address
                    ));
                    output::hint(format!(
                        "`keyward rotate {}` replaces it now; `keyward target drift` compares",
                        target.secret
                    ));
                }
            }
            Verb::List => list(context, &desk.targets(place.at)?)?,
            Verb::Drift => return drift(context, &desk.target_drift(place.at)?),
            Verb::Remove { name, secret, yes } => {
                context.confirm(yes, &format!("deploy `{secret}` to `{name}` no more?"))?;
                let gone = desk.remove_target(place.at, secret, name)?;
                match context.global.json {
                    true => output::json(&serde_json::json!({ "target": gone }))?,
                    false => output::note(format!(
                        "`{}` is deployed to `{}` no more; what lies there stays",
                        gone.secret, gone.name
                    )),
                }
            }
        }
        Ok(Exit::Done)
    }
}

impl Kind {
    /// One a secret, as each lies there under a name of its own.
    fn targets(self, context: &Context) -> Result<Vec<NewTargetInfo>> {
        let absolute = |path: PathBuf| {
            let path = context.current.join(path);
            // Links and `..` are followed now, so that it is clear what was meant.
            let folder = path.parent().and_then(|folder| folder.canonicalize().ok());
            match (folder, path.file_name()) {
                (Some(folder), Some(file)) => Ok(folder.join(file)),
                _ => Err(Failure::usage(format!("there is no folder for `{}`", path.display()))),
            }
        };
        let (common, settings): (Common, Box<dyn Fn(&SecretName) -> TargetSettings>) = match self {
            Self::EnvFile { common, path, variable } => {
                if variable.is_some() && common.secrets.len() > 1 {
                    return Err(Failure::usage("`--as` names the variable of one secret, and there are several"));
                }
                let path = absolute(path)?;
                let settings = move |secret: &SecretName| TargetSettings::EnvFile {
                    path: path.clone(),
                    variable: variable.clone().unwrap_or_else(|| secret.to_string()),
                };
                (common, Box::new(settings))
            }
            Self::Command { common, variable, arguments } => {
                let settings = move |_: &SecretName| TargetSettings::Command {
                    arguments: arguments.clone(),
                    variable: variable.clone(),
                };
                (common, Box::new(settings))
            }
        };
        let Common { name, secrets, optional } = common;
        let target = |secret: SecretName| NewTargetInfo {
            name: name.clone(),
            settings: settings(&secret),
            secrets: vec![secret],
            required: !optional,
        };
        Ok(secrets.into_iter().map(target).collect())
    }
}

fn list(context: &Context, targets: &[TargetInfo]) -> Result<()> {
    if context.global.json {
        return output::listing("targets", targets);
    }
    let rows: Vec<Vec<String>> = targets
        .iter()
        .map(|target| {
            let required = if target.required { "required" } else { "optional" };
            let (name, secret) = (target.name.to_string(), target.secret.to_string());
            vec![
                secret,
                name,
                target.kind.clone(),
                target.address.clone(),
                required.to_owned(),
                shown::day(target.created_at),
            ]
        })
        .collect();
    output::table(&["SECRET", "TARGET", "KIND", "WHERE", "", "SINCE"], &rows)
}

fn drift(context: &Context, drifts: &[DriftInfo]) -> Result<Exit> {
    if context.global.json {
        output::listing("target_drift", drifts)?;
    } else {
        let rows: Vec<Vec<String>> = drifts
            .iter()
            .map(|one| {
                let why = one.why.clone().unwrap_or_default();
                vec![one.target.secret.to_string(), one.target.name.to_string(), one.state.clone(), why]
            })
            .collect();
        output::table(&["SECRET", "TARGET", "STATE", ""], &rows)?;
    }
    let drifted = drifts.iter().any(|one| matches!(one.state.as_str(), "differs" | "unreachable"));
    Ok(if drifted { Exit::No } else { Exit::Done })
}
