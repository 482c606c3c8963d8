//! A plan as it is worked off by hand: its lines with the states that people gave them.

use std::collections::HashMap;

use keyward_vault::{Task, TaskAbout, TaskState};
use serde::{Deserialize, Serialize};

use super::{CredentialFate, Plan};

/// A line to be worked off.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Item {
    /// The task, as it is or would be on record.
    #[serde(flatten)]
    pub task: Task,
    /// Nobody has settled it, and there is nothing left to do: the value is in use no longer, or
    /// the credential is dead.
    pub overtaken: bool,
}

/// The tasks of a plan, each with the state it has on record; then those on record that the plan
/// knows no longer, so that what was worked off stays to be seen.
pub fn worklist(plan: &Plan, on_record: &[Task]) -> Vec<Item> {
    let mut recorded: HashMap<&TaskAbout, &Task> =
        on_record.iter().filter(|task| task.leaver == plan.leaver).map(|task| (&task.about, task)).collect();
    let mut items: Vec<Item> = tasks(plan)
        .into_iter()
        .map(|task| {
            let state = recorded.remove(&task.about).map_or(TaskState::Todo, |known| known.state.clone());
            Item { task: Task { state, ..task }, overtaken: false }
        })
        .collect();
    let mut left: Vec<&Task> = recorded.into_values().collect();
    left.sort_by(|a, b| (&a.name, &a.about).cmp(&(&b.name, &b.about)));
    items.extend(left.into_iter().map(|task| Item { task: task.clone(), overtaken: task.state == TaskState::Todo }));
    items
}

/// What there is to do: values that he knows, credentials that he knows, values that he could have
/// known.
fn tasks(plan: &Plan) -> Vec<Task> {
    let task = |about, name| Task { leaver: plan.leaver.clone(), about, name, state: TaskState::Todo };
    let known = plan.rotate.iter().map(|line| {
        let (secret, version) = (line.subject.place.secret, line.subject.version);
        task(TaskAbout::Known { secret, version }, line.subject.to_string())
    });
    let credentials = plan.credentials.iter().filter(|line| line.fate == CredentialFate::Replace);
    let credentials = credentials
        .map(|line| task(TaskAbout::Credential { id: line.credential.id.clone() }, line.credential.name.clone()));
    let reachable = plan.reachable.iter().map(|line| {
        let (secret, version) = (line.subject.place.secret, line.subject.version);
        task(TaskAbout::Reachable { secret, version }, line.subject.to_string())
    });
    known.chain(credentials).chain(reachable).collect()
}
