use clap::Subcommand;
use keyward_client::{KillFirstInfo, Result, RotationInfo, Wish, awaited};
use keyward_types::SecretName;

use super::{making, rotate, shown};
use crate::context::Context;
use crate::output::{self, Exit};

/// Rotations: how far they are, and what a person decides about them
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: keyward rotation show SESSION_SECRET -e production")]
pub(crate) struct Args {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// List rotations that are under way
    #[command(after_help = "Example: keyward rotation list --all")]
    List {
        /// Those that are over, too
        #[arg(long)]
        all: bool,
    },
    /// Show how far a rotation is, and what can be done
    #[command(after_help = "Example: keyward rotation show SESSION_SECRET -e production")]
    Show {
        /// The secret
        name: SecretName,
    },
    /// Go on now
    #[command(after_help = "Example: keyward rotation resume SESSION_SECRET -e production")]
    Resume {
        /// The secret
        name: SecretName,
    },
    /// Let it go on although it waits: you have looked at what it waits for
    #[command(after_help = "Example: keyward rotation approve SESSION_SECRET -e production")]
    Approve {
        /// The secret
        name: SecretName,
        /// Without asking
        #[arg(long)]
        yes: bool,
    },
    /// Bring the key that it waits for, which you made at the service's console: it is asked for without
    /// being shown, or read from standard input; the service is asked about it at once
    #[command(after_help = "Example: keyward rotation bring COHERE_API_KEY -e production")]
    Bring {
        /// The secret
        name: SecretName,
        /// From standard input, also on a terminal
        #[arg(long)]
        stdin: bool,
    },
    /// Show what an emergency may do to a leaked key, or say it beforehand: with overlap, or first
    #[command(after_help = "Example: keyward rotation policy OPENAI_API_KEY -e production --kill-first")]
    Policy {
        /// The secret
        name: SecretName,
        /// The leaked key is ended first, and everybody is without one until its successor is deployed
        #[arg(long, conflicts_with = "overlap")]
        kill_first: bool,
        /// The leaked key is ended when its successor is deployed, as where nothing was said
        #[arg(long)]
        overlap: bool,
    },
    /// Undo it: targets get the old value back, the new one ends
    #[command(after_help = "Example: keyward rotation abort SESSION_SECRET -e production")]
    Abort {
        /// The secret
        name: SecretName,
        /// Without asking
        #[arg(long)]
        yes: bool,
    },
}

impl Args {
    pub(crate) fn run(self, context: &Context) -> Result<Exit> {
        let connection = context.connect()?;
        let place = context.place(&connection)?;
        let desk = connection.desk();
        let (name, wish) = match self.verb {
            Verb::List { all } => {
                list(context, &desk.rotations(place.at, all)?)?;
                return Ok(Exit::Done);
            }
            Verb::Show { name } => {
                show(context, &desk.rotation(place.at, name)?)?;
                return Ok(Exit::Done);
            }
            Verb::Policy { name, kill_first, overlap } => {
                let info = match kill_first || overlap {
                    true => {
                        place.named_environment("`rotation policy`")?;
                        desk.allow_kill_first(place.at, name, kill_first)?
                    }
                    false => desk.kill_first(place.at, name)?,
                };
                return policy(context, &info);
            }
            Verb::Bring { name, stdin } => {
                if let Some(why) = desk.rotation(place.at.clone(), name.clone())?.why {
                    output::note(why);
                }
                let value = making::value(&name, stdin)?;
                let at = &place.at;
                let brought = awaited(desk, at, &name, |desk| desk.bring_rotation(at.clone(), name.clone(), value))?;
                return rotate::told(context, &brought);
            }
            Verb::Resume { name } => (name, Wish::Resume),
            Verb::Approve { name, yes } => {
                place.named_environment("`rotation approve`")?;
                let rotation = desk.rotation(place.at.clone(), name.clone())?;
                let waits = rotation.why.unwrap_or_else(|| "for nothing".into());
                context.confirm(yes, &format!("let the rotation of `{name}` go on? It waits: {waits}"))?;
                (name, Wish::Approve)
            }
            Verb::Abort { name, yes } => {
                place.named_environment("`rotation abort`")?;
                context.confirm(yes, &format!("undo the rotation of `{name}`?"))?;
                (name, Wish::Abort)
            }
        };
        let at = &place.at;
        let rotation = awaited(desk, at, &name, |desk| desk.decide_rotation(at.clone(), name.clone(), wish))?;
        rotate::told(context, &rotation)
    }
}

fn policy(context: &Context, info: &KillFirstInfo) -> Result<Exit> {
    if context.global.json {
        output::json(&serde_json::json!({ "rotation_policy": info }))?;
        return Ok(Exit::Done);
    }
    let what =
        if info.kill_first { "ended before its successor is there" } else { "ended when its successor is deployed" };
    output::line(format!("{}: a leaked key is {what}", info.name))?;
    if let (Some(by), Some(at)) = (&info.set_by, info.set_at) {
        output::line(format!("said by {by} at {}", shown::moment(at)))?;
    }
    Ok(Exit::Done)
}

/// Where a rotation stands that is not over, on the side.
pub(super) fn standing(rotation: &RotationInfo) {
    output::note(format!("the rotation of `{}` is {}", rotation.name, words(rotation)));
    for target in rotation.targets.iter().filter(|target| target.fault.is_some()) {
        output::note(format!("target `{}`: {}", target.name, target.fault.as_deref().unwrap_or_default()));
    }
    if let Some(why) = &rotation.why {
        output::note(why);
    }
    if !rotation.holders.is_empty() && rotation.why.is_none() {
        output::note(format!("the old value is held by {}", rotation.holders.join(", ")));
    }
    match own_commands(rotation) {
        none if none.is_empty() => {}
        some => output::hint(format!("possible is `keyward rotation {} {}`", some, rotation.name)),
    }
}

fn words(rotation: &RotationInfo) -> String {
    match rotation.due {
        Some(due) if rotation.state != "needs-a-person" => {
            format!("{}; it goes on at {}", rotation.state, shown::moment(due))
        }
        _ => rotation.state.replace('-', " "),
    }
}

/// What can be done without bringing anything.
fn own_commands(rotation: &RotationInfo) -> String {
    let wishes = rotation.actions.iter().filter(|wish| **wish != Wish::Brought);
    wishes.map(|wish| wish.as_str()).collect::<Vec<_>>().join("|")
}

fn actions(rotation: &RotationInfo) -> String {
    rotation.actions.iter().map(|wish| wish.as_str()).collect::<Vec<_>>().join("|")
}

fn show(context: &Context, rotation: &RotationInfo) -> Result<()> {
    if context.global.json {
        return output::json(&serde_json::json!({ "rotation": rotation }));
    }
    let version = rotation.new.map_or_else(|| "not there yet".to_owned(), |new| format!("version {new}"));
    output::line(format!("{}  {}", rotation.name, rotation.state))?;
    output::line(format!("reached:  {}", rotation.phase))?;
    if let Some(doing) = &rotation.doing {
        output::line(format!("doing:    {doing}"))?;
    }
    output::line(format!("old:      version {}", rotation.old))?;
    output::line(format!("new:      {version}"))?;
    output::line(format!("since:    {} by {}", shown::moment(rotation.begun_at), rotation.begun_by))?;
    for target in &rotation.targets {
        let fault = target.fault.as_ref().map(|fault| format!(": {fault}")).unwrap_or_default();
        output::line(format!("target:   {} {}{fault}", target.name, target.state))?;
    }
    for holder in &rotation.holders {
        output::line(format!("held by:  {holder}"))?;
    }
    if let Some(why) = &rotation.why {
        output::line(format!("why:      {why}"))?;
    }
    if !rotation.actions.is_empty() {
        output::line(format!("possible: {}", actions(rotation).replace('|', ", ")))?;
    }
    Ok(())
}

fn list(context: &Context, rotations: &[RotationInfo]) -> Result<()> {
    if context.global.json {
        return output::listing("rotations", rotations);
    }
    let rows: Vec<Vec<String>> = rotations
        .iter()
        .map(|one| {
            let new = one.new.map_or_else(|| "-".to_owned(), |new| new.to_string());
            vec![one.name.to_string(), one.state.clone(), one.old.to_string(), new, shown::moment(one.begun_at)]
        })
        .collect();
    output::table(&["NAME", "STATE", "OLD", "NEW", "SINCE"], &rows)
}
