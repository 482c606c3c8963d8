//! What every command works with: the environment, the global flags, and the way to the vault.

use std::cell::{OnceCell, RefCell};
use std::path::PathBuf;

use keyward_client::{AccessKey, Ask, Code, Connection, Failure, GivenToken, Home, Occasion, Result, ServerUrl, Where};
use keyward_types::{EnvironmentName, ProjectName, Secret, VaultId};

use crate::cli::Global;
use crate::config::{self, Config};
use crate::folder::Folder;
use crate::keyring::Keyring;
use crate::{output, terminal};

/// The surroundings of one command.
pub(crate) struct Context {
    /// What the environment says.
    pub(crate) config: Config,
    /// What the flags say.
    pub(crate) global: Global,
    /// The command's name, for the log.
    pub(crate) command: String,
    /// Where the command was called.
    pub(crate) current: PathBuf,
    /// The server that was asked, so that an error names it, and no other.
    pub(crate) asked: OnceCell<ServerUrl>,
    /// What this workload was given, at which server: kept nowhere else.
    pub(crate) workload_tokens: RefCell<Vec<(ServerUrl, GivenToken)>>,
}

/// Where a command works, and how that was found.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    /// Project and environment.
    pub(crate) at: Where,
    /// Nobody named the environment.
    pub(crate) environment_is_default: bool,
    /// The folder's manifest, when it decided or agrees.
    pub(crate) folder: Option<Folder>,
}

impl Context {
    /// The folders of the local vault.
    pub(crate) fn home(&self) -> Result<Home> {
        self.config.home()
    }

    /// The keyring of this session, if there is one.
    pub(crate) fn keyring(&self) -> Option<Keyring> {
        Keyring::open(self.config.session_bus())
    }

    /// On what occasion the vault is called.
    pub(crate) fn occasion(&self) -> Occasion {
        let agent = format!("keyward/{} {}", env!("CARGO_PKG_VERSION"), self.command);
        // It is shown to others, on their terminals.
        let reason = self.global.reason.as_deref().map(|text| text.chars().filter(|c| !c.is_control()).collect());
        Occasion { agent, reason }
    }

    /// Opens the way to the vault, wherever it is.
    pub(crate) fn connect(&self) -> Result<Connection> {
        let connection = self.connect_asking(self)?;
        config::panic_point("connect");
        for warning in connection.warnings() {
            output::note(format!("warning: {warning}"));
        }
        Ok(connection)
    }

    /// The same, for a command that takes values to where they are used: what a server lets be kept of
    /// them is kept, and with `serves` it is given out when the server is not reached.
    pub(crate) fn connect_keeping(&self, serves: bool) -> Result<Connection> {
        match self.server()? {
            Some(server) => Ok(Connection::to_server(self.keeping_desk_at(server, serves)?)),
            None => self.connect(),
        }
    }

    /// The same, where somebody else is asked for what opens a vault of this machine.
    pub(crate) fn connect_asking(&self, ask: &dyn Ask) -> Result<Connection> {
        match self.server()? {
            Some(server) => Ok(Connection::to_server(self.desk_at(server)?)),
            None => self.home()?.connect(ask, &self.occasion()),
        }
    }

    /// The vault on this machine, whatever else is set.
    pub(crate) fn local_connection(&self) -> Result<Connection> {
        self.home()?.connect(self, &self.occasion())
    }

    /// The same, with these words for the log where the person gave none.
    pub(crate) fn local_connection_for(&self, words: String) -> Result<Connection> {
        self.home()?.connect(self, &self.occasion_for(words))
    }

    /// On what occasion the vault is called, with these words where the person gave none.
    pub(crate) fn occasion_for(&self, words: String) -> Occasion {
        let occasion = self.occasion();
        Occasion { reason: occasion.reason.or(Some(words)), ..occasion }
    }

    /// The project and environment to work in. A `keyward.toml` counts only where its folder was
    /// bound to the project.
    pub(crate) fn place(&self, connection: &Connection) -> Result<Place> {
        let named = self.global.project.clone().or(self.parsed(self.config.project.as_deref())?);
        let folder = match Folder::nearest(&self.current) {
            // Whoever names the project does not depend on what the file says.
            Err(failure) if named.is_some() => {
                output::note(format!("warning: {failure}"));
                None
            }
            found => found?,
        };
        let project = match (named, &folder) {
            (Some(project), _) => project,
            (None, Some(folder)) => self.trusted(connection, folder)?,
            (None, None) => {
                return Err(Failure::usage("no project is named, and no `keyward.toml` is here or above")
                    .hint("`keyward init` makes one; `-p NAME` names a project"));
            }
        };
        let environment = self.global.environment.clone().or(self.parsed(self.config.environment.as_deref())?);
        let environment_is_default = environment.is_none();
        let environment = environment.unwrap_or_else(EnvironmentName::development);
        let folder = folder.filter(|folder| folder.manifest.project == project);
        Ok(Place { at: Where { project, environment }, environment_is_default, folder })
    }

    fn parsed<T: std::str::FromStr<Err = keyward_types::Error>>(&self, text: Option<&str>) -> Result<Option<T>> {
        text.map(str::parse).transpose().map_err(|error: keyward_types::Error| Failure::usage(error.to_string()))
    }

    fn trusted(&self, connection: &Connection, folder: &Folder) -> Result<ProjectName> {
        let wanted = &folder.manifest.project;
        match connection.desk().binding(folder.key()?)? {
            Some(binding) if binding.project == *wanted => Ok(binding.project),
            Some(binding) => Err(Failure::new(
                Code::Denied,
                format!(
                    "`{}` now asks for project `{wanted}`, and is bound to `{}`",
                    folder.path.display(),
                    binding.project
                ),
            )
            .hint("if you changed it yourself, `keyward trust` binds it anew")),
            None => Err(Failure::new(
                Code::Denied,
                format!("`{}` asks for project `{wanted}`, and you have not said that it may", folder.path.display()),
            )
            .hint("`keyward trust` allows this folder, `-p NAME` names a project once")),
        }
    }

    /// Asks before something is destroyed; without a terminal only `--yes` will do.
    pub(crate) fn confirm(&self, yes: bool, question: &str) -> Result<()> {
        if yes || (terminal::interactive() && terminal::confirm(question)) {
            return Ok(());
        }
        Err(Failure::usage(format!("not done: {}", question.trim_end_matches('?')))
            .hint("`--yes` does it without asking"))
    }
}

impl Place {
    /// Refuses to destroy anything in an environment that nobody named.
    pub(crate) fn named_environment(&self, doing: &str) -> Result<()> {
        if self.environment_is_default {
            return Err(Failure::usage(format!("{doing} needs the environment to be named"))
                .hint("add `-e development`, or whichever you mean"));
        }
        Ok(())
    }
}

impl Ask for Context {
    fn given(&self) -> Result<Option<Secret<String>>> {
        self.config.passphrase()
    }

    fn prompt(&self) -> Result<Option<Secret<String>>> {
        if !terminal::interactive() {
            return Ok(None);
        }
        terminal::hidden("Passphrase or recovery code").map(Some)
    }

    fn identity(&self) -> Result<Option<Secret<String>>> {
        self.config.identity()
    }

    fn keyring(&self, vault: VaultId) -> Option<Secret<String>> {
        let loaded = Context::keyring(self)?.load(vault);
        loaded.unwrap_or_else(|failure| {
            output::note(format!("warning: the keyring cannot be used: {failure}"));
            None
        })
    }

    fn aws(&self) -> Option<AccessKey> {
        self.config.aws()
    }
}
