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
        let desk = connection.desk();
        let mut detail = desk.show(place.at, self.name)?;
        // The newest first, in both forms.
        detail.secret.versions.reverse();
        if context.global.json {
            output::listing("versions", &detail.secret.versions)?;
            return Ok(Exit::Done);
        }
        let logins = shown::logins_here(context, desk);
        let rows: Vec<Vec<String>> = detail
            .secret
            .versions
            .iter()
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
                    shown::called(&logins, &version.created_by).to_owned(),
                    version.labels.join(", "),
                ]
            })
            .collect();
        output::table(&["VERSION", "STATE", "WRITTEN", "BY", "LABELS"], &rows)?;
        Ok(Exit::Done)
    }
}
