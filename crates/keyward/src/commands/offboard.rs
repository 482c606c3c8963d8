mod rotating;

use keyward_client::{
    CredentialFate, Failure, Fate, Login, OffboardingInfo, PlanLine, Result, Settlement, TaskAbout, TaskItem, TaskName,
    TaskState, Through,
};
use keyward_types::Version;

use crate::commands::shown;
use crate::context::Context;
use crate::output::{self, Exit};

/// Somebody leaves: end the account, and list what that person read and has to be replaced
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: keyward offboard ada --plan")]
pub(crate) struct Args {
    /// Who leaves
    login: Login,
    /// Only show what it takes and how far it is; nothing is changed
    #[arg(long)]
    plan: bool,
    /// A line is worked off: project/environment/NAME
    #[arg(long, value_name = "LINE", conflicts_with = "plan")]
    done: Option<String>,
    /// A line need not be worked off; says why with --reason
    #[arg(long, value_name = "LINE", conflicts_with_all = ["plan", "done"])]
    dismiss: Option<String>,
    /// A line is to be worked off after all
    #[arg(long, value_name = "LINE", conflicts_with_all = ["plan", "done", "dismiss"])]
    reopen: Option<String>,
    /// Replace what that person knew, where keyward can make the successor, and settle what is done;
    /// exit 1: something is left
    #[arg(long, conflicts_with_all = ["plan", "done", "dismiss", "reopen"])]
    rotate: bool,
    /// Which version, where there are lines about several
    #[arg(long, value_name = "N")]
    version: Option<Version>,
    /// Without asking
    #[arg(long)]
    yes: bool,
}

impl Args {
    pub(crate) fn run(self, context: &Context) -> Result<Exit> {
        let connection = context.connect()?;
        let desk = connection.desk();
        if let Some((name, settlement)) = self.settlement(context)? {
            let task = TaskName { name, version: self.version };
            let state = desk.settle_task(self.login, task.clone(), settlement)?;
            return settled(context, &task, &state);
        }
        let info = desk.offboarding_plan(self.login.clone())?;
        if self.plan {
            show(context, &info)?;
            return Ok(Exit::Done);
        }
        if info.disabled_at.is_none() {
            let busy = in_use(&info);
            if !busy.is_empty() && !context.global.json {
                output::note(format!("in use during the last week: {}", busy.join(", ")));
                output::hint("`keyward service-account add` first, and a token of its own for what runs unattended");
            }
            context.confirm(self.yes, &format!("end the account `{}` with its tokens at once?", self.login))?;
        }
        let info = desk.offboard(self.login.clone())?;
        if !self.rotate {
            return show(context, &info).map(|()| Exit::Done);
        }
        let nothing_left = rotating::run(context, desk, &self.login, &info)?;
        Ok(if nothing_left { Exit::Done } else { Exit::No })
    }

    fn settlement(&self, context: &Context) -> Result<Option<(String, Settlement)>> {
        if let Some(name) = &self.dismiss {
            let reason = context.global.reason.clone();
            let missing = || Failure::usage("nothing is dismissed without a reason").hint("add `--reason TEXT`");
            return Ok(Some((name.clone(), Settlement::Dismissed(reason.ok_or_else(missing)?))));
        }
        let done = self.done.clone().map(|name| (name, Settlement::Done));
        Ok(done.or_else(|| self.reopen.clone().map(|name| (name, Settlement::Reopened))))
    }
}

fn settled(context: &Context, task: &TaskName, state: &TaskState) -> Result<Exit> {
    if context.global.json {
        output::json(&serde_json::json!({ "task": { "name": task.name, "state": state } }))?;
    } else {
        output::note(format!("`{}` is {}", task.name, word(state)));
    }
    Ok(Exit::Done)
}

fn show(context: &Context, info: &OffboardingInfo) -> Result<()> {
    if context.global.json {
        return output::json(&serde_json::json!({ "offboarding": info }));
    }
    let plan = &info.plan;
    let rotate: Vec<Vec<String>> = plan.rotate.iter().map(|line| rotate_row(info, line)).collect();
    output::table(&["REPLACE", "VERSION", "KIND", "HOW", "TIMES", "LAST", "COPIES", "OTHERS", "STATE"], &rotate)?;
    if !plan.credentials.is_empty() {
        output::table(&["CREDENTIAL", "NAME", "LAST USED", "WHAT BECOMES OF IT"], &credentials(info))?;
    }
    if !plan.reachable.is_empty() {
        let rows: Vec<Vec<String>> = plan
            .reachable
            .iter()
            .map(|line| {
                let through: Vec<String> = line.through.iter().map(through).collect();
                vec![line.subject.to_string(), line.subject.version.to_string(), through.join(", ")]
            })
            .collect();
        output::table(&["COULD HAVE READ, AND DID NOT", "VERSION", "BY"], &rows)?;
    }
    summary(info);
    Ok(())
}

fn rotate_row(info: &OffboardingInfo, line: &PlanLine) -> Vec<String> {
    let mut ways: Vec<&str> = line.evidence.ways.iter().map(|way| way.as_str()).collect();
    let elsewhere = line.met_at.first().map(|place| format!("same value as {place}"));
    ways.extend(elsewhere.as_deref());
    let (secret, version) = (line.subject.place.secret, line.subject.version);
    let known = TaskAbout::Known { secret, version };
    let state = info.tasks.iter().find(|item| item.task.about == known).map_or("todo", |item| word(&item.task.state));
    vec![
        line.subject.to_string(),
        version.to_string(),
        line.subject.kind.to_string(),
        ways.join(", "),
        line.evidence.times.to_string(),
        line.evidence.last.map_or("-".to_owned(), shown::day),
        line.evidence.open_copies.to_string(),
        line.others.to_string(),
        state.to_owned(),
    ]
}

fn credentials(info: &OffboardingInfo) -> Vec<Vec<String>> {
    let rows = info.plan.credentials.iter().map(|line| {
        let fate = match line.fate {
            CredentialFate::Dies => "dies with the account",
            CredentialFate::DiesInUse => "dies with the account, and is in use: move it to a service account first",
            CredentialFate::Replace => "is a service's and known to who leaves: replace it",
        };
        let one = &line.credential;
        let name: String = one.name.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
        vec![one.id.clone(), name, one.last_used.map_or("-".to_owned(), shown::moment), fate.to_owned()]
    });
    rows.collect()
}

fn summary(info: &OffboardingInfo) {
    let plan = &info.plan;
    let replaced = plan.past.iter().filter(|past| matches!(past.fate, Fate::Replaced { .. })).count() as u64;
    let rest = plan.past.len() as u64 - replaced;
    if replaced > 0 {
        output::note(format!(
            "{} that `{}` read {} been replaced since: no rotation is needed, but see that the service refuses the old value",
            shown::counted(replaced, "version"),
            info.account,
            if replaced == 1 { "has" } else { "have" },
        ));
    }
    if rest > 0 {
        output::note(format!(
            "{} of deleted secrets: to be replaced if they come back",
            shown::counted(rest, "version")
        ));
    }
    let open: Vec<&TaskItem> =
        info.tasks.iter().filter(|item| item.task.state == TaskState::Todo && !item.overtaken).collect();
    let known = open.iter().filter(|item| !matches!(item.task.about, TaskAbout::Reachable { .. })).count() as u64;
    match info.disabled_at {
        None => output::hint(format!("`keyward offboard {}` ends the account and keeps this list", info.account)),
        Some(_) if known > 0 => {
            output::note(format!("{} to work off", shown::counted(known, "line")));
            output::hint(format!(
                "`keyward offboard {} --done project/environment/NAME` after a new value is in use",
                info.account
            ));
        }
        Some(_) => output::note("everything that had to be replaced is worked off"),
    }
}

/// Tokens that die with the account and were used lately.
fn in_use(info: &OffboardingInfo) -> Vec<String> {
    let busy = info.plan.credentials.iter().filter(|line| line.fate == CredentialFate::DiesInUse);
    busy.map(|line| line.credential.id.clone()).collect()
}

fn through(through: &Through) -> String {
    match through {
        Through::Own => "own role".to_owned(),
        Through::Group(name) => format!("group {name}"),
        Through::Token(id) => format!("token {id}"),
    }
}

fn word(state: &TaskState) -> &'static str {
    match state {
        TaskState::Todo => "todo",
        TaskState::Done { .. } => "done",
        TaskState::Dismissed { .. } => "dismissed",
    }
}
