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
        /// An empty store: a file that does not exist, or postgres://USER@HOST/DATABASE?schema=NAME
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
    let address = |text| StoreAddress::parse(text, context.config.database_password());
    let (from, to) = (from.map(address).transpose()?, address(to)?);
    let moved = context.home()?.migrate(from.as_ref(), &to, context, &context.occasion()).map_err(local_hint)?;
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
    Ok(Exit::Done)
}

/// An agent or a server that holds the vault goes on writing to it.
fn local_hint(failure: Failure) -> Failure {
    match (&failure.code, &failure.hint) {
        (keyward_client::Code::Locked, None) => failure.hint("stop what uses the vault, then again"),
        _ => failure,
    }
}
