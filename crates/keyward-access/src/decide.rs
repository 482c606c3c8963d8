//! One decision: a principal in the roles that count for the resource, the resource with its
//! names, and nothing else. The resource is made for this request alone, so that nothing is kept
//! in memory for each secret there is; the principal in his roles is kept.
//!
//! A decision that was made once is remembered ([`Standing::decide`]). Made anew, on two cores of a
//! loaded machine, a read costs 12 µs with one role, 22 µs with three roles and
//! five groups, 43 µs with twenty own policies besides that speak of reading (fastest of 31 batches
//! of 1000, `cargo bench -p keyward-access --bench decision`). Callers whose rights are ids alone
//! never come here: nothing of Cedar is parsed for the owner of a local vault.

use std::collections::{HashMap, HashSet};
use std::sync::LazyLock;

use cedar_policy::{
    Authorizer, Context, Decision, Entities, Entity, EntityId, EntityTypeName, EntityUid, Request, RestrictedExpression,
};
use keyward_types::{EnvironmentName, Operation};

use crate::facts::Facts;
use crate::policy::{self, Deciding};
use crate::role::Roles;
use crate::{Object, Role, Standing};

/// What the policies say, and which of them said it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// Whether it is allowed.
    pub allowed: bool,
    /// The policies that decided, by name; none when nothing permits it.
    pub deciding: Vec<Deciding>,
    /// The roles that counted.
    pub roles: Vec<Role>,
}

/// How strict an environment is: what its exact name says. An unknown name is as strict as
/// production, whatever it looks like.
pub fn tier(environment: &EnvironmentName) -> &'static str {
    match environment.as_str() {
        "development" | "dev" | "test" => "development",
        "staging" | "stage" => "staging",
        _ => "production",
    }
}

pub(crate) fn decide(
    standing: &Standing,
    roles: Roles,
    operation: Operation,
    object: &Object,
    facts: &Facts<'_>,
) -> bool {
    match answer(standing, roles, operation, object, facts) {
        // A policy that cannot be evaluated might have forbidden it.
        Some(answer) => answer.decision() == Decision::Allow && answer.diagnostics().errors().next().is_none(),
        None => false,
    }
}

pub(crate) fn explain(
    standing: &Standing,
    roles: Roles,
    operation: Operation,
    object: &Object,
    facts: &Facts<'_>,
) -> Verdict {
    let mut verdict = Verdict { allowed: false, deciding: Vec::new(), roles: roles.iter().collect() };
    if let Some(answer) = answer(standing, roles, operation, object, facts) {
        let set = &standing.policies.set;
        verdict.allowed = answer.decision() == Decision::Allow && answer.diagnostics().errors().next().is_none();
        verdict.deciding = answer.diagnostics().reason().map(|id| policy::shown(set, id)).collect();
        verdict.deciding.sort();
    }
    verdict
}

/// `None` when the names are missing that policies speak of: then nothing can be decided.
fn answer(
    standing: &Standing,
    roles: Roles,
    operation: Operation,
    object: &Object,
    facts: &Facts<'_>,
) -> Option<cedar_policy::Response> {
    static AUTHORIZER: LazyLock<Authorizer> = LazyLock::new(Authorizer::new);
    let principal = standing.entity(roles, || principal(standing, roles))?;
    let resource = resource(object, facts)?;
    let (who, what) = (principal.uid(), resource.uid());
    let request = Request::new(who, action(operation), what, Context::empty(), None).ok()?;
    let entities = Entities::from_entities([principal, resource], None).ok()?;
    let slice = standing.policies.slice(operation, roles);
    Some(AUTHORIZER.is_authorized(&request, &slice.set, &entities))
}

fn principal(standing: &Standing, roles: Roles) -> Option<Entity> {
    let groups = standing.groups.iter().map(|(id, _)| uid(&TYPES.group, &id.to_string()));
    let parents: HashSet<EntityUid> = roles.iter().map(|role| uid(&TYPES.role, role.as_str())).chain(groups).collect();
    let kind = match standing.principal.sort()? {
        keyward_types::PrincipalSort::User => &TYPES.user,
        keyward_types::PrincipalSort::Service => &TYPES.service,
    };
    let names = standing.groups.iter().map(|(_, name)| text(name.as_str()));
    let attributes = HashMap::from([
        ("id".to_owned(), text(standing.principal.as_str())),
        ("login".to_owned(), text(standing.login.as_ref().map_or("", |login| login.as_str()))),
        ("groups".to_owned(), RestrictedExpression::new_set(names)),
    ]);
    Entity::new(uid(kind, standing.principal.as_str()), attributes, parents).ok()
}

fn resource(object: &Object, facts: &Facts<'_>) -> Option<Entity> {
    let vault = uid(&TYPES.vault, &object.vault().to_string());
    if let (Object::Account(_), Some(account)) = (object, &facts.account) {
        let owner = account.owner.map_or("", |owner| owner.as_str());
        let attributes =
            HashMap::from([("id".to_owned(), text(account.principal.as_str())), ("owner".to_owned(), text(owner))]);
        return Entity::new(uid(&TYPES.account, account.principal.as_str()), attributes, HashSet::from([vault])).ok();
    }
    let Some(project) = object.project() else {
        return matches!(object, Object::Vault(_)).then(|| Entity::new_no_attrs(vault, HashSet::new()));
    };
    let mut parents = HashSet::from([vault]);
    let mut attributes = HashMap::from([("project".to_owned(), text(facts.project?.as_str()))]);
    let project = uid(&TYPES.project, &project.to_string());
    let Some(environment) = object.environment() else { return Entity::new(project, attributes, parents).ok() };
    parents.insert(project);
    let name = facts.environment?;
    attributes.insert("environment".to_owned(), text(name.as_str()));
    attributes.insert("tier".to_owned(), text(tier(name)));
    let environment = uid(&TYPES.environment, &environment.to_string());
    // A name that is to be made is judged like a secret: it is one afterwards.
    let Some(secret) = &facts.secret else {
        let whole = matches!(object, Object::Environment(..));
        return if whole { Entity::new(environment, attributes, parents).ok() } else { None };
    };
    parents.insert(environment);
    attributes.insert("name".to_owned(), text(secret.name.as_str()));
    attributes.insert("kind".to_owned(), text(secret.kind.map_or("", |kind| kind.as_str())));
    attributes.insert("tags".to_owned(), RestrictedExpression::new_set(secret.tags.iter().map(|tag| text(tag))));
    let id = match object {
        Object::Secret(place, _) => place.secret.to_string(),
        _ => String::new(),
    };
    Entity::new(uid(&TYPES.secret, &id), attributes, parents).ok()
}

fn action(operation: Operation) -> EntityUid {
    static ACTIONS: LazyLock<Vec<EntityUid>> =
        LazyLock::new(|| Operation::ALL.iter().map(|operation| uid(&TYPES.action, operation.as_str())).collect());
    let place = Operation::ALL.iter().position(|other| *other == operation);
    place.map_or_else(|| uid(&TYPES.action, operation.as_str()), |place| ACTIONS[place].clone())
}

fn uid(kind: &EntityTypeName, id: &str) -> EntityUid {
    EntityUid::from_type_name_and_id(kind.clone(), EntityId::new(id))
}

fn text(text: &str) -> RestrictedExpression {
    RestrictedExpression::new_string(text.to_owned())
}

struct Types {
    user: EntityTypeName,
    service: EntityTypeName,
    group: EntityTypeName,
    role: EntityTypeName,
    vault: EntityTypeName,
    project: EntityTypeName,
    environment: EntityTypeName,
    secret: EntityTypeName,
    account: EntityTypeName,
    action: EntityTypeName,
}

static TYPES: LazyLock<Types> = LazyLock::new(|| {
    let named = |name: &str| name.parse().expect("the schema's type names are names");
    Types {
        user: named("User"),
        service: named("Service"),
        group: named("Group"),
        role: named("Role"),
        vault: named("Vault"),
        project: named("Project"),
        environment: named("Environment"),
        secret: named("Secret"),
        account: named("Account"),
        action: named("Action"),
    }
});
