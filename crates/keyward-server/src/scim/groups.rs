//! Groups that a provider made. Those of people are not shown, and are not changed from here.

use std::collections::HashMap;

use axum::extract::Path;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use keyward_access::{Group, Login};
use keyward_types::{GroupId, PrincipalId};
use keyward_vault::{ProvisionedGroup, ProvisionedTeam};
use serde_json::{Map, Value, json};

use crate::input::Params;
use crate::problem::Problem;
use crate::scim::fault::{Fault, Result};
use crate::scim::filter::attribute;
use crate::scim::list::Wanted;
use crate::scim::session::{Caller, Sent, Session, shown};
use crate::scim::users::{id_of, text};
use crate::scim::{BASE, GROUP, patch};

/// Most members that one request names.
const MOST: usize = 10_000;

/// The groups that people are in, as they are shown.
pub(super) type Memberships = HashMap<PrincipalId, Vec<Value>>;

pub(super) async fn list(caller: Caller, wanted: Result<Params<Wanted>, Problem>) -> Result<Response> {
    let Params(wanted) = wanted?;
    let page = caller.ask(move |session| wanted.page(&session.vault.provisioned_groups(&session.actor)?, resource));
    Ok(shown(StatusCode::OK, &page.await?))
}

pub(super) async fn show(
    caller: Caller,
    Path(id): Path<String>,
    wanted: Result<Params<Wanted>, Problem>,
) -> Result<Response> {
    let Params(wanted) = wanted?;
    let one = caller.ask(move |session| Ok(wanted.cut(resource(&found(session, &id)?))));
    Ok(shown(StatusCode::OK, &one.await?))
}

pub(super) async fn create(caller: Caller, Sent(sent): Sent) -> Result<Response> {
    let made = caller.ask(move |session| {
        let said = Said::of(&sent)?;
        let (vault, actor) = (&session.vault, &session.actor);
        let made = vault.provision_group(actor, &said.name, &said.display_name, said.external_id, &said.members);
        Ok(resource(&made.map_err(of_members)?))
    });
    Ok(shown(StatusCode::CREATED, &made.await?))
}

pub(super) async fn replace(caller: Caller, Path(id): Path<String>, Sent(sent): Sent) -> Result<Response> {
    let done = caller.change(move |session| change(session, &found(session, &id)?, &sent));
    Ok(shown(StatusCode::OK, &done.await?))
}

pub(super) async fn patch(caller: Caller, Path(id): Path<String>, Sent(sent): Sent) -> Result<Response> {
    let done = caller.change(move |session| {
        let known = found(session, &id)?;
        let mut changed = writable(&known);
        for operation in patch::operations(&sent)? {
            operation.apply(&mut changed)?;
        }
        change(session, &known, &changed)
    });
    Ok(shown(StatusCode::OK, &done.await?))
}

/// The group goes with the roles that are bound to it.
pub(super) async fn delete(caller: Caller, Path(id): Path<String>) -> Result<Response> {
    let done = caller.change(move |session| {
        let (group, _) = found(session, &id)?;
        Ok(session.vault.unprovision_group(&session.actor, group.id)?)
    });
    done.await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

fn change(session: &Session, known: &ProvisionedTeam, sent: &Map<String, Value>) -> Result<Value> {
    let said = Said::of(sent)?;
    let changed = session.vault.change_provisioned_group(
        &session.actor,
        known,
        &said.name,
        &said.display_name,
        said.external_id,
        &said.members,
    );
    Ok(resource(&changed.map_err(of_members)?))
}

/// A member who is not there is a wrong value, not a wrong address.
fn of_members(error: keyward_vault::Error) -> Fault {
    match error {
        keyward_vault::Error::Missing { noun: "account", .. } => {
            Fault::wrong("invalidValue", "one of the `members` is no user that there is")
        }
        other => other.into(),
    }
}

/// What a provider says of a group, taken apart.
struct Said {
    name: Login,
    display_name: String,
    external_id: Option<String>,
    members: Vec<PrincipalId>,
}

impl Said {
    fn of(sent: &Map<String, Value>) -> Result<Self> {
        let all = Value::Object(sent.clone());
        let display_name =
            text(&all, "displayName")?.ok_or_else(|| Fault::wrong("invalidValue", "`displayName` is missing"))?;
        if !display_name.bytes().any(|b| b.is_ascii_alphanumeric()) {
            return Err(Fault::wrong("invalidValue", "a `displayName` has a letter or digit of ASCII in it"));
        }
        Ok(Self {
            name: Login::near(&display_name),
            external_id: text(&all, "externalId")?,
            members: members(&all)?,
            display_name,
        })
    }
}

fn members(all: &Value) -> Result<Vec<PrincipalId>> {
    let wrong = || Fault::wrong("invalidValue", "`members` is a list of objects with the ids of users as `value`");
    let sent = match attribute(all, "members") {
        None | Some(Value::Null) => return Ok(Vec::new()),
        Some(Value::Array(sent)) if sent.len() <= MOST => sent,
        Some(Value::Array(_)) => return Err(Fault::wrong("tooMany", format!("at most {MOST} members in one request"))),
        Some(_) => return Err(wrong()),
    };
    let mut members = Vec::with_capacity(sent.len());
    for one in sent {
        let id = text(one, "value")?.ok_or_else(wrong)?;
        let principal: PrincipalId = format!("user:{id}").parse().map_err(|_| wrong())?;
        members.push(principal);
    }
    members.sort();
    members.dedup();
    Ok(members)
}

fn found(session: &Session, id: &str) -> Result<ProvisionedTeam> {
    let id: GroupId = id.parse().map_err(|_| Fault::missing("group"))?;
    match session.vault.provisioned_group(&session.actor, id) {
        Err(keyward_vault::Error::Missing { .. }) => Err(Fault::missing("group")),
        found => Ok(found?),
    }
}

/// What a provider can change of a group, as it stands.
fn writable((group, said): &ProvisionedTeam) -> Map<String, Value> {
    let member = |member: &PrincipalId| {
        let id = id_of(member);
        json!({ "value": id, "type": "User", "$ref": format!("{BASE}/Users/{id}") })
    };
    let mut map = Map::new();
    map.insert("displayName".into(), said.display_name.clone().into());
    map.insert("members".into(), group.members.iter().map(member).collect());
    if let Some(id) = &said.external_id {
        map.insert("externalId".into(), id.clone().into());
    }
    map
}

/// A group as it is shown.
fn resource(one: &ProvisionedTeam) -> Value {
    let (group, said) = one;
    let mut map = writable(one);
    map.insert("schemas".into(), json!([GROUP]));
    map.insert("id".into(), group.id.to_string().into());
    map.insert(
        "meta".into(),
        json!({
            "resourceType": "Group", "created": group.created_at.to_string(),
            "lastModified": said.modified_at.to_string(), "location": format!("{BASE}/Groups/{}", group.id),
        }),
    );
    Value::Object(map)
}

impl Session {
    /// The groups of everybody.
    pub(super) fn memberships(&self) -> Result<Memberships> {
        let mut memberships = Memberships::new();
        for (group, said) in self.vault.provisioned_groups(&self.actor)? {
            let shown = membership(&group, &said);
            for member in group.members {
                memberships.entry(member).or_default().push(shown.clone());
            }
        }
        Ok(memberships)
    }

    /// The same for one person: nothing else is read for it.
    pub(super) fn memberships_of(&self, principal: &PrincipalId) -> Result<Memberships> {
        let groups = self.vault.provisioned_groups_of(&self.actor, principal)?;
        let shown: Vec<Value> = groups.iter().map(|(group, said)| membership(group, said)).collect();
        Ok(if shown.is_empty() { Memberships::new() } else { [(principal.clone(), shown)].into() })
    }
}

fn membership(group: &Group, said: &ProvisionedGroup) -> Value {
    json!({ "value": group.id.to_string(), "display": said.display_name, "type": "direct",
        "$ref": format!("{BASE}/Groups/{}", group.id) })
}
