use keyward_client::{Failure, Result, StoreAddress};

use crate::commands::shown;
use crate::context::Context;
use crate::output::{self, Exit};

/// The store beneath the vault
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: keyward store accept")]
pub(crate) struct Args {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, clap::Subcommand)]
enum Verb {
    /// End safe mode, after you have looked at the vault
    #[command(after_help = "Example: keyward store accept --reason 'restored after the disk failed'")]
    Accept,
    /// Move the vault to another engine, with its whole log, and verify both sides
    #[command(after_help = "Example: keyward store migrate --to 'postgres://keyward@db.example/vaults'")]
    Migrate {
        /// An empty store: the whole path of a file that does not exist, or postgres://USER@HOST/DATABASE?schema=NAME
        #[arg(long, value_name = "ADDRESS")]
        to: String,
        /// Where the vault is, if it is not the local one
        #[arg(long, value_name = "ADDRESS")]
        from: Option<String>,
    },
}

impl Args {
    pub(crate) fn run(self, context: &Context) -> Result<Exit> {
        match self.verb {
            Verb::Accept => accept(context),
            Verb::Migrate { to, from } => migrate(context, from.as_deref(), &to),
        }
    }
}

fn accept(context: &Context) -> Result<Exit> {
    let connection = context.connect()?;
    let desk = connection.desk();
    let before = desk.status()?;
    desk.accept()?;
    if context.global.json {
        output::json(&desk.status()?)?;
        return Ok(Exit::Done);
    }
    let why = before.safe_mode.unwrap_or_default();
    output::note(format!("safe mode is over; its reason was: {why}"));
    output::note(format!("the vault is accepted as it is, with {} entries in its log", before.log_size));
    Ok(Exit::Done)
}

fn migrate(context: &Context, from: Option<&str>, to: &str) -> Result<Exit> {
    let (home, password) = (context.home()?, context.config.database_password());
    let from = from.map(|text| StoreAddress::parse(text, password)).transpose()?;
    let to = StoreAddress::parse_new(to, password, &home)?;
    let moved = home.migrate(from.as_ref(), &to, context, &context.occasion()).map_err(local_hint)?;
    if context.global.json {
        output::json(&serde_json::json!({
            "vault": moved.vault, "entries": moved.entries, "records": moved.records,
            "to": to.to_string(), "aside": moved.aside,
        }))?;
        return Ok(Exit::Done);
    }
    let entries = shown::counted(moved.entries, "entry").replace("entrys", "entries");
    let records = shown::counted(moved.records, "record");
    output::note(format!(
        "moved vault {} to `{to}`: {entries} of the log and {records}, verified on both sides",
        moved.vault
    ));
    if let Some(aside) = &moved.aside {
        output::note(format!("the old store is now `{}`; keep it until you trust the new one", aside.display()));
    }
    if let Some(from) = &from {
        output::note(format!("warning: `{from}` still holds the vault as it was: nothing may use it any more"));
        output::hint("stop its servers now; take it away once you trust the new one");
    }
    match &to {
        StoreAddress::File(path) if *path == home.database() => {
            output::note("the commands of this machine use it from now on");
        }
        _ => output::hint(
            "a server uses it by the same `address` in the `[store]` of its configuration; the commands of this machine reach it through that server",
        ),
    }
    Ok(Exit::Done)
}

/// An agent or a server that holds the vault goes on writing to it.
fn local_hint(failure: Failure) -> Failure {
    match (&failure.code, &failure.hint) {
        (keyward_client::Code::Locked, None) => failure.hint("stop what uses the vault, then again"),
        _ => failure,
    }
}
