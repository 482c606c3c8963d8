use std::borrow::Cow;
use std::collections::BTreeMap;

use keyward_client::{Connection, EnvironmentInfo, LineInfo, Result, SecretInfo, Where};
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
        if context.global.json {
            output::listing("secrets", &present(connection.desk().list(place.at)?))?;
            return Ok(Exit::Done);
        }
        let lines = connection.desk().lines(place.at)?;
        let rows: Vec<_> = lines.iter().map(row).collect();
        output::table(&["NAME", "KIND", "VERSION", "WRITTEN", "EXPIRES", "PROVIDER"], &rows)?;
        Ok(Exit::Done)
    }
}

/// What is deleted is not listed; `history` still shows it.
fn present(secrets: Vec<SecretInfo>) -> Vec<SecretInfo> {
    secrets.into_iter().filter(|secret| secret.version.is_some()).collect()
}

fn row(line: &LineInfo) -> [Cow<'_, str>; 6] {
    [
        line.name.as_str().into(),
        line.kind.as_str().into(),
        line.version.to_string().into(),
        shown::day(line.written).into(),
        line.expires_at.map_or("-".into(), |moment| shown::day(moment).into()),
        line.provider.as_deref().unwrap_or("-").into(),
    ]
}

fn all(context: &Context, connection: &Connection, place: &Place) -> Result<Exit> {
    let desk = connection.desk();
    let projects = desk.projects()?;
    let environments = projects.into_iter().find(|project| project.name == place.at.project);
    let environments = environments.map(|project| project.environments).unwrap_or_default();
    let at = |environment: &EnvironmentInfo| Where { environment: environment.name.clone(), ..place.at.clone() };
    if context.global.json {
        let mut secrets = Vec::new();
        for environment in &environments {
            secrets.extend(present(desk.list(at(environment))?));
        }
        // By name, and of one name in the order of environments.
        secrets.sort_by(|a, b| a.name.cmp(&b.name));
        output::listing("secrets", &secrets)?;
        return Ok(Exit::Done);
    }
    let mut by_name: BTreeMap<SecretName, Vec<Option<LineInfo>>> = BTreeMap::new();
    for (i, environment) in environments.iter().enumerate() {
        for line in desk.lines(at(environment))? {
            let row = by_name.entry(line.name.clone()).or_insert_with(|| vec![None; environments.len()]);
            row[i] = Some(line);
        }
    }
    let mut head = vec!["NAME", "KIND"];
    head.extend(environments.iter().map(|environment| environment.name.as_str()));
    let rows: Vec<Vec<String>> = by_name
        .iter()
        .map(|(name, cells)| {
            let kind = cells.iter().flatten().next().map_or_else(String::new, |line| line.kind.to_string());
            let versions =
                cells.iter().map(|cell| cell.as_ref().map_or_else(|| "-".into(), |line| line.version.to_string()));
            [name.to_string(), kind].into_iter().chain(versions).collect()
        })
        .collect();
    output::table(&head, &rows)?;
    Ok(Exit::Done)
}
