use keyward_client::Result;
use keyward_types::{SecretName, Version};

use crate::context::Context;
use crate::output::{self, Exit};

/// Make an older version the active one
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: keyward rollback DATABASE_URL 2 -e staging")]
pub(crate) struct Args {
    /// The secret
    name: SecretName,
    /// The version that readers should get
    version: Version,
}

impl Args {
    pub(crate) fn run(self, context: &Context) -> Result<Exit> {
        let connection = context.connect()?;
        let place = context.place(&connection)?;
        let secret = connection.desk().rollback(place.at, self.name, self.version)?;
        if context.global.json {
            output::json(&secret)?;
        } else {
            output::note(format!("version {} of `{}` is active", self.version, secret.name));
        }
        Ok(Exit::Done)
    }
}
