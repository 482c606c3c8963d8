use clap::Subcommand;
use keyward_client::{KeptPlace, Result, ServerUrl};
use serde::Serialize;

use crate::commands::shown;
use crate::context::Context;
use crate::output::{self, Exit};

/// Show or remove what is kept here of servers' values, for when they are not reached
///
/// Values are kept only of environments that allow it (`keyward environment edit --offline-for`), for
/// the token or session that read them, sealed, and end by themselves.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: keyward cache list")]
pub(crate) struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Show of which environments something is kept, since when and until when; no values
    #[command(after_help = "Example: keyward cache list --json")]
    List,
    /// Remove all of it, or what is kept of the server that `--server` names
    #[command(after_help = "Example: keyward cache clear")]
    Clear,
}

/// What is kept of one environment, or of a server for somebody else.
#[derive(Serialize)]
struct Line {
    server: String,
    project: Option<String>,
    environment: Option<String>,
    values: Option<u64>,
    read_at: Option<String>,
    until: Option<String>,
}

impl Args {
    pub(crate) fn run(self, context: &Context) -> Result<Exit> {
        match self.action {
            Action::List => list(context),
            Action::Clear => clear(context),
        }
    }
}

fn list(context: &Context) -> Result<Exit> {
    let mut lines = Vec::new();
    for (server, _) in context.home()?.kept_offline()? {
        lines.extend(lines_of(context, &server)?);
    }
    if context.global.json {
        output::listing("cache", &lines)?;
        return Ok(Exit::Done);
    }
    let text = |value: &Option<String>| value.clone().unwrap_or_else(|| "-".into());
    let row = |line: Line| {
        let place = line.project.as_ref().zip(line.environment.as_ref()).map(|(p, e)| format!("{p}/{e}"));
        let place = place.unwrap_or_else(|| "of another token or session".into());
        let values = line.values.map(|values| values.to_string());
        vec![line.server, place, text(&values), text(&line.read_at), text(&line.until)]
    };
    let rows: Vec<Vec<String>> = lines.into_iter().map(row).collect();
    output::table(&["SERVER", "ENVIRONMENT", "VALUES", "READ", "UNTIL"], &rows)?;
    Ok(Exit::Done)
}

/// What the token or session at hand opens.
fn lines_of(context: &Context, server: &str) -> Result<Vec<Line>> {
    let somebodys =
        Line { server: server.to_owned(), project: None, environment: None, values: None, read_at: None, until: None };
    let Ok(url) = server.parse::<ServerUrl>() else { return Ok(vec![somebodys]) };
    let kept = context.kept_of(&url, false)?;
    let Some(places) = kept.map(|kept| kept.places()).transpose()?.flatten() else { return Ok(vec![somebodys]) };
    let line = |KeptPlace { at, values, read, until }: KeptPlace| Line {
        server: server.to_owned(),
        project: Some(at.project.to_string()),
        environment: Some(at.environment.to_string()),
        values: Some(values),
        read_at: Some(read.to_string()),
        until: Some(until.to_string()),
    };
    Ok(places.into_iter().map(line).collect())
}

fn clear(context: &Context) -> Result<Exit> {
    let home = context.home()?;
    let named = context.global.server.as_ref().map(|server| home.offline_file(server));
    let mut gone = 0;
    for (_, path) in home.kept_offline()? {
        if named.as_ref().is_none_or(|named| *named == path) {
            std::fs::remove_file(&path).map_err(|error| keyward_client::Failure::file("remove", &path, &error))?;
            gone += 1;
        }
    }
    match gone {
        0 => output::note("nothing is kept offline"),
        gone => output::note(format!("what was kept offline of {} is gone", shown::counted(gone, "server"))),
    }
    Ok(Exit::Done)
}
