//! What of its owner's rights a token has: `OPERATIONS:PATH`, for example `read:shop/development/*`.
//!
//! A path is compared by segments and never as a pattern: `*` stands alone in a segment or it is
//! refused, so that no name can be made to mean more than itself.

use std::fmt;
use std::str::FromStr;

use keyward_types::{EnvironmentId, EnvironmentName, Operation, ProjectId, ProjectName, SecretName};
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::{Facts, Object};

/// A scope as somebody writes it, in names.
///
/// | path | covers |
/// | --- | --- |
/// | `*` | everything, the vault itself too |
/// | `shop/*` | the project, its environments and their secrets |
/// | `shop/development/*` | one environment and its secrets |
/// | `shop/development/db/*` | secrets below `db/` |
/// | `shop/development/DB_URL` | one secret |
/// | `shop/*/DB_URL` | one name in every environment of the project |
///
/// Operations are joined by commas; `*` is all of them. `read` includes `list`: who may have the
/// values may know their names.
///
/// `scim` alone is another thing: no operation at all, and the one way to keep accounts and groups
/// as an identity provider has them. It is in no other scope.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScopeText {
    /// What may be done.
    pub operations: Vec<Operation>,
    /// In which project; `None`: in all.
    pub project: Option<ProjectName>,
    /// In which environment; `None`: in all.
    pub environment: Option<EnvironmentName>,
    /// With which secrets; `None`: with all.
    pub secrets: Option<Secrets>,
}

/// Some secrets of an environment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Secrets {
    /// The one of this name.
    Named(SecretName),
    /// Those whose names have these first segments and at least one more.
    Below(SecretName),
}

/// A scope as the store keeps it, in ids: a name that is given to something else later moves no
/// right.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TokenScope {
    /// What may be done.
    pub operations: Vec<Operation>,
    /// In which project; `None`: in all, and on the vault itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub project: Option<ProjectId>,
    /// In which environment; `None`: in all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub environment: Option<EnvironmentId>,
    /// With which secrets; `None`: with all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secrets: Option<Secrets>,
    /// How it was written.
    pub text: String,
}

/// Why a text is no scope.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("`{input}` is not a scope: {why}")]
pub struct ScopeError {
    input: String,
    why: String,
}

impl ScopeText {
    /// The same in ids.
    pub fn resolved(self, project: Option<ProjectId>, environment: Option<EnvironmentId>) -> TokenScope {
        let text = self.to_string();
        TokenScope { operations: self.operations, project, environment, secrets: self.secrets, text }
    }
}

impl ScopeText {
    /// Whether it is for keeping accounts and groups, and for nothing else.
    pub fn provisions(&self) -> bool {
        self.operations.is_empty()
    }
}

impl TokenScope {
    /// Whether it is for keeping accounts and groups, and for nothing else.
    pub fn provisions(&self) -> bool {
        self.operations.is_empty()
    }

    /// Whether the operation on this object is within the scope. An environment may be listed as
    /// soon as something in it may be; its secrets are asked about one by one then.
    pub fn covers(&self, operation: Operation, object: &Object, facts: &Facts<'_>) -> bool {
        self.allows(operation)
            && self.project.is_none_or(|project| object.project() == Some(project))
            && self.environment.is_none_or(|environment| object.environment() == Some(environment))
            && self.secrets.as_ref().is_none_or(|secrets| match &facts.secret {
                Some(secret) => secrets.include(secret.name),
                None => operation == Operation::List && matches!(object, Object::Environment(..)),
            })
    }

    /// Whether all that `other` allows is allowed by this one.
    pub fn includes(&self, other: &Self) -> bool {
        self.provisions() == other.provisions()
            && other.operations.iter().all(|operation| self.allows(*operation))
            && self.project.is_none_or(|project| other.project == Some(project))
            && self.environment.is_none_or(|environment| other.environment == Some(environment))
            && self.secrets.as_ref().is_none_or(|mine| other.secrets.as_ref().is_some_and(|theirs| mine.cover(theirs)))
    }

    fn allows(&self, operation: Operation) -> bool {
        self.operations.contains(&operation)
            || operation == Operation::List && self.operations.contains(&Operation::Read)
    }
}

impl Secrets {
    fn include(&self, name: &SecretName) -> bool {
        match self {
            Self::Named(named) => named == name,
            Self::Below(above) => is_below(above, name),
        }
    }

    fn cover(&self, other: &Self) -> bool {
        match (self, other) {
            (mine, Self::Named(name)) => mine.include(name),
            (Self::Below(mine), Self::Below(theirs)) => mine == theirs || is_below(mine, theirs),
            (Self::Named(_), Self::Below(_)) => false,
        }
    }
}

fn is_below(above: &SecretName, name: &SecretName) -> bool {
    name.as_str().strip_prefix(above.as_str()).is_some_and(|rest| rest.starts_with('/'))
}

impl FromStr for ScopeText {
    type Err = ScopeError;
    fn from_str(text: &str) -> Result<Self, ScopeError> {
        let fail =
            |why: String| ScopeError { input: text.chars().take(200).flat_map(char::escape_debug).collect(), why };
        if text == PROVISION {
            return Ok(Self { operations: Vec::new(), project: None, environment: None, secrets: None });
        }
        let (operations, path) =
            text.split_once(':').ok_or_else(|| fail("write it like `read:shop/development/*`".into()))?;
        let operations = operations_of(operations).map_err(fail)?;
        let whole = Self { operations, project: None, environment: None, secrets: None };
        match path.split('/').collect::<Vec<_>>().as_slice() {
            ["*"] => Ok(whole),
            [_] => Err(fail(format!("`{path}/*` is the whole project"))),
            [project, "*"] => Ok(Self { project: Some(named(project).map_err(fail)?), ..whole }),
            [_, _] => Err(fail(format!("`{path}/*` is the whole environment"))),
            [project, environment, rest @ ..] => {
                let project = Some(named(project).map_err(fail)?);
                let environment = match *environment {
                    "*" => None,
                    name => Some(named(name).map_err(fail)?),
                };
                let secrets = match rest {
                    ["*"] => None,
                    [above @ .., "*"] => Some(Secrets::Below(named(&above.join("/")).map_err(fail)?)),
                    name => Some(Secrets::Named(named(&name.join("/")).map_err(fail)?)),
                };
                Ok(Self { project, environment, secrets, ..whole })
            }
            [] => Err(fail("it has no path".into())),
        }
    }
}

/// The scope that is no part of its owner's rights.
const PROVISION: &str = "scim";

fn operations_of(text: &str) -> Result<Vec<Operation>, String> {
    if text == "*" {
        return Ok(Operation::ALL.to_vec());
    }
    let mut operations = text.split(',').map(str::parse).collect::<Result<Vec<Operation>, _>>()?;
    operations.sort();
    operations.dedup();
    Ok(operations)
}

fn named<T: FromStr<Err = keyward_types::Error>>(text: &str) -> Result<T, String> {
    text.parse().map_err(|error: keyward_types::Error| error.to_string())
}

impl fmt::Display for ScopeText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.provisions() {
            return f.write_str(PROVISION);
        }
        let operations = match self.operations.len() == Operation::ALL.len() {
            true => "*".to_owned(),
            false => self.operations.iter().map(|operation| operation.as_str()).collect::<Vec<_>>().join(","),
        };
        write!(f, "{operations}:")?;
        let Some(project) = &self.project else { return f.write_str("*") };
        write!(f, "{project}/")?;
        match (&self.environment, &self.secrets) {
            (None, None) => f.write_str("*"),
            (environment, secrets) => {
                let environment = environment.as_ref().map_or("*", |name| name.as_str());
                match secrets {
                    None => write!(f, "{environment}/*"),
                    Some(Secrets::Named(name)) => write!(f, "{environment}/{name}"),
                    Some(Secrets::Below(name)) => write!(f, "{environment}/{name}/*"),
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use keyward_types::{SecretId, VaultId};

    use super::*;
    use crate::SecretFacts;

    const VAULT: VaultId = VaultId::from_bytes([1; 16]);
    const SHOP: ProjectId = ProjectId::from_bytes([2; 16]);
    const DEVELOPMENT: EnvironmentId = EnvironmentId::from_bytes([3; 16]);

    fn scope(text: &str) -> TokenScope {
        let parsed: ScopeText = text.parse().unwrap();
        let project = parsed.project.as_ref().map(|_| SHOP);
        let environment = parsed.environment.as_ref().map(|_| DEVELOPMENT);
        parsed.resolved(project, environment)
    }

    fn covers(scope_text: &str, operation: Operation, secret: &str) -> bool {
        let name: SecretName = secret.parse().unwrap();
        let secret = SecretId::from_bytes([4; 16]);
        let place = keyward_types::Place { vault: VAULT, project: SHOP, environment: DEVELOPMENT, secret };
        let facts = Facts { secret: Some(SecretFacts::new_name(&name)), ..Facts::default() };
        scope(scope_text).covers(operation, &Object::Secret(place, None), &facts)
    }

    #[test]
    fn a_scope_is_read_back_as_it_was_written() {
        for text in [
            "*:*",
            "read:shop/*",
            "read,list:shop/development/*",
            "match:*",
            "read:shop/development/db/main/*",
            "use:shop/development/DB_URL",
            "read:shop/*/DB_URL",
        ] {
            assert_eq!(text.parse::<ScopeText>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn what_is_no_scope_is_refused_with_the_reason() {
        for (text, why) in [
            ("", "write it like"),
            ("read", "write it like"),
            ("read:", "/*` is the whole project"),
            ("read:shop", "`shop/*` is the whole project"),
            ("read:shop/development", "`shop/development/*` is the whole environment"),
            ("read:*/production/*", "is not allowed"),
            ("read:shop/dev*/A", "is not allowed"),
            ("read:shop/development/db*", "is not allowed"),
            ("read:shop/development/*/A", "is not allowed"),
            ("read:shop/development/../production/A", "cannot be `..`"),
            ("read:shop//A", "is empty"),
            ("read:shop/development/a//b", "is empty"),
            ("read:shop/development/a/", "is empty"),
            ("read:shop/dеvelopment/*", "look like one"),
            ("Read:shop/*", "is not an operation"),
            ("read,:shop/*", "is not an operation"),
            ("read,*:shop/*", "is not an operation"),
            ("read:shop/development/A,B", "is not allowed"),
            ("read:shop/development/a+b", "is not allowed"),
            ("read:shop/development/%2e%2e/A", "is not allowed"),
        ] {
            let error = text.parse::<ScopeText>().unwrap_err().to_string();
            assert!(error.contains(why), "{text}: {error}");
        }
    }

    proptest::proptest! {
        #[test]
        fn what_is_accepted_means_the_same_when_it_is_shown(
            text in "(\\*|read|list|use|write){1}(,(list|match|\\*))?:[a-z*/.,A-Z ]{0,24}",
        ) {
            if let Ok(scope) = text.parse::<ScopeText>() {
                proptest::prop_assert_eq!(scope.to_string().parse::<ScopeText>().unwrap(), scope);
                let path = text.split_once(':').unwrap().1;
                let stars = path.split('/').filter(|segment| segment.contains('*'));
                proptest::prop_assert!(stars.clone().all(|segment| segment == "*") && !path.contains(' '));
            }
        }
    }

    #[test]
    fn a_scope_ends_at_a_segment_and_at_upper_case() {
        assert!(covers("read:shop/development/db/*", Operation::Read, "db/main"));
        assert!(covers("read:shop/development/db/*", Operation::Read, "db/main/url"));
        for other in ["db", "db2/main", "DB/main", "db.main"] {
            assert!(!covers("read:shop/development/db/*", Operation::Read, other), "{other}");
        }
        assert!(covers("read:shop/*/DB_URL", Operation::Read, "DB_URL"));
        assert!(!covers("read:shop/*/DB_URL", Operation::Read, "DB_URL/old"));
        assert!(!covers("read:shop/*/DB_URL", Operation::Read, "db_url"));
    }

    #[test]
    fn reading_includes_listing_and_nothing_else() {
        assert!(covers("read:shop/development/A", Operation::List, "A"));
        assert!(!covers("read:shop/development/A", Operation::List, "B"));
        assert!(!covers("read:shop/development/A", Operation::Write, "A"));
        assert!(!covers("list:shop/development/A", Operation::Read, "A"));
    }

    #[test]
    fn an_environment_is_listed_for_some_of_its_secrets_but_neither_the_project_nor_the_vault() {
        let (scope, facts) = (scope("read:shop/development/db/*"), Facts::default());
        let environment = Object::Environment(VAULT, SHOP, DEVELOPMENT);
        assert!(scope.covers(Operation::List, &environment, &facts));
        assert!(!scope.covers(Operation::Read, &environment, &facts));
        assert!(!scope.covers(Operation::List, &Object::Project(VAULT, SHOP), &facts));
        assert!(!scope.covers(Operation::List, &Object::Vault(VAULT), &facts));
    }

    #[test]
    fn a_scope_includes_narrower_ones_alone() {
        let all = [
            "*:*",
            "read,write:shop/*",
            "read:shop/*",
            "read:shop/development/*",
            "read:shop/development/db/*",
            "read:shop/development/db/main",
        ];
        for (i, wide) in all.iter().enumerate() {
            for (j, narrow) in all.iter().enumerate() {
                assert_eq!(scope(wide).includes(&scope(narrow)), i <= j, "{wide} {narrow}");
            }
        }
        assert!(!scope("read:shop/development/*").includes(&scope("read:shop/*/A")));
        assert!(scope("read:shop/*/A").includes(&scope("list:shop/development/A")));
    }
}
