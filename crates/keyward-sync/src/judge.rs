//! Whether settings can be meant at all, before they are kept.

use std::path::{Component, Path};

use keyward_upstream::Site;
use thiserror::Error;

use crate::Settings;
use crate::targets::Restart;

/// Settings that cannot be meant.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{0}")]
pub struct Unfit(String);

impl Unfit {
    pub(crate) const fn because(why: String) -> Self {
        Self(why)
    }
}

impl Settings {
    /// Whether these can be used at all.
    ///
    /// # Errors
    /// [`Unfit`] says what is wrong.
    pub fn judge(&self) -> Result<(), Unfit> {
        match self {
            Self::EnvFile { path, variable, restart } => {
                absolute(path)?;
                is_variable(variable)?;
                restart.as_ref().map_or(Ok(()), judge_restart)
            }
            Self::Command { arguments, variable } => {
                let program = arguments.first().map(Path::new).filter(|path| plain(path));
                program.ok_or_else(|| unfit("a command begins with the absolute path of a program"))?;
                variable.as_deref().map_or(Ok(()), is_variable)
            }
            Self::Webhook { url, .. } => address(url),
            Self::VaultKv { address: at, mount, path, field, .. } => {
                address(at)?;
                [("mount", mount), ("path", path)].into_iter().try_for_each(|(what, text)| segments(what, text))?;
                of("a field's name", field, 1..=512, |c| !c.is_control())
            }
            Self::Kubernetes { address: at, namespace, secret, key, .. } => {
                address(at)?;
                let dns = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '.');
                of("a namespace", namespace, 1..=63, dns)?;
                of("a Secret's name", secret, 1..=253, dns)?;
                of("a key", key, 1..=253, |c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'))
            }
            Self::GithubActions { repository, environment, name, .. } => judge_github(repository, environment, name),
            Self::AwsSm { region, name, .. } => {
                of("a region", region, 1..=32, |c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')?;
                let fits = |c: char| c.is_ascii_alphanumeric() || "/_+=.@-".contains(c);
                of("a secret's name at AWS", name, 1..=512, fits)
            }
            Self::AwsSsm { region, name, .. } => {
                of("a region", region, 1..=32, |c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')?;
                of("a parameter's name", name, 1..=1011, |c| c.is_ascii_alphanumeric() || "/_.-".contains(c))?;
                let first = name.trim_start_matches('/').to_ascii_lowercase();
                match first.starts_with("aws") || first.starts_with("ssm") {
                    true => Err(unfit("a parameter's name does not begin with `aws` or `ssm`")),
                    false if name.matches('/').count() > 15 => Err(unfit("a parameter's name has 15 levels at most")),
                    false => Ok(()),
                }
            }
            Self::AzureKv { vault, name, .. } => {
                of("a vault's name", vault, 3..=24, |c| c.is_ascii_alphanumeric() || c == '-')?;
                of("a secret's name at Azure", name, 1..=127, |c| c.is_ascii_alphanumeric() || c == '-')
            }
            Self::GcpSm { project, name, .. } => {
                of("a project", project, 1..=63, |c| c.is_ascii_alphanumeric() || matches!(c, '-' | ':' | '.'))?;
                of("a secret's name at Google", name, 1..=255, |c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-'))
            }
        }
    }
}

fn judge_github(repository: &str, environment: &Option<String>, name: &str) -> Result<(), Unfit> {
    let part = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    let (owner, repository) = repository.split_once('/').ok_or_else(|| unfit("a repository is `owner/name`"))?;
    of("a repository's owner", owner, 1..=100, part)?;
    of("a repository's name", repository, 1..=100, part)?;
    if let Some(environment) = environment {
        of("an environment's name", environment, 1..=255, |c| !c.is_control())?;
    }
    of("a secret's name at GitHub", name, 1..=255, |c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_')?;
    match name.starts_with("GITHUB_") || name.starts_with(|c: char| c.is_ascii_digit()) {
        true => Err(unfit("a secret's name at GitHub begins with no digit and not with `GITHUB_`; `--as` gives one")),
        false => Ok(()),
    }
}

fn judge_restart(restart: &Restart) -> Result<(), Unfit> {
    match restart {
        Restart::Systemd(unit) => {
            of("a unit", unit, 1..=255, |c| c.is_ascii_alphanumeric() || ":-_.\\@".contains(c))?;
            if unit.starts_with('-') { Err(unfit("a unit's name begins with no `-`")) } else { Ok(()) }
        }
        Restart::Hangup(path) => absolute(path),
    }
}

fn unfit(why: &str) -> Unfit {
    Unfit(why.into())
}

fn plain(path: &Path) -> bool {
    path.is_absolute() && !path.components().any(|part| part == Component::ParentDir)
}

fn absolute(path: &Path) -> Result<(), Unfit> {
    if plain(path) { Ok(()) } else { Err(Unfit(format!("`{}` is no absolute path", path.display()))) }
}

fn address(url: &str) -> Result<(), Unfit> {
    Site::own(url).map(drop).map_err(|error| Unfit(format!("`{}`: {error}", url.escape_debug())))
}

fn is_variable(name: &str) -> Result<(), Unfit> {
    let is_part = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    match !name.is_empty() && name.bytes().all(is_part) && !name.as_bytes()[0].is_ascii_digit() {
        true => Ok(()),
        false => Err(Unfit(format!("`{}` is no name of a variable; `--as NAME` gives one", name.escape_debug()))),
    }
}

fn segments(what: &str, path: &str) -> Result<(), Unfit> {
    let odd = |part: &str| part.is_empty() || part == "." || part == ".." || part.contains(char::is_control);
    match path.len() > 512 || path.split('/').any(odd) {
        true => Err(Unfit(format!("`{}` is no {what}", path.escape_debug()))),
        false => Ok(()),
    }
}

fn of(
    what: &str,
    text: &str,
    lengths: std::ops::RangeInclusive<usize>,
    fits: impl Fn(char) -> bool,
) -> Result<(), Unfit> {
    match lengths.contains(&text.len()) && text.chars().all(fits) {
        true => Ok(()),
        false => Err(Unfit(format!("`{}` cannot be {what}; `--as` gives another name", text.escape_debug()))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_meant_is_refused() {
        let file = |path: &str, variable: &str| Settings::EnvFile {
            path: path.into(),
            variable: variable.into(),
            restart: None,
        };
        assert!(file("/srv/app/.env", "KEY").judge().is_ok());
        for unfit in
            [file(".env", "KEY"), file("/srv/../etc/.env", "KEY"), file("/srv/.env", "A B"), file("/srv/.env", "")]
        {
            assert!(unfit.judge().is_err(), "{unfit:?}");
        }
        let command = |arguments: &[&str]| Settings::Command {
            arguments: arguments.iter().map(|&argument| argument.to_owned()).collect(),
            variable: None,
        };
        assert!(command(&["/bin/cat", "-"]).judge().is_ok());
        assert!(command(&[]).judge().is_err() && command(&["cat"]).judge().is_err());
    }

    #[test]
    fn names_and_addresses_of_stores_are_judged_before_they_are_kept() {
        let github = |repository: &str, name: &str| Settings::GithubActions {
            repository: repository.into(),
            environment: None,
            name: name.into(),
            adopt: false,
        };
        assert!(github("shop/api", "DATABASE_URL").judge().is_ok());
        for (repository, name) in [("shop", "A"), ("shop/api", "GITHUB_A"), ("shop/api", "1A"), ("a/b/c", "A")] {
            assert!(github(repository, name).judge().is_err(), "{repository} {name}");
        }
        let azure = |name: &str| Settings::AzureKv { vault: "shop".into(), name: name.into(), adopt: false };
        assert!(azure("DATABASE-URL").judge().is_ok() && azure("DATABASE_URL").judge().is_err());
        let parameter =
            |name: &str| Settings::AwsSsm { region: "eu-central-1".into(), name: name.into(), adopt: false };
        assert!(parameter("/shop/KEY").judge().is_ok());
        assert!(parameter("/aws/KEY").judge().is_err() && parameter("/a b").judge().is_err());
        let kv = |address: &str, path: &str| Settings::VaultKv {
            address: address.into(),
            mount: "secret".into(),
            path: path.into(),
            field: "KEY".into(),
            namespace: None,
            ca: None,
            adopt: false,
        };
        assert!(kv("https://vault.internal:8200", "shop/api").judge().is_ok());
        assert!(kv("http://127.0.0.1:8200", "shop").judge().is_ok());
        assert!(kv("http://vault.internal:8200", "shop").judge().is_err());
        assert!(kv("https://vault.internal", "../sys").judge().is_err() && kv("https://v", "a//b").judge().is_err());
    }
}
