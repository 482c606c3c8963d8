use keyward_client::Result;
use keyward_types::{SecretName, VersionState};

use crate::commands::shown;
use crate::context::Context;
use crate::output::{self, Exit};

/// Show every version of a secret
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: keyward history OPENAI_API_KEY -e production")]
pub(crate) struct Args {
    /// The secret
    name: SecretName,
}

impl Args {
    pub(crate) fn run(self, context: &Context) -> Result<Exit> {
        let connection = context.connect()?;
        let place = context.place(&connection)?;
        let detail = connection.desk().show(place.at, self.name)?;
        if context.global.json {
            output::listing("versions", &detail.secret.versions)?;
            return Ok(Exit::Done);
        }
        let rows: Vec<Vec<String>> = detail
            .secret
            .versions
            .iter()
            .rev()
            .map(|version| {
                let state = match version.state {
                    VersionState::Live => "live",
                    VersionState::Deleted => "deleted",
                    VersionState::Destroyed => "destroyed",
                };
                vec![
                    version.version.to_string(),
                    state.to_owned(),
                    shown::day(version.created_at),
                    version.created_by.clone(),
                    version.labels.join(", "),
                ]
            })
            .collect();
        output::table(&["VERSION", "STATE", "WRITTEN", "BY", "LABELS"], &rows)?;
        Ok(Exit::Done)
    }
}
