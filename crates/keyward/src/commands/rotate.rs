use keyward_client::{Result, RotateAsk, RotationInfo, RotationPreview, Wish, awaited};
use keyward_providers::Profile;
use keyward_types::SecretName;

use super::making::{self, Managed};
use super::rotation;
use crate::context::Context;
use crate::output::{self, Exit};

/// Replace a secret by a successor: made, deployed to its targets, made active; then the old one ends
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: keyward rotate SESSION_SECRET -e production --dry-run")]
pub(crate) struct Args {
    /// The secret
    name: SecretName,
    /// keyward makes the value, since only your own programs know it; remembered. A profile of
    /// `keyward generate`; without one: signing-key
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "signing-key", value_name = "PROFILE", conflicts_with_all = ["postgres_roles", "admin", "account", "stdin"])]
    generate: Option<Profile>,
    #[command(flatten)]
    managed: Managed,
    /// The new key, which a person made at the service's console, comes on standard input
    #[arg(long)]
    stdin: bool,
    /// It leaked: the old value ends as soon as its successor is everywhere, whoever holds it
    #[arg(long)]
    emergency: bool,
    /// The new key may only what this one was seen in use for at the gateway, where its service can make
    /// such a key; `--dry-run` shows what that is
    #[arg(long, conflicts_with_all = ["emergency", "generate", "stdin"])]
    narrow: bool,
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
        if self.emergency {
            place.named_environment("`rotate --emergency`")?;
        }
        let generate = self.generate.map(|profile| profile.as_str().to_owned());
        let ask = RotateAsk { generate, emergency: self.emergency, narrow: self.narrow, ..self.managed.ask()? };
        let desk = connection.desk();
        let preview = desk.rotation_preview(place.at.clone(), self.name.clone(), ask.clone())?;
        if self.dry_run {
            show(context, &preview)?;
            return Ok(Exit::Done);
        }
        for warning in &preview.warnings {
            output::note(format!("warning: {warning}"));
        }
        preview.narrowed.iter().for_each(output::note);
        if self.emergency {
            used(&preview);
        }
        if preview.kill_first {
            output::note(
                "the old key ends first, as was allowed beforehand: nobody has one until the new one is deployed",
            );
        }
        let spelled = format!("{}/{}/{}", place.at.project, place.at.environment, self.name);
        context.confirm(self.yes, &format!("replace version {} of `{spelled}`?", preview.version))?;
        let rotation =
            awaited(desk, &place.at, &self.name, |desk| desk.rotate(place.at.clone(), self.name.clone(), ask))?;
        let rotation = making::brought(desk, &place.at, rotation, self.stdin)?;
        told(context, &rotation)
    }
}

/// Who used a secret lately, and who has it.
pub(super) fn used(preview: &RotationPreview) {
    match preview.users.as_slice() {
        [] => output::note("nobody used it in the last 24 hours, as far as keyward saw"),
        users => {
            output::note("used in the last 24 hours:");
            users.iter().for_each(|line| output::note(format!("  {line}")));
        }
    }
    if !preview.holders.is_empty() {
        output::note(format!("it is held by {}", preview.holders.join(", ")));
    }
}

/// What a rotation has come to, and what is to be done about it.
pub(super) fn told(context: &Context, rotation: &RotationInfo) -> Result<Exit> {
    if context.global.json {
        output::json(&serde_json::json!({ "rotation": rotation }))?;
    } else {
        match (rotation.state.as_str(), rotation.new) {
            ("done", None) if rotation.revokes => output::note(format!(
                "version {} of `{}` is dead: its service says so, and nothing has succeeded it",
                rotation.old, rotation.name
            )),
            ("rolled-back", _) if rotation.revokes => {
                output::note(format!("the key of `{}` works again", rotation.name));
            }
            ("done", Some(new)) => output::note(format!(
                "`{}` is replaced: version {new} is active, version {} is `previous`",
                rotation.name, rotation.old
            )),
            ("rolled-back", _) => output::note(format!("the rotation of `{}` is undone", rotation.name)),
            _ => rotation::standing(rotation),
        }
        if rotation.actions.contains(&Wish::Brought) {
            output::hint(format!("`keyward rotation bring {}` takes the new key, without showing it", rotation.name));
        }
    }
    // Who waits for it has to see that it is not done.
    Ok(if rotation.state == "needs-a-person" { Exit::No } else { Exit::Done })
}

pub(super) fn show(context: &Context, preview: &RotationPreview) -> Result<()> {
    if context.global.json {
        return output::json(&serde_json::json!({ "preview": preview }));
    }
    for (i, step) in preview.steps.iter().enumerate() {
        output::line(format!("{}. {step}", i + 1))?;
    }
    for warning in &preview.warnings {
        output::note(format!("warning: {warning}"));
    }
    preview.narrowed.iter().for_each(output::note);
    if !preview.holders.is_empty() {
        output::note(format!("version {} is held by {}", preview.version, preview.holders.join(", ")));
    }
    output::note("nothing was changed");
    Ok(())
}
