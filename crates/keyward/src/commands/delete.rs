use keyward_client::Result;
use keyward_types::SecretName;

use crate::context::Context;
use crate::output::{self, Exit};

/// Hide a secret; `undelete` brings it back
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: keyward delete OPENAI_API_KEY -e development")]
pub(crate) struct Args {
    /// The secret
    name: SecretName,
}

impl Args {
    pub(crate) fn run(self, context: &Context) -> Result<Exit> {
        let connection = context.connect()?;
        let place = context.place(&connection)?;
        place.named_environment("`delete`")?;
        let secret = connection.desk().delete(place.at.clone(), self.name)?;
        if context.global.json {
            output::json(&secret)?;
        } else {
            output::note(format!(
                "`{}/{}/{}` is deleted; `keyward undelete` brings it back",
                place.at.project, place.at.environment, secret.name
            ));
        }
        Ok(Exit::Done)
    }
}
