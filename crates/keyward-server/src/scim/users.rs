//! People.

use axum::extract::Path;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use keyward_access::{Identity, Login};
use keyward_types::PrincipalId;
use keyward_vault::{Error, Provisioned};
use serde_json::{Map, Value, json};

use crate::input::Params;
use crate::problem::Problem;
use crate::scim::fault::{Fault, Result};
use crate::scim::filter::attribute;
use crate::scim::groups::Memberships;
use crate::scim::list::Wanted;
use crate::scim::session::{Caller, Sent, Session, shown};
use crate::scim::{BASE, ENTERPRISE, USER, patch};

/// What is not kept of what a provider says: what the server says itself, what it never takes from
/// here (passwords, roles), and what stands in the account.
const NOT_KEPT: [&str; 10] = [
    "schemas",
    "id",
    "meta",
    "groups",
    "externalId",
    "active",
    "password",
    "roles",
    "entitlements",
    "x509Certificates",
];

pub(super) async fn list(caller: Caller, wanted: Result<Params<Wanted>, Problem>) -> Result<Response> {
    let Params(wanted) = wanted?;
    let page = caller.ask(move |session| {
        let (vault, actor) = (&session.vault, &session.actor);
        let people = match wanted.user_name()? {
            Some(login) => vault.provisioned_user_called(actor, &login)?.into_iter().collect(),
            None => vault.provisioned_users(actor)?,
        };
        let memberships = match people.as_slice() {
            [(account, _)] => session.memberships_of(&account.principal)?,
            _ => session.memberships()?,
        };
        wanted.page(&people, |one| resource(one, &memberships))
    });
    Ok(shown(StatusCode::OK, &page.await?))
}

pub(super) async fn show(
    caller: Caller,
    Path(id): Path<String>,
    wanted: Result<Params<Wanted>, Problem>,
) -> Result<Response> {
    let Params(wanted) = wanted?;
    let one = caller.ask(move |session| Ok(wanted.cut(session.user(&found(session, &id)?)?)));
    Ok(shown(StatusCode::OK, &one.await?))
}

pub(super) async fn create(caller: Caller, Sent(sent): Sent) -> Result<Response> {
    let made = caller.ask(move |session| {
        let (vault, actor) = (&session.vault, &session.actor);
        let Said { login, name, external_id, active, attributes } = Said::of(&sent)?;
        let made = vault.provision_user(actor, &login, &name, external_id, attributes, active)?;
        session.user(&made)
    });
    Ok(shown(StatusCode::CREATED, &made.await?))
}

pub(super) async fn replace(caller: Caller, Path(id): Path<String>, Sent(sent): Sent) -> Result<Response> {
    let done = caller.change(move |session| {
        let known = found(session, &id)?;
        let said = Said::of(&sent)?;
        session.become_so(known, said)
    });
    Ok(shown(StatusCode::OK, &done.await?))
}

pub(super) async fn patch(caller: Caller, Path(id): Path<String>, Sent(sent): Sent) -> Result<Response> {
    let done = caller.change(move |session| {
        let known = found(session, &id)?;
        let mut changed = writable(&known);
        for operation in patch::operations(&sent)? {
            operation.apply(&mut changed)?;
        }
        session.become_so(known, Said::of(&changed)?)
    });
    Ok(shown(StatusCode::OK, &done.await?))
}

/// The account ends as with `active: false`, and is shown here no more.
pub(super) async fn delete(caller: Caller, Path(id): Path<String>) -> Result<Response> {
    let done = caller.change(move |session| {
        let account = session.end(found(session, &id)?.0)?;
        session.of_seen(&account, session.vault.unprovision_user(&session.actor, &account.principal))
    });
    done.await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// What a provider says of a person, taken apart.
struct Said {
    login: Login,
    name: String,
    external_id: Option<String>,
    active: bool,
    attributes: Value,
}

impl Said {
    fn of(sent: &Map<String, Value>) -> Result<Self> {
        let all = Value::Object(sent.clone());
        let user_name = text(&all, "userName")?.ok_or_else(|| Fault::wrong("invalidValue", "`userName` is missing"))?;
        // Names of users do not differ by case (RFC 7643, 4.1.1), and logins are lower case.
        let login: Login = user_name
            .to_lowercase()
            .parse()
            .map_err(|error: keyward_access::LoginError| Fault::wrong("invalidValue", error.to_string()))?;
        let kept = sent
            .iter()
            .filter(|(key, value)| !value.is_null() && !NOT_KEPT.iter().any(|not| not.eq_ignore_ascii_case(key)));
        let attributes = Value::Object(kept.map(|(key, value)| (key.clone(), value.clone())).collect());
        Ok(Self {
            name: name_of(&all, &user_name)?,
            external_id: text(&all, "externalId")?,
            active: active(&all)?,
            login,
            attributes,
        })
    }
}

impl Session {
    fn user(&self, one: &Provisioned) -> Result<Value> {
        Ok(resource(one, &self.memberships_of(&one.0.principal)?))
    }

    /// Ends or revives the account first, since that is what cannot wait, and then changes what is
    /// said of it.
    fn become_so(&self, known: Provisioned, said: Said) -> Result<Value> {
        let (account, before) = known;
        let account = match (account.is_enabled(), said.active) {
            (_, false) => self.end(account)?,
            (false, true) => self.of_seen(&account, self.vault.enable(&self.actor, &account.principal))?,
            (true, true) => account,
        };
        let changed = self.vault.change_provisioned_user(
            &self.actor,
            &(account, before),
            &said.login,
            &said.name,
            said.external_id,
            said.attributes,
        )?;
        self.user(&changed)
    }

    /// Tokens and sessions are dead when this returns, and what is to be done about it is on record:
    /// where an end was broken off between the two, that is made good.
    fn end(&self, account: Identity) -> Result<Identity> {
        let login = account.login.clone().ok_or_else(|| Fault::missing("user"))?;
        let account = match account.is_enabled() {
            // A refusal is one of the vault's own, with what it says.
            true => self.of_seen(&account, self.vault.disable(&self.actor, &account.principal))?,
            false if self.vault.offboarding_is_begun(&self.actor, &account)? => return Ok(account),
            false => account,
        };
        self.desk().offboard_account(&login, account.clone())?;
        Ok(account)
    }

    /// What is refused may be so because somebody else has done it since the account was seen.
    fn of_seen<T>(&self, seen: &Identity, done: Result<T, Error>) -> Result<T> {
        let is_refused = matches!(done, Err(Error::Refused(_)));
        if is_refused && self.vault.provisioned_user(&self.actor, &seen.principal)?.0 != *seen {
            return Err(Error::Raced(seen.principal.to_string()).into());
        }
        Ok(done?)
    }
}

fn found(session: &Session, id: &str) -> Result<Provisioned> {
    let principal: PrincipalId = format!("user:{id}").parse().map_err(|_| Fault::missing("user"))?;
    match session.vault.provisioned_user(&session.actor, &principal) {
        Err(Error::Missing { .. }) => Err(Fault::missing("user")),
        found => Ok(found?),
    }
}

/// How a person is called here.
pub(super) fn id_of(principal: &PrincipalId) -> &str {
    principal.as_str().strip_prefix("user:").unwrap_or(principal.as_str())
}

/// What a provider can change of a person, as it stands.
fn writable((account, said): &Provisioned) -> Map<String, Value> {
    let login = account.login.as_ref().map_or(account.principal.as_str(), Login::as_str);
    let attributes = said.as_ref().and_then(|said| said.attributes.as_object().cloned());
    let mut map =
        attributes.unwrap_or_else(|| [("displayName".to_owned(), account.name.clone().into())].into_iter().collect());
    let spelled = map.get("userName").and_then(Value::as_str).is_some_and(|name| name.to_lowercase() == login);
    if !spelled {
        map.insert("userName".into(), login.into());
    }
    map.insert("active".into(), account.is_enabled().into());
    if let Some(id) = said.as_ref().and_then(|said| said.external_id.clone()) {
        map.insert("externalId".into(), id.into());
    }
    map
}

/// A person as he is shown.
fn resource(one: &Provisioned, groups: &Memberships) -> Value {
    let (account, said) = one;
    let mut map = writable(one);
    let id = id_of(&account.principal);
    let schemas: Vec<&str> = [USER].into_iter().chain(map.contains_key(ENTERPRISE).then_some(ENTERPRISE)).collect();
    let modified = said
        .as_ref()
        .map_or(account.created_at, |said| said.modified_at)
        .max(account.disabled_at.unwrap_or(account.created_at));
    map.insert("schemas".into(), json!(schemas));
    map.insert("id".into(), id.into());
    if let Some(member_of) = groups.get(&account.principal) {
        map.insert("groups".into(), member_of.clone().into());
    }
    map.insert(
        "meta".into(),
        json!({
            "resourceType": "User", "created": account.created_at.to_string(), "lastModified": modified.to_string(),
            "location": format!("{BASE}/Users/{id}"),
        }),
    );
    Value::Object(map)
}

/// What people call him: what the provider shows, else his name's parts, else his login.
fn name_of(all: &Value, user_name: &str) -> Result<String> {
    let parts = attribute(all, "name").cloned().unwrap_or_default();
    let whole = match (text(&parts, "givenName")?, text(&parts, "familyName")?) {
        (Some(given), Some(family)) => Some(format!("{given} {family}")),
        (one, other) => one.or(other),
    };
    let name =
        text(all, "displayName")?.or(text(&parts, "formatted")?).or(whole).unwrap_or_else(|| user_name.to_owned());
    Ok(name.trim().to_owned())
}

/// Whether the account lives. Some providers write booleans as words.
fn active(all: &Value) -> Result<bool> {
    let wrong = || Fault::wrong("invalidValue", "`active` is `true` or `false`");
    match attribute(all, "active") {
        None | Some(Value::Null) => Ok(true),
        Some(Value::Bool(active)) => Ok(*active),
        Some(Value::String(word)) => word.to_ascii_lowercase().parse().map_err(|_| wrong()),
        Some(_) => Err(wrong()),
    }
}

pub(super) fn text(of: &Value, name: &str) -> Result<Option<String>> {
    match attribute(of, name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) if text.trim().is_empty() => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.clone())),
        Some(_) => Err(Fault::wrong("invalidValue", format!("`{name}` is a text"))),
    }
}
