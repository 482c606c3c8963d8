//! The environment of a child: what it inherits, what the vault adds, and names that are refused
//! because they change what is executed.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};

use keyward_types::SecretName;

mod dangerous;

pub use dangerous::{dangerous, dangerous_with};

/// What a child gets, and what deserves a word.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Composed {
    /// The whole environment.
    pub env: Vec<(OsString, OsString)>,
    /// Names whose inherited value gave way to the vault's.
    pub overridden: Vec<SecretName>,
    /// Names whose inherited value was kept instead of the vault's.
    pub kept: Vec<SecretName>,
}

/// Why a value cannot become a variable.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Unfit {
    /// Its name changes what is executed.
    #[error("`{name}` {why}")]
    Dangerous {
        /// The name.
        name: SecretName,
        /// What it would change.
        why: &'static str,
    },
    /// Its name is no variable's name.
    #[error("`{0}` is no variable's name: use one segment of A-Z a-z 0-9 _")]
    Name(SecretName),
    /// Its value holds a NUL, which no variable can.
    #[error("the value of `{0}` holds a NUL byte, which no variable can")]
    Nul(SecretName),
}

/// How values and inherited variables come together.
#[derive(Clone, Copy, Debug, Default)]
pub struct Rules<'a> {
    /// An inherited value wins over the vault's.
    pub keep_existing: bool,
    /// Names that may be set although they change what is executed.
    pub allowed: &'a [SecretName],
}

/// Composes the environment of a child. Credentials of keyward itself never reach it.
///
/// # Errors
/// [`Unfit`] for the first value that cannot or must not become a variable.
pub fn compose(
    inherited: impl IntoIterator<Item = (OsString, OsString)>,
    values: impl IntoIterator<Item = (SecretName, OsString)>,
    rules: Rules<'_>,
) -> Result<Composed, Unfit> {
    let mut env: BTreeMap<OsString, OsString> = inherited.into_iter().filter(|(name, _)| !is_ours(name)).collect();
    let mut composed = Composed::default();
    for (name, value) in values {
        fits(&name, &value, rules)?;
        let variable = OsString::from(name.as_str());
        match env.get(&variable) {
            Some(inherited) if rules.keep_existing => {
                if *inherited != value {
                    composed.kept.push(name);
                }
                continue;
            }
            Some(inherited) if *inherited != value => composed.overridden.push(name),
            _ => {}
        }
        env.insert(variable, value);
    }
    composed.env = env.into_iter().collect();
    Ok(composed)
}

fn fits(name: &SecretName, value: &OsStr, rules: Rules<'_>) -> Result<(), Unfit> {
    if !name.is_variable() {
        return Err(Unfit::Name(name.clone()));
    }
    if value.as_encoded_bytes().contains(&0) {
        return Err(Unfit::Nul(name.clone()));
    }
    match dangerous_with(name.as_str(), value.as_encoded_bytes()) {
        Some(why) if !rules.allowed.contains(name) => Err(Unfit::Dangerous { name: name.clone(), why }),
        _ => Ok(()),
    }
}

/// What unlocks the vault is not the child's.
fn is_ours(name: &OsStr) -> bool {
    let name = name.to_string_lossy();
    name.starts_with("KEYWARD_PASSPHRASE")
        || name == "KEYWARD_TOKEN"
        || name == "KEYWARD_KEYS"
        || name == "KEYWARD_AGE_IDENTITY"
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> SecretName {
        text.parse().unwrap()
    }

    fn pairs(list: &[(&str, &str)]) -> Vec<(OsString, OsString)> {
        list.iter().map(|(name, value)| (name.into(), value.into())).collect()
    }

    fn values(list: &[(&str, &str)]) -> Vec<(SecretName, OsString)> {
        list.iter().map(|(text, value)| (name(text), value.into())).collect()
    }

    #[test]
    fn the_vault_wins_and_says_so() {
        let inherited = pairs(&[("A", "old"), ("B", "same"), ("HOME", "/home")]);
        let composed =
            compose(inherited, values(&[("A", "new"), ("B", "same"), ("C", "1")]), Rules::default()).unwrap();
        assert_eq!(composed.env, pairs(&[("A", "new"), ("B", "same"), ("C", "1"), ("HOME", "/home")]));
        assert_eq!(composed.overridden, [name("A")]);
    }

    #[test]
    fn what_exists_is_kept_on_request() {
        let rules = Rules { keep_existing: true, ..Rules::default() };
        let composed = compose(pairs(&[("A", "old")]), values(&[("A", "new"), ("B", "1")]), rules).unwrap();
        assert_eq!(composed.env, pairs(&[("A", "old"), ("B", "1")]));
        assert_eq!(composed.kept, [name("A")]);
    }

    #[test]
    fn keywards_own_credentials_stay_behind() {
        let inherited = pairs(&[
            ("KEYWARD_PASSPHRASE", "x"),
            ("KEYWARD_PASSPHRASE_FILE", "x"),
            ("KEYWARD_TOKEN", "x"),
            ("KEYWARD_KEYS", "x"),
            ("KEYWARD_ENV", "staging"),
        ]);
        let composed = compose(inherited, [], Rules::default()).unwrap();
        assert_eq!(composed.env, pairs(&[("KEYWARD_ENV", "staging")]));
    }

    #[test]
    fn names_that_change_what_is_executed_are_refused_unless_allowed() {
        for (text, value) in [("LD_PRELOAD", "x"), ("Path", "x"), ("npm_config_shell", "x"), ("ENV", "/tmp/x")] {
            let refused = compose([], values(&[(text, value)]), Rules::default());
            assert!(matches!(refused, Err(Unfit::Dangerous { .. })), "{text}");
            let allowed = [name(text)];
            let rules = Rules { allowed: &allowed, ..Rules::default() };
            assert!(compose([], values(&[(text, value)]), rules).is_ok(), "{text}");
        }
        assert!(compose([], values(&[("ENV", "production")]), Rules::default()).is_ok());
        // What is inherited is not the vault's doing.
        let inherited = pairs(&[("LD_PRELOAD", "x")]);
        assert_eq!(compose(inherited.clone(), [], Rules::default()).unwrap().env, inherited);
    }

    #[test]
    fn what_is_no_variable_is_refused() {
        assert!(matches!(compose([], values(&[("db/main", "x")]), Rules::default()), Err(Unfit::Name(_))));
        assert!(matches!(compose([], values(&[("A.B", "x")]), Rules::default()), Err(Unfit::Name(_))));
        assert!(matches!(compose([], values(&[("A", "x\0y")]), Rules::default()), Err(Unfit::Nul(_))));
    }
}
