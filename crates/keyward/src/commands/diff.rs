use std::collections::BTreeMap;

use keyward_client::{Result, SecretInfo, Where};
use keyward_types::{EnvironmentName, SecretName};
use serde::Serialize;

use crate::commands::shown;
use crate::context::Context;
use crate::output::{self, Exit};

/// Compare two environments by names, kinds, providers, expiry and fingerprints; nothing is opened
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: keyward diff staging production")]
pub(crate) struct Args {
    /// One side
    a: EnvironmentName,
    /// The other side
    b: EnvironmentName,
}

/// One difference, or one likeness that should not be.
#[derive(Debug, PartialEq, Serialize)]
struct Difference {
    name: SecretName,
    what: &'static str,
    a: Option<String>,
    b: Option<String>,
}

impl Args {
    pub(crate) fn run(self, context: &Context) -> Result<Exit> {
        let connection = context.connect()?;
        let project = context.place(&connection)?.at.project;
        let side = |environment: &EnvironmentName| {
            let at = Where { project: project.clone(), environment: environment.clone() };
            connection.desk().list(at).map(by_name)
        };
        let differences = compare(&side(&self.a)?, &side(&self.b)?);
        if context.global.json {
            output::listing("differences", &differences)?;
        } else if differences.is_empty() {
            output::note(format!("`{}` and `{}` have the same names, kinds and providers", self.a, self.b));
        } else {
            let cell = |side: &Option<String>| side.clone().unwrap_or_else(|| "-".into());
            let rows: Vec<Vec<String>> = differences
                .iter()
                .map(|one| vec![one.name.to_string(), one.what.to_owned(), cell(&one.a), cell(&one.b)])
                .collect();
            output::table(&["NAME", "DIFFERS IN", self.a.as_str(), self.b.as_str()], &rows)?;
        }
        Ok(if differences.is_empty() { Exit::Done } else { Exit::No })
    }
}

fn by_name(secrets: Vec<SecretInfo>) -> BTreeMap<SecretName, SecretInfo> {
    let present = secrets.into_iter().filter(|secret| secret.version.is_some());
    present.map(|secret| (secret.name.clone(), secret)).collect()
}

fn compare(a: &BTreeMap<SecretName, SecretInfo>, b: &BTreeMap<SecretName, SecretInfo>) -> Vec<Difference> {
    let mut names: Vec<&SecretName> = a.keys().chain(b.keys()).collect();
    names.sort();
    names.dedup();
    let mut differences = Vec::new();
    for name in names {
        let mut add = |what, a: Option<String>, b: Option<String>| {
            differences.push(Difference { name: name.clone(), what, a, b });
        };
        match (a.get(name), b.get(name)) {
            (Some(_), None) => add("presence", Some("present".into()), Some("missing".into())),
            (None, Some(_)) => add("presence", Some("missing".into()), Some("present".into())),
            (Some(left), Some(right)) => {
                if left.kind != right.kind {
                    add("kind", Some(left.kind.to_string()), Some(right.kind.to_string()));
                }
                if left.provider != right.provider {
                    add("provider", left.provider.clone(), right.provider.clone());
                }
                if left.expires_at != right.expires_at {
                    add("expiry", left.expires_at.map(shown::day), right.expires_at.map(shown::day));
                }
                if left.same.is_some() && left.same == right.same {
                    add("nothing: the same secret value", Some("equal".into()), Some("equal".into()));
                }
            }
            (None, None) => {}
        }
    }
    differences
}
