use std::io::IsTerminal;

use clap::ValueEnum;
use keyward_client::{Code, Disclosed, Failure, Purpose, Result, Selection};

use crate::context::Context;
use crate::export;
use crate::output::{self, Exit};

/// Write an environment to a pipe, in a form that its reader reads back exactly, or refuse
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: keyward export -e staging --format k8s | kubectl apply -f -")]
pub(crate) struct Args {
    /// The form
    #[arg(long, value_enum)]
    format: Format,
    /// Only these names, separated by commas
    #[arg(long, value_delimiter = ',', value_name = "NAME")]
    only: Vec<keyward_types::SecretName>,
    /// Write to a terminal too
    #[arg(long)]
    reveal: bool,
}

/// Forms that can be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// .env, only what every parser reads alike
    Dotenv,
    /// One object of names and values
    Json,
    /// One mapping of names and quoted values
    Yaml,
    /// `export NAME='value'` for POSIX shells
    Shell,
    /// An --env-file of docker run
    Docker,
    /// A Kubernetes Secret
    K8s,
    /// Lines for $GITHUB_ENV
    GithubActions,
}

impl Args {
    pub(crate) fn run(self, context: &Context) -> Result<Exit> {
        if std::io::stdout().is_terminal() && !self.reveal {
            return Err(Failure::usage("this is a terminal, and the values would be seen")
                .hint("pipe it to a program or add `--reveal`; `keyward run` needs no export"));
        }
        output::must_be_open()?;
        let connection = context.connect_keeping(false)?;
        let place = context.place(&connection)?;
        let selection = if self.only.is_empty() { Selection::All } else { Selection::Names(self.only) };
        let values: Vec<Disclosed> = connection.desk().read(place.at.clone(), selection, Purpose::Export)?;
        if values.is_empty() {
            return Err(Failure::new(
                Code::NotFound,
                format!("`{}/{}` holds no secrets", place.at.project, place.at.environment),
            ));
        }
        let text = export::write(self.format, &place.at, &values)?;
        output::bytes(text.as_bytes())?;
        Ok(Exit::Done)
    }
}
