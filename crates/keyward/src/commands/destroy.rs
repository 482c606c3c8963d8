use keyward_client::Result;
use keyward_types::{SecretName, Version};

use crate::context::Context;
use crate::output::{self, Exit};

/// Destroy one version's value for ever
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: keyward destroy OPENAI_API_KEY --version 1 -e development")]
pub(crate) struct Args {
    /// The secret
    name: SecretName,
    /// Which version
    #[arg(long, value_name = "N")]
    version: Version,
    /// Without asking
    #[arg(long)]
    yes: bool,
}

impl Args {
    pub(crate) fn run(self, context: &Context) -> Result<Exit> {
        let connection = context.connect()?;
        let place = context.place(&connection)?;
        place.named_environment("`destroy`")?;
        let Self { name, version, yes } = self;
        let (project, environment) = (&place.at.project, &place.at.environment);
        context.confirm(yes, &format!("destroy version {version} of `{project}/{environment}/{name}` for ever?"))?;
        let secret = connection.desk().destroy(place.at, name, version)?;
        if context.global.json {
            output::json(&secret)?;
        } else {
            output::note(format!("version {version} of `{}` is destroyed", secret.name));
        }
        Ok(Exit::Done)
    }
}
