mod kind;

use clap::Subcommand;
use keyward_client::{DriftInfo, Login, Result, TargetInfo};
use keyward_types::SecretName;

use self::kind::Kind;
use super::shown;
use crate::context::Context;
use crate::output::{self, Exit};

/// Where new values are deployed to: `.env` files, programs, Vault, Kubernetes, GitHub, the clouds
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: keyward target add env-file web --path .env --secret SESSION_SECRET -e production")]
pub(crate) struct Args {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
#[expect(clippy::large_enum_variant, reason = "there is one, parsed once")]
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
                target.proof.clone(),
                required.to_owned(),
                shown::day(target.created_at),
            ]
        })
        .collect();
    output::table(&["SECRET", "TARGET", "KIND", "WHERE", "PROOF", "", "SINCE"], &rows)
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
