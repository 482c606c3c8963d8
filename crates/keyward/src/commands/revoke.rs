use keyward_client::{Result, RotateAsk, awaited};
use keyward_types::{SecretName, Version};

use super::making::Managed;
use super::rotate;
use crate::context::Context;
use crate::output::{self, Exit};

/// End a key at its service: stopped first where that can be taken back, then ended; nothing succeeds it
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Example: keyward revoke OPENAI_API_KEY -e production

Shows who used it in the last 24 hours, and asks. Whoever needs it is without it from then on: `keyward rotate
NAME --emergency` gives everybody a new one first.")]
pub(crate) struct Args {
    /// The secret
    name: SecretName,
    /// This version instead of the active one
    #[arg(long, value_name = "N")]
    version: Option<Version>,
    #[command(flatten)]
    managed: Managed,
    /// Show every step and change nothing
    #[arg(long)]
    dry_run: bool,
    /// Without asking
    #[arg(long)]
    yes: bool,
}

impl Args {
    pub(crate) fn run(self, context: &Context) -> Result<Exit> {
        let connection = context.connect()?;
        let place = context.place(&connection)?;
        place.named_environment("`revoke`")?;
        let ask = RotateAsk { emergency: true, revoke: true, version: self.version, ..self.managed.ask()? };
        let desk = connection.desk();
        let preview = desk.rotation_preview(place.at.clone(), self.name.clone(), ask.clone())?;
        if self.dry_run {
            rotate::used(&preview);
            rotate::show(context, &preview)?;
            return Ok(Exit::Done);
        }
        for warning in &preview.warnings {
            output::note(format!("warning: {warning}"));
        }
        rotate::used(&preview);
        let spelled = format!("{}/{}/{}", place.at.project, place.at.environment, self.name);
        context.confirm(self.yes, &format!("end version {} of `{spelled}`?", preview.version))?;
        let revoked =
            awaited(desk, &place.at, &self.name, |desk| desk.rotate(place.at.clone(), self.name.clone(), ask))?;
        rotate::told(context, &revoked)
    }
}
