use keyward_client::{Failure, Result, SystemClock};
use keyward_types::SecretName;

use super::metadata::Metadata;
use crate::context::Context;
use crate::output::{self, Exit};

/// Change what is said of a secret, without a new value
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: keyward edit GOOGLE_CREDENTIALS --as-file -e production")]
pub(crate) struct Args {
    /// The secret
    name: SecretName,
    #[command(flatten)]
    metadata: Metadata,
}

impl Args {
    pub(crate) fn run(self, context: &Context) -> Result<Exit> {
        if self.metadata.is_empty() {
            return Err(Failure::usage("nothing to change").hint("`keyward edit --help` lists what can be"));
        }
        let edit = self.metadata.edit(&SystemClock)?;
        let connection = context.connect()?;
        let place = context.place(&connection)?;
        let secret = connection.desk().edit(place.at.clone(), self.name, edit)?;
        if context.global.json {
            output::json(&secret)?;
        } else {
            output::note(format!("`{}/{}/{}` is changed", place.at.project, place.at.environment, secret.name));
        }
        Ok(Exit::Done)
    }
}
