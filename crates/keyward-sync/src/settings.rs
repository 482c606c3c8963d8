//! How a target is reached, as it is kept: addresses and names, no credential.

use std::path::{Component, Path, PathBuf};

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::Target;
use crate::targets::{Command, EnvFile};

/// One kind of target with what it needs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Settings {
    /// A variable of a `.env` file.
    EnvFile {
        /// The file; absolute.
        path: PathBuf,
        /// The variable.
        variable: String,
    },
    /// A program that is given the value on standard input, or in a variable. It is started with
    /// these arguments, by no shell.
    Command {
        /// The program, absolute, and its arguments.
        arguments: Vec<String>,
        /// The variable that holds the value; `None`: it is on standard input.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        variable: Option<String>,
    },
}

/// Settings that cannot be meant.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{0}")]
pub struct Unfit(String);

impl Settings {
    /// The kind, as commands call it.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::EnvFile { .. } => "env-file",
            Self::Command { .. } => "command",
        }
    }

    /// Where it is, for people.
    pub fn address(&self) -> String {
        match self {
            Self::EnvFile { path, variable } => format!("{} {variable}", path.display()),
            Self::Command { arguments, .. } => arguments.join(" "),
        }
    }

    /// Whether these can be used at all.
    ///
    /// # Errors
    /// [`Unfit`] says what is wrong.
    pub fn judge(&self) -> Result<(), Unfit> {
        let plain = |path: &Path| path.is_absolute() && !path.components().any(|part| part == Component::ParentDir);
        let is_variable = |name: &str| {
            let is_part = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
            !name.is_empty() && name.bytes().all(is_part) && !name.as_bytes()[0].is_ascii_digit()
        };
        let named = |name: &str| match is_variable(name) {
            true => Ok(()),
            false => Err(Unfit(format!("`{}` is no name of a variable; `--as NAME` gives one", name.escape_debug()))),
        };
        match self {
            Self::EnvFile { path, variable } if plain(path) => named(variable),
            Self::EnvFile { path, .. } => Err(Unfit(format!("`{}` is no absolute path", path.display()))),
            Self::Command { arguments, variable } => {
                let program = arguments.first().map(Path::new).filter(|path| plain(path));
                if program.is_none() {
                    return Err(Unfit("a command begins with the absolute path of a program".into()));
                }
                variable.as_deref().map_or(Ok(()), named)
            }
        }
    }

    /// The target itself.
    pub fn target(&self) -> Box<dyn Target> {
        match self.clone() {
            Self::EnvFile { path, variable } => Box::new(EnvFile { path, variable }),
            Self::Command { arguments, variable } => Box::new(Command { arguments, variable }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_meant_is_refused() {
        let file = |path: &str, variable: &str| Settings::EnvFile { path: path.into(), variable: variable.into() };
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
}
