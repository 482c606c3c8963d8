use std::collections::BTreeMap;

use keyward_client::{Connection, Result, SecretInfo, Where};
use keyward_types::SecretName;

use crate::commands::shown;
use crate::context::{Context, Place};
use crate::output::{self, Exit};

/// List the secrets of an environment; nothing is opened
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: keyward list --all")]
pub(crate) struct Args {
    /// Every environment of the project, as a table of names
    #[arg(long)]
    all: bool,
}

impl Args {
    pub(crate) fn run(self, context: &Context) -> Result<Exit> {
        let connection = context.connect()?;
        let place = context.place(&connection)?;
        if self.all {
            return all(context, &connection, &place);
        }
        let secrets = present(connection.desk().list(place.at)?);
        if context.global.json {
            output::listing("secrets", &secrets)?;
            return Ok(Exit::Done);
        }
        let rows: Vec<Vec<String>> = secrets.iter().map(row).collect();
        output::table(&["NAME", "KIND", "VERSION", "WRITTEN", "EXPIRES", "PROVIDER"], &rows)?;
        // Names and dates: the process ends, and taking thousands of them apart first takes longer than listing them.
        std::mem::forget((rows, secrets));
        Ok(Exit::Done)
    }
}

/// What is deleted is not listed; `history` still shows it.
fn present(secrets: Vec<SecretInfo>) -> Vec<SecretInfo> {
    secrets.into_iter().filter(|secret| secret.version.is_some()).collect()
}

fn row(secret: &SecretInfo) -> Vec<String> {
    vec![
        secret.name.to_string(),
        secret.kind.to_string(),
        shown::version(secret),
        shown::day(secret.created_at),
        secret.expires_at.map_or_else(|| "-".into(), shown::day),
        secret.provider.clone().unwrap_or_else(|| "-".into()),
    ]
}

fn all(context: &Context, connection: &Connection, place: &Place) -> Result<Exit> {
    let desk = connection.desk();
    let projects = desk.projects()?;
    let environments = projects.into_iter().find(|project| project.name == place.at.project);
    let environments = environments.map(|project| project.environments).unwrap_or_default();
    let mut by_name: BTreeMap<SecretName, Vec<Option<SecretInfo>>> = BTreeMap::new();
    for (i, environment) in environments.iter().enumerate() {
        let at = Where { environment: environment.name.clone(), ..place.at.clone() };
        for secret in present(desk.list(at)?) {
            let row = by_name.entry(secret.name.clone()).or_insert_with(|| vec![None; environments.len()]);
            row[i] = Some(secret);
        }
    }
    if context.global.json {
        let secrets: Vec<SecretInfo> = by_name.into_values().flatten().flatten().collect();
        output::listing("secrets", &secrets)?;
        return Ok(Exit::Done);
    }
    let mut head = vec!["NAME", "KIND"];
    head.extend(environments.iter().map(|environment| environment.name.as_str()));
    let rows: Vec<Vec<String>> = by_name
        .iter()
        .map(|(name, cells)| {
            let kind = cells.iter().flatten().next().map_or_else(String::new, |secret| secret.kind.to_string());
            let versions = cells.iter().map(|cell| cell.as_ref().map_or_else(|| "-".into(), shown::version));
            [name.to_string(), kind].into_iter().chain(versions).collect()
        })
        .collect();
    output::table(&head, &rows)?;
    Ok(Exit::Done)
}
