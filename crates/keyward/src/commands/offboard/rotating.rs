//! The list of who left, handed to rotation: each line's secret gets a successor where keyward can
//! make one, and a line is done when its rotation is.

use keyward_client::{
    Code, Desk, Failure, Login, OffboardingInfo, Result, RotateAsk, RotationInfo, Settlement, TaskAbout, TaskItem,
    TaskName, TaskState, Where,
};
use keyward_types::{SecretName, Version};
use serde::Serialize;

use crate::context::Context;
use crate::output;

/// How far a line is.
#[derive(Debug, Serialize)]
struct Line {
    name: String,
    version: Version,
    /// `done`, the state of its rotation, or `by-hand`.
    state: String,
    why: Option<String>,
}

/// Begins what is to be begun, settles what is done, and says how far each line is. True: nothing is
/// left.
pub(super) fn run(context: &Context, desk: &dyn Desk, login: &Login, info: &OffboardingInfo) -> Result<bool> {
    let open = info.tasks.iter().filter(|item| item.task.state == TaskState::Todo);
    let mut lines = Vec::new();
    for item in open {
        let TaskAbout::Known { version, .. } = item.task.about else { continue };
        let line = line(desk, item, version)?;
        if line.state == "done" {
            let task = TaskName { name: item.task.name.clone(), version: Some(version) };
            desk.settle_task(login.clone(), task, Settlement::Done)?;
        }
        lines.push(line);
    }
    let left = lines.iter().filter(|line| line.state != "done").count() as u64;
    if context.global.json {
        output::listing("lines", &lines)?;
        return Ok(left == 0);
    }
    let row = |line: &Line| {
        let why = line.why.clone().unwrap_or_default();
        vec![line.name.clone(), line.version.to_string(), line.state.clone(), why]
    };
    output::table(&["REPLACE", "VERSION", "STATE", ""], &lines.iter().map(row).collect::<Vec<_>>())?;
    match left {
        0 => output::note(format!("every value that `{login}` knew is replaced")),
        _ => output::hint(format!(
            "`keyward offboard {login} --rotate` again settles what has ended; what is by hand: `--done LINE`"
        )),
    }
    Ok(left == 0)
}

fn line(desk: &dyn Desk, item: &TaskItem, version: Version) -> Result<Line> {
    let told =
        |state: &str, why: Option<String>| Line { name: item.task.name.clone(), version, state: state.to_owned(), why };
    let Some((at, name)) = place(&item.task.name) else {
        return Ok(told("by-hand", Some("its place has no name any more".into())));
    };
    // Begun before, by whomever: how far that is counts.
    let last = match desk.rotation(at.clone(), name.clone()) {
        Ok(rotation) => Some(rotation).filter(|rotation| rotation.old == version),
        Err(failure) if failure.code == Code::NotFound => None,
        Err(failure) => return Err(failure),
    };
    let rotation = match last {
        Some(rotation) if !undone(&rotation) => rotation,
        _ if item.overtaken => return Ok(told("done", None)),
        _ => match desk.rotate(at, name, RotateAsk::default()) {
            Ok(rotation) => rotation,
            Err(failure) if matches!(failure.code, Code::Usage | Code::Conflict) => {
                return Ok(told("by-hand", Some(sentence(&failure))));
            }
            Err(failure) => return Err(failure),
        },
    };
    match rotation.state.as_str() {
        "done" => Ok(told("done", None)),
        state => Ok(told(state, rotation.why.clone().or_else(|| waits(&rotation)))),
    }
}

fn undone(rotation: &RotationInfo) -> bool {
    rotation.over && rotation.state != "done"
}

fn waits(rotation: &RotationInfo) -> Option<String> {
    (!rotation.holders.is_empty()).then(|| format!("held by {}", rotation.holders.join(", ")))
}

fn sentence(failure: &Failure) -> String {
    failure.message.clone()
}

/// `project/environment/NAME`.
fn place(text: &str) -> Option<(Where, SecretName)> {
    let mut parts = text.splitn(3, '/');
    let (project, environment) = (parts.next()?.parse().ok()?, parts.next()?.parse().ok()?);
    Some((Where { project, environment }, parts.next()?.parse().ok()?))
}
