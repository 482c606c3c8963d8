//! Policies: the roles' and one's own, in Cedar.

use std::collections::{BTreeSet, HashMap};
use std::str::FromStr;
use std::sync::{Arc, LazyLock, PoisonError, RwLock};

use cedar_policy::{
    ActionConstraint, Effect, Policy, PolicyId, PolicySet, PrincipalConstraint, Schema, ValidationMode, Validator,
};
use keyward_types::{Operation, PrincipalId, Record, Timestamp};
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::Login;
use crate::role::Roles;

/// One's own policy, as the store keeps it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PolicyRecord {
    /// What it is called.
    pub name: Login,
    /// Cedar: one policy or several.
    pub text: String,
    /// Whether it counts.
    pub enabled: bool,
    /// Since when it reads like this.
    pub changed_at: Timestamp,
    /// Who wrote it.
    pub changed_by: PrincipalId,
}

/// The roles' policies and one's own, parsed once. Own ones can permit and forbid; a `forbid` wins.
#[derive(Debug, Default)]
pub struct Policies {
    pub(crate) set: PolicySet,
    own: usize,
    lists_vary: bool,
    /// What can matter to one operation and to who has these roles: a decision evaluates every
    /// policy that it is shown.
    slices: RwLock<HashMap<(Operation, Roles), Arc<Slice>>>,
}

/// The policies that can matter to a question.
#[derive(Debug, Default)]
pub(crate) struct Slice {
    pub(crate) set: PolicySet,
    own: bool,
}

impl Slice {
    /// Whether two secrets of one environment may be judged differently: the roles do not tell them
    /// apart, one's own policies may.
    pub(crate) fn tells_secrets_apart(&self) -> bool {
        self.own
    }
}

/// Why a text is no policy.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("policy `{name}` {why}")]
pub struct PolicyError {
    /// Which one.
    pub name: Login,
    /// What is wrong with it: the parser's or the validator's words.
    pub why: String,
}

/// Largest text of one policy, in bytes.
pub const MAX_POLICY: usize = 16 * 1024;

/// What policies can speak of, in Cedar's schema language.
pub const SCHEMA_TEXT: &str = include_str!("../data/schema.cedarschema");

/// What the roles allow, in Cedar.
pub const ROLES_TEXT: &str = include_str!("../data/roles.cedar");

/// Before the name of a role's policy, where one's own have none.
const ROLE: &str = "role:";

pub(crate) static SCHEMA: LazyLock<Schema> = LazyLock::new(|| {
    let parsed = Schema::from_cedarschema_str(SCHEMA_TEXT);
    parsed.expect("the schema parses, as its test says").0
});

static ROLES: LazyLock<PolicySet> = LazyLock::new(|| {
    let parsed = PolicySet::from_str(ROLES_TEXT).expect("the roles parse, as their test says");
    let mut set = PolicySet::new();
    for policy in parsed.policies() {
        let name = policy.annotation("id").expect("each policy of a role has a name");
        set.add(policy.new_id(PolicyId::new(format!("{ROLE}{name}")))).expect("names of policies differ");
    }
    set
});

impl Policies {
    /// The roles alone.
    pub fn of_roles() -> Arc<Self> {
        static ALONE: LazyLock<Arc<Policies>> =
            LazyLock::new(|| Arc::new(Policies { set: ROLES.clone(), ..Policies::default() }));
        Arc::clone(&ALONE)
    }

    /// The roles and those of one's own policies that are enabled.
    ///
    /// # Errors
    /// A [`PolicyError`] for the first that does not parse or does not fit the schema: leaving it
    /// out would leave out what it forbids.
    pub fn with<'a>(own: impl IntoIterator<Item = &'a PolicyRecord>) -> Result<Arc<Self>, PolicyError> {
        let mut policies = Self { set: ROLES.clone(), ..Self::default() };
        for record in own.into_iter().filter(|record| record.enabled) {
            let parsed = parse(&record.name, &record.text)?;
            for policy in parsed.policies() {
                policies.own += 1;
                policies.lists_vary |= speaks_of(&policy.action_constraint(), Operation::List);
                let added = policies.set.add(policy.clone());
                added.map_err(|error| PolicyError { name: record.name.clone(), why: format!("clashes: {error}") })?;
            }
        }
        Ok(if policies.own == 0 { Self::of_roles() } else { Arc::new(policies) })
    }

    /// Whether a text is a policy that fits the schema; what its author should know besides.
    ///
    /// # Errors
    /// A [`PolicyError`] when it is none.
    pub fn check(name: &Login, text: &str) -> Result<Vec<String>, PolicyError> {
        let parsed = parse(name, text)?;
        let checked = Validator::new(SCHEMA.clone()).validate(&parsed, ValidationMode::Strict);
        Ok(checked.validation_warnings().map(|warning| one_line(&warning.to_string())).collect())
    }

    /// Those that can be satisfied by this operation of somebody with these roles, by what stands
    /// in their heads: the others have another action, or another role as principal.
    pub(crate) fn slice(&self, operation: Operation, roles: Roles) -> Arc<Slice> {
        let slices = self.slices.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(slice) = slices.get(&(operation, roles)) {
            return Arc::clone(slice);
        }
        drop(slices);
        let mut slice = Slice::default();
        for policy in self.set.policies().filter(|policy| can_matter(policy, operation, roles)) {
            let id: &str = policy.id().as_ref();
            slice.own |= !id.starts_with(ROLE);
            slice.set.add(policy.clone()).expect("names of policies differ in the whole, and so in a part");
        }
        let slice = Arc::new(slice);
        let mut slices = self.slices.write().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(slices.entry((operation, roles)).or_insert(slice))
    }

    /// Whether two secrets of one environment may differ in who may list them: the roles do not
    /// tell them apart, one's own policies may.
    pub fn lists_vary(&self) -> bool {
        self.lists_vary
    }
}

/// Parses and validates one record's text. Several policies in it are `name`, `name#2`, …
fn parse(name: &Login, text: &str) -> Result<PolicySet, PolicyError> {
    let fail = |why: String| PolicyError { name: name.clone(), why };
    if text.len() > MAX_POLICY {
        return Err(fail(format!("has {} bytes, {MAX_POLICY} are allowed", text.len())));
    }
    let parsed = PolicySet::from_str(text).map_err(|error| fail(format!("cannot be read: {}", causes(&error))))?;
    if parsed.num_of_templates() > 0 {
        return Err(fail("is a template: nothing would ever fill its slots".into()));
    }
    // In the order of the text, which is that of the parser's numbers.
    let mut policies: Vec<_> = parsed.policies().collect();
    policies.sort_by_key(|policy| {
        let id: &str = policy.id().as_ref();
        id.trim_start_matches("policy").parse::<usize>().unwrap_or(usize::MAX)
    });
    if policies.is_empty() {
        return Err(fail("holds no policy".into()));
    }
    let mut set = PolicySet::new();
    for (i, policy) in policies.into_iter().enumerate() {
        let id = if i == 0 { name.to_string() } else { format!("{name}#{}", i + 1) };
        set.add(policy.new_id(PolicyId::new(id))).map_err(|error| fail(format!("cannot be read: {error}")))?;
    }
    let checked = Validator::new(SCHEMA.clone()).validate(&set, ValidationMode::Strict);
    let faults: BTreeSet<String> = checked.validation_errors().map(|error| one_line(&error.to_string())).collect();
    match faults.is_empty() {
        true => Ok(set),
        false => Err(fail(format!("does not fit the schema: {}", faults.into_iter().collect::<Vec<_>>().join("; ")))),
    }
}

fn can_matter(policy: &Policy, operation: Operation, roles: Roles) -> bool {
    let by_role = match policy.principal_constraint() {
        PrincipalConstraint::In(uid) if uid.type_name().basename() == "Role" => {
            roles.iter().any(|role| uid.id().unescaped() == role.as_str())
        }
        _ => true,
    };
    by_role && speaks_of(&policy.action_constraint(), operation)
}

/// Actions are in no groups, so that `in` means one of those that are listed.
fn speaks_of(actions: &ActionConstraint, operation: Operation) -> bool {
    let is_it = |uid: &cedar_policy::EntityUid| uid.id().unescaped() == operation.as_str();
    match actions {
        ActionConstraint::Any => true,
        ActionConstraint::Eq(uid) => is_it(uid),
        ActionConstraint::In(uids) => uids.iter().any(is_it),
    }
}

/// The names of policies that decided, the roles' without their prefix.
pub(crate) fn shown(set: &PolicySet, id: &PolicyId) -> Deciding {
    let text: &str = id.as_ref();
    let forbids = set.policy(id).is_some_and(|policy| policy.effect() == Effect::Forbid);
    match text.strip_prefix(ROLE) {
        Some(role) => Deciding { name: role.to_owned(), of_role: true, forbids },
        None => Deciding { name: text.to_owned(), of_role: false, forbids },
    }
}

/// A policy that decided.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Deciding {
    /// Its name: of one's own, or in `data/roles.cedar`.
    pub name: String,
    /// Whether it is one of the roles' policies.
    pub of_role: bool,
    /// Whether it forbids.
    pub forbids: bool,
}

fn causes(error: &dyn std::error::Error) -> String {
    let mut text = one_line(&error.to_string());
    let mut next = error.source();
    while let Some(source) = next {
        text = format!("{text}: {}", one_line(&source.to_string()));
        next = source.source();
    }
    text
}

/// The author's text may hold anything.
fn one_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

impl Record for PolicyRecord {
    const COLLECTION: &'static str = "policy";

    fn key(&self) -> Vec<u8> {
        self.name.as_str().as_bytes().to_vec()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name() -> Login {
        "mine".parse().unwrap()
    }

    fn why(text: &str) -> String {
        Policies::check(&name(), text).unwrap_err().to_string()
    }

    #[test]
    fn the_roles_fit_the_schema() {
        let checked = Validator::new(SCHEMA.clone()).validate(&ROLES, ValidationMode::Strict);
        let faults: Vec<_> = checked.validation_errors().map(ToString::to_string).collect();
        assert!(faults.is_empty(), "{faults:?}");
        assert!(checked.validation_warnings().next().is_none());
    }

    /// Decisions by roles alone are remembered for all secrets of an environment.
    #[test]
    fn the_roles_speak_of_no_single_secret() {
        for word in [".name", ".kind", ".tags", ".project", "has ", "Secret::", "resource =="] {
            assert!(!ROLES_TEXT.contains(word), "{word}");
        }
    }

    #[test]
    fn a_policy_that_does_not_fit_the_schema_is_refused_with_the_reason() {
        assert!(why(r#"forbid (principal, action == Action::"raed", resource);"#).contains("raed"));
        assert!(why(r#"permit (principal, action, resource) when { resource.colour == "red" };"#).contains("colour"));
        assert!(why("permit (principal, action").contains("cannot be read"));
        assert!(why("permit (principal == ?principal, action, resource);").contains("template"));
        assert!(why("// nothing").contains("no policy"));
        assert!(why(&format!("// {}", "x".repeat(MAX_POLICY))).contains("bytes"));
    }

    #[test]
    fn an_attribute_that_not_every_resource_has_needs_a_guard() {
        let text = r#"forbid (principal, action, resource) when { resource.environment == "production" };"#;
        assert!(why(text).contains("environment"));
        let guarded = r#"forbid (principal, action, resource)
            when { resource has environment && resource.environment == "production" };"#;
        assert!(Policies::check(&name(), guarded).unwrap().is_empty());
    }

    #[test]
    fn only_policies_that_may_speak_of_list_make_lists_vary() {
        let vary = |text: &str| {
            let record = PolicyRecord {
                name: name(),
                text: text.into(),
                enabled: true,
                changed_at: Timestamp(0),
                changed_by: "user:a".parse().unwrap(),
            };
            Policies::with([&record]).unwrap().lists_vary()
        };
        assert!(!vary(r#"forbid (principal, action == Action::"read", resource);"#));
        assert!(vary(r#"forbid (principal, action in [Action::"read", Action::"list"], resource);"#));
        assert!(vary("forbid (principal, action, resource);"));
    }
}
