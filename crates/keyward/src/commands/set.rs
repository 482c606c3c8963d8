use std::io::{IsTerminal, Read};
use std::path::PathBuf;

use keyward_client::{Bytes, EditInfo, Failure, NewSecret, Result, StoredChange};
use keyward_types::{Access, Kind, SecretName};

use crate::context::Context;
use crate::output::{self, Exit};
use crate::terminal;

/// Store a value: from standard input, a hidden prompt or a file, never from an argument
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: printf %s \"$KEY\" | keyward set OPENAI_API_KEY -e staging")]
pub(crate) struct Args {
    /// The secret
    name: String,
    /// What it is; recognised where it can be
    #[arg(long)]
    kind: Option<Kind>,
    /// The service it belongs to; recognised where it can be
    #[arg(long, value_name = "ID")]
    provider: Option<String>,
    /// What it allows at its service
    #[arg(long)]
    access: Option<Access>,
    /// Who answers for it
    #[arg(long)]
    owner: Option<String>,
    /// What it is for
    #[arg(long, value_name = "TEXT")]
    description: Option<String>,
    /// A word to find it by; may be given more than once
    #[arg(long = "tag", value_name = "WORD")]
    tags: Vec<String>,
    /// Read the value from a file, every byte of it
    #[arg(long, value_name = "PATH")]
    file: Option<PathBuf>,
    /// Keep the final line break of standard input
    #[arg(long)]
    raw: bool,
}

impl Args {
    pub(crate) fn run(self, context: &Context) -> Result<Exit> {
        let name = name(&self.name)?;
        let value = self.value(&name)?;
        let connection = context.connect()?;
        let place = context.place(&connection)?;
        let edit = EditInfo {
            kind: self.kind,
            provider: self.provider.map(Some),
            access: self.access.map(Some),
            owner: self.owner.map(Some),
            description: self.description.map(Some),
            tags: (!self.tags.is_empty()).then_some(self.tags),
            ..EditInfo::default()
        };
        let secret = NewSecret { name, value, bits: 0, edit };
        let stored = connection.desk().write(place.at.clone(), vec![secret])?;
        for one in &stored {
            let at = format!("{}/{}/{}", place.at.project, place.at.environment, one.name);
            match one.change {
                StoredChange::Unchanged => {
                    output::note(format!("`{at}` has this value already (version {})", one.version))
                }
                _ => output::note(format!("`{at}` is stored as {} version {}", one.kind, one.version)),
            }
            if !one.same_as.is_empty() {
                output::note(format!("warning: the same value is stored as `{}`", one.same_as.join("`, `")));
                output::hint("a key of its own for each environment limits what a leak costs");
            }
        }
        if context.global.json {
            output::listing("secrets", &stored)?;
        }
        Ok(Exit::Done)
    }

    fn value(&self, name: &SecretName) -> Result<Bytes> {
        if let Some(path) = &self.file {
            let too_large = std::fs::metadata(path).map(|found| found.len() > keyward_vault::MAX_VALUE as u64);
            if too_large.map_err(|error| Failure::file("read", path, &error))? {
                return Err(Failure::usage(format!(
                    "`{}` is larger than {} bytes",
                    path.display(),
                    keyward_vault::MAX_VALUE
                )));
            }
            return std::fs::read(path).map(Bytes::new).map_err(|error| Failure::file("read", path, &error));
        }
        if std::io::stdin().is_terminal() {
            let typed = terminal::hidden(&format!("Value of {name}"))?;
            return Ok(Bytes::new(typed.expose().clone().into_bytes()));
        }
        let mut bytes = Vec::new();
        let read = std::io::stdin().lock().take(keyward_vault::MAX_VALUE as u64 + 3).read_to_end(&mut bytes);
        read.map_err(|error| Failure::internal(format!("standard input cannot be read: {error}")))?;
        if !self.raw && bytes.ends_with(b"\n") {
            bytes.pop();
            if bytes.ends_with(b"\r") {
                bytes.pop();
            }
            output::note("the final line break of standard input was dropped (`--raw` keeps it)");
        }
        Ok(Bytes::new(bytes))
    }
}

/// `set NAME=VALUE` is a habit from elsewhere; the value must not be repeated.
fn name(text: &str) -> Result<SecretName> {
    if let Some((name, _)) = text.split_once('=') {
        let shown = name.parse::<SecretName>().map_or_else(|_| "NAME".to_owned(), |name| name.to_string());
        return Err(Failure::usage("a value in an argument is seen by every process and kept by the shell's history")
            .hint(format!(
                "type it at the prompt of `keyward set {shown}`, or pipe it there; and replace the one you just typed"
            )));
    }
    text.parse().map_err(|error: keyward_types::Error| Failure::usage(error.to_string()))
}
