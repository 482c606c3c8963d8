use keyward_client::{EditInfo, Failure, Result, SystemClock};
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
    /// The value is as old as keyward says, although it was brought from elsewhere: it is not due sooner
    #[arg(long)]
    age_known: bool,
}

impl Args {
    pub(crate) fn run(self, context: &Context) -> Result<Exit> {
        if self.metadata.is_empty() && !self.age_known {
            return Err(Failure::usage("nothing to change").hint("`keyward edit --help` lists what can be"));
        }
        let age_unknown = self.age_known.then_some(false);
        let edit = EditInfo { age_unknown, ..self.metadata.edit(&SystemClock)? };
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
