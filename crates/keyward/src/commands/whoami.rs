use keyward_client::{Failure, Result, Running, Signed};

use crate::commands::{logout, shown};
use crate::context::Context;
use crate::output::{self, Exit};

/// Show the vault, who acts, and where this folder belongs
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: keyward whoami")]
pub(crate) struct Args {}

impl Args {
    pub(crate) fn run(self, context: &Context) -> Result<Exit> {
        let connection = context.connect().map_err(|failure| with_servers(context, failure))?;
        let status = connection.desk().status()?;
        let (folder, server, signed) = (context.home()?.folder, context.server()?, context.home()?.signed()?);
        let place = context.place(&connection);
        if context.global.json {
            let signed: Vec<_> = signed.iter().map(shown_signed).collect();
            let (project, environment) = match &place {
                Ok(place) => (Some(place.at.project.as_str()), Some(place.at.environment.as_str())),
                Err(_) => (None, None),
            };
            output::json(&serde_json::json!({
                "place": if server.is_some() { "server" } else { "local" },
                "home": server.is_none().then_some(&folder),
                "server": server.as_ref().map(|server| server.as_str()),
                "project": project, "environment": environment, "vault": status, "signed_in": signed,
            }))?;
            return Ok(Exit::Done);
        }
        let mut lines = vec![
            format!("you      {} ({})", status.name, status.principal),
            match &server {
                Some(server) => format!("place    vault {} at {server}", status.vault),
                None => format!("place    {}", at_home(context, &status.vault.to_string())?),
            },
            format!("log      {}", shown::counted(status.log_size, "entry").replace("entrys", "entries")),
        ];
        match &place {
            Ok(place) => lines.push(format!("project  {}, environment {}", place.at.project, place.at.environment)),
            Err(failure) => lines.push(format!("project  none: {failure}")),
        }
        for slot in &status.slots {
            lines.push(format!("slot     {} `{}` since {}", slot.kind, slot.label, shown::day(slot.created_at)));
        }
        if let Some(why) = &status.safe_mode {
            lines.push(format!("safe     nothing irreversible is done: {why}"));
        }
        for one in &signed {
            lines.push(format!(
                "server   {} as {}, until {} at most",
                one.url,
                one.account,
                shown::day(one.expires_at)
            ));
        }
        output::lines(lines.join("\n"))?;
        Ok(Exit::Done)
    }
}

/// The vault that commands of this machine reach: the one here, or one that a server here keeps elsewhere.
fn at_home(context: &Context, vault: &str) -> Result<String> {
    let home = context.home()?;
    let folder = home.folder.display();
    Ok(match home.agent()? {
        Some(Running { server: Some(server), .. }) if !home.exists() => {
            format!("vault {vault} in another store, which the server at {server} keeps open here")
        }
        _ => format!("local vault {vault} in {folder}"),
    })
}

/// Who has no vault here may be signed in elsewhere.
fn with_servers(context: &Context, failure: Failure) -> Failure {
    let signed = context.home().and_then(|home| home.signed()).unwrap_or_default();
    if signed.is_empty() {
        return failure;
    }
    let said = logout::places(&signed);
    let hint = failure.hint.as_ref().map_or_else(|| said.clone(), |hint| format!("{hint}; {said}"));
    failure.hint(hint)
}

/// Where somebody is signed in; the session itself is shown nowhere.
fn shown_signed(signed: &Signed) -> serde_json::Value {
    serde_json::json!({ "server": signed.url.as_str(), "account": signed.account, "expires_at": signed.expires_at })
}
