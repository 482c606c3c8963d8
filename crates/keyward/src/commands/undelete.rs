use keyward_client::Result;
use keyward_types::SecretName;

use crate::context::Context;
use crate::output::{self, Exit};

/// Bring a deleted secret back
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: keyward undelete OPENAI_API_KEY -e development")]
pub(crate) struct Args {
    /// The secret
    name: SecretName,
}

impl Args {
    pub(crate) fn run(self, context: &Context) -> Result<Exit> {
        let connection = context.connect()?;
        let place = context.place(&connection)?;
        let secret = connection.desk().undelete(place.at.clone(), self.name)?;
        if context.global.json {
            output::json(&secret)?;
        } else {
            output::note(format!("`{}/{}/{}` is back", place.at.project, place.at.environment, secret.name));
        }
        Ok(Exit::Done)
    }
}
