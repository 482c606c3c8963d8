use std::io::IsTerminal;

use keyward_client::{Disclosed, Failure, Purpose, Result, Selection};
use keyward_types::{SecretName, Version};

use crate::context::Context;
use crate::output::{self, Exit};

/// Write a value to a pipe, exactly as it was stored
///
/// With `--json` one object of it and what it is: `value` where it is text, else `value_base64`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: keyward get TLS_KEY -e staging | openssl pkey -noout -text")]
pub(crate) struct Args {
    /// The secret
    name: SecretName,
    /// An older version
    #[arg(long, value_name = "N")]
    version: Option<Version>,
    /// Show it on a terminal too
    #[arg(long)]
    reveal: bool,
}

impl Args {
    pub(crate) fn run(self, context: &Context) -> Result<Exit> {
        output::must_be_open()?;
        let connection = context.connect_keeping(true)?;
        let place = context.place(&connection)?;
        let desk = connection.desk();
        let to_terminal = std::io::stdout().is_terminal();
        if to_terminal && !self.reveal {
            // Asked before it is opened, so that nothing is disclosed for nothing.
            let known = desk.show(place.at.clone(), self.name.clone())?;
            if known.secret.kind.is_secret() {
                return Err(Failure::usage(format!("`{}` is a secret, and this is a terminal", self.name))
                    .hint("pipe it to a program, or add `--reveal`; `keyward copy` brings it to the clipboard"));
            }
        }
        let selection = match self.version {
            Some(version) => Selection::Version(self.name, version),
            None => Selection::Names(vec![self.name]),
        };
        let values = desk.read(place.at, selection, Purpose::Read)?;
        if context.global.json {
            let value = values.first().ok_or_else(|| Failure::internal("nothing was read"))?;
            output::json(&as_json(value))?;
            return Ok(Exit::Done);
        }
        for value in &values {
            output::bytes(value.value.expose())?;
        }
        if to_terminal {
            output::line("")?;
        }
        Ok(Exit::Done)
    }
}

/// As the API answers: `value` when it is text, else `value_base64`.
fn as_json(read: &Disclosed) -> serde_json::Value {
    let mut shown = serde_json::json!({
        "name": read.name, "version": read.version, "kind": read.kind, "environment": read.environment,
    });
    match std::str::from_utf8(read.value.expose()) {
        Ok(text) => shown["value"] = text.into(),
        Err(_) => shown["value_base64"] = data_encoding::BASE64.encode(read.value.expose()).into(),
    }
    shown
}
