//! What the environment says. The one place where it is read.

use std::env;
use std::ffi::OsString;
use std::path::PathBuf;

use keyward_client::{AccessKey, Failure, Home, Result, Workload, WorkloadSource};
use keyward_types::Secret;

/// The environment, read once.
#[derive(Debug)]
pub(crate) struct Config {
    home: Option<PathBuf>,
    keys: Option<PathBuf>,
    data_folder: Option<PathBuf>,
    config_folder: Option<PathBuf>,
    /// `KEYWARD_PROJECT`.
    pub(crate) project: Option<String>,
    /// `KEYWARD_ENV`.
    pub(crate) environment: Option<String>,
    /// `KEYWARD_ADDR`: the server that calls go to.
    pub(crate) server: Option<String>,
    /// `KEYWARD_TOKEN`: how a program gets in there.
    pub(crate) token: Option<Secret<String>>,
    /// `KEYWARD_WORKLOAD`: a program's account that this workload gets a token of there.
    workload: Option<String>,
    workload_audience: Option<String>,
    workload_token_file: Option<PathBuf>,
    /// Where a job of GitHub Actions gets a token, and with what.
    actions: (Option<String>, Option<Secret<String>>),
    /// `KEYWARD_CA`: who signs the server's certificate, where no public authority does.
    pub(crate) authority: Option<PathBuf>,
    passphrase: Option<Secret<String>>,
    passphrase_file: Option<PathBuf>,
    /// `PGPASSWORD`, as PostgreSQL's own programs take it.
    database_password: Option<Secret<String>>,
    identity_file: Option<PathBuf>,
    /// The name of whoever is signed in to this machine.
    pub(crate) user: String,
    /// What this machine is called.
    pub(crate) machine: String,
    /// Where the session's message bus listens, if there is one.
    session_bus: Option<String>,
    session_folder: Option<PathBuf>,
    /// `KEYWARD_UPSTREAM_HOSTS`: hosts of services that are elsewhere, `HOST=URL,…`.
    pub(crate) upstream_hosts: Option<String>,
    /// `KEYWARD_GATEWAY`: where clients reach the gateway.
    gateway: Option<String>,
    /// `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY` and `AWS_SESSION_TOKEN`, as AWS's own programs take
    /// them.
    aws: Option<AccessKey>,
    /// `AWS_REGION`, else `AWS_DEFAULT_REGION`.
    pub(crate) aws_region: Option<String>,
}

#[expect(clippy::disallowed_methods, reason = "this is the binary's config, where the environment is read")]
fn variable(name: &str) -> Option<OsString> {
    env::var_os(name).filter(|value| !value.is_empty())
}

fn text(name: &str) -> Option<String> {
    variable(name).and_then(|value| value.into_string().ok())
}

fn folder(name: &str) -> Option<PathBuf> {
    variable(name).map(PathBuf::from)
}

fn machine() -> String {
    let name = rustix::system::uname().nodename().to_string_lossy().into_owned();
    if name.is_empty() { "this machine".into() } else { name }
}

/// The address that the session names, or the socket where systemd's user bus listens. Only files
/// are looked at; nothing is started.
fn session_bus() -> Option<String> {
    text("DBUS_SESSION_BUS_ADDRESS").or_else(|| {
        let socket = folder("XDG_RUNTIME_DIR")?.join("bus");
        socket.exists().then(|| format!("unix:path={}", socket.display()))
    })
}

fn aws() -> Option<AccessKey> {
    let secret = |text| Secret::new("an access key", text);
    Some(AccessKey {
        id: text("AWS_ACCESS_KEY_ID")?,
        secret: text("AWS_SECRET_ACCESS_KEY").map(secret)?,
        session: text("AWS_SESSION_TOKEN").map(secret),
    })
}

/// Panics where a test asks for it, with whatever is then in memory. Not in release builds.
pub(crate) fn panic_point(point: &str) {
    if cfg!(debug_assertions) && text("KEYWARD_PANIC_AT").as_deref() == Some(point) {
        panic!("forced at `{point}`");
    }
}

/// What git tells its hooks: the index of the commit that is being made, and where pushed objects
/// wait for acceptance.
pub(crate) fn git_hook() -> (Option<PathBuf>, Vec<PathBuf>) {
    let more = text("GIT_ALTERNATE_OBJECT_DIRECTORIES").unwrap_or_default();
    let more = env::split_paths(&more).filter(|path| !path.as_os_str().is_empty()).collect::<Vec<_>>();
    let objects = folder("GIT_OBJECT_DIRECTORY").into_iter().chain(more).collect();
    (folder("GIT_INDEX_FILE"), objects)
}

/// Whether colours are wanted on a terminal (`NO_COLOR`, <https://no-color.org>).
pub(crate) fn colour() -> bool {
    variable("NO_COLOR").is_none() && text("TERM").as_deref() != Some("dumb")
}

impl Config {
    pub(crate) fn read() -> Self {
        let user_folder = |name, below: &str| {
            folder(name).filter(|path| path.is_absolute()).or_else(|| folder("HOME").map(|home| home.join(below)))
        };
        Self {
            home: folder("KEYWARD_HOME"),
            keys: folder("KEYWARD_KEYS"),
            data_folder: user_folder("XDG_DATA_HOME", ".local/share"),
            config_folder: user_folder("XDG_CONFIG_HOME", ".config"),
            project: text("KEYWARD_PROJECT"),
            environment: text("KEYWARD_ENV"),
            server: text("KEYWARD_ADDR"),
            token: text("KEYWARD_TOKEN").map(|text| Secret::new("token", text)),
            workload: text("KEYWARD_WORKLOAD"),
            workload_audience: text("KEYWARD_WORKLOAD_AUDIENCE"),
            workload_token_file: folder("KEYWARD_WORKLOAD_TOKEN_FILE"),
            actions: (
                text("ACTIONS_ID_TOKEN_REQUEST_URL"),
                text("ACTIONS_ID_TOKEN_REQUEST_TOKEN").map(|text| Secret::new("token of a job", text)),
            ),
            authority: folder("KEYWARD_CA"),
            passphrase: text("KEYWARD_PASSPHRASE").map(|text| Secret::new("passphrase", text)),
            passphrase_file: folder("KEYWARD_PASSPHRASE_FILE"),
            database_password: text("PGPASSWORD").map(|text| Secret::new("database password", text)),
            identity_file: folder("KEYWARD_AGE_IDENTITY"),
            user: text("USER").or_else(|| text("LOGNAME")).unwrap_or_else(|| "owner".into()),
            machine: machine(),
            session_bus: session_bus(),
            session_folder: folder("XDG_RUNTIME_DIR").filter(|folder| folder.is_dir()),
            upstream_hosts: text("KEYWARD_UPSTREAM_HOSTS"),
            gateway: text("KEYWARD_GATEWAY"),
            aws: aws(),
            aws_region: text("AWS_REGION").or_else(|| text("AWS_DEFAULT_REGION")),
        }
    }

    /// Where clients reach the gateway, without a `/` at its end: as the environment says, else as the
    /// server does, else where `keyward up` has it.
    pub(crate) fn gateway<'a>(&'a self, told: Option<&'a str>) -> &'a str {
        self.gateway.as_deref().or(told).unwrap_or("http://127.0.0.1:8201").trim_end_matches('/')
    }

    /// The workload that this is, where the environment says so.
    pub(crate) fn workload(&self) -> Result<Option<Workload>> {
        let Some(account) = self.workload.clone() else { return Ok(None) };
        let source = match (&self.workload_token_file, &self.actions) {
            (Some(path), _) => WorkloadSource::File(path.clone()),
            (None, (Some(url), Some(token))) => WorkloadSource::GitHub { url: url.clone(), token: token.clone() },
            _ => {
                return Err(Failure::usage("`KEYWARD_WORKLOAD` is set, and nothing gives this workload a token").hint(
                    "in GitHub Actions the job needs `permissions: id-token: write`; elsewhere `KEYWARD_WORKLOAD_TOKEN_FILE` names the file",
                ));
            }
        };
        Ok(Some(Workload { account, audience: self.workload_audience.clone(), source }))
    }

    /// The password of a database whose address has none.
    pub(crate) fn database_password(&self) -> Option<&str> {
        self.database_password.as_ref().map(|password| password.expose().as_str())
    }

    /// The folders of the local vault.
    pub(crate) fn home(&self) -> Result<Home> {
        let nowhere =
            || Failure::usage("there is no home folder to keep the vault in").hint("set `KEYWARD_HOME` to a folder");
        let folder = match (&self.home, &self.data_folder) {
            (Some(home), _) => home.clone(),
            (None, Some(data)) => data.join("keyward"),
            (None, None) => return Err(nowhere()),
        };
        let keys = match (&self.keys, &self.home, &self.config_folder) {
            (Some(keys), ..) => keys.clone(),
            (None, Some(home), _) => home.join("keys"),
            (None, None, Some(config)) => config.join("keyward"),
            (None, None, None) => return Err(nowhere()),
        };
        let absolute = |path: PathBuf| std::path::absolute(&path).map_err(|error| Failure::file("find", &path, &error));
        Ok(Home { folder: absolute(folder)?, keys: absolute(keys)? })
    }

    /// The folder that lives as long as the user is signed in, if there is one.
    pub(crate) fn session_folder(&self) -> Option<PathBuf> {
        self.session_folder.clone()
    }

    /// All of the environment that an agent gets: nothing that was exported for other programs.
    pub(crate) fn agent_environment(&self) -> Result<Vec<(&'static str, OsString)>> {
        let home = self.home()?;
        let mut kept = vec![
            ("KEYWARD_HOME", home.folder.into_os_string()),
            ("KEYWARD_KEYS", home.keys.into_os_string()),
            ("USER", self.user.clone().into()),
        ];
        kept.extend(self.session_bus.clone().map(|bus| ("DBUS_SESSION_BUS_ADDRESS", bus.into())));
        kept.extend(self.upstream_hosts.clone().map(|hosts| ("KEYWARD_UPSTREAM_HOSTS", hosts.into())));
        kept.extend(self.session_folder.clone().map(|folder| ("XDG_RUNTIME_DIR", folder.into_os_string())));
        Ok(kept)
    }

    /// With what AWS is asked.
    pub(crate) fn aws(&self) -> Option<AccessKey> {
        self.aws.clone()
    }

    /// The identity file that `KEYWARD_AGE_IDENTITY` names.
    pub(crate) fn identity(&self) -> Result<Option<Secret<String>>> {
        self.identity_file.as_deref().map(read_secret).transpose()
    }

    /// Where the session's message bus listens, if there is one.
    pub(crate) fn session_bus(&self) -> Option<&str> {
        self.session_bus.as_deref()
    }

    /// The passphrase or recovery code that the environment gives or names a file for.
    pub(crate) fn passphrase(&self) -> Result<Option<Secret<String>>> {
        if let Some(passphrase) = &self.passphrase {
            return Ok(Some(passphrase.clone()));
        }
        let Some(path) = &self.passphrase_file else { return Ok(None) };
        read_secret(path).map(Some)
    }

    /// A variable that a `.env` file refers to.
    #[expect(clippy::unused_self, reason = "whoever asks has the config, which is where the environment is read")]
    pub(crate) fn variable(&self, name: &str) -> Option<String> {
        // `var_os` panics on names that no variable can have.
        if name.is_empty() || name.contains(['=', '\0']) {
            return None;
        }
        text_even_empty(name)
    }
}

impl Config {
    /// What a child inherits.
    #[expect(clippy::disallowed_methods, reason = "this is the binary's config, where the environment is read")]
    pub(crate) fn inherited() -> Vec<(OsString, OsString)> {
        env::vars_os().collect()
    }

    /// Where programs are looked up.
    pub(crate) fn search_path() -> Option<OsString> {
        variable("PATH")
    }

    /// A folder of this user alone that lives in memory, where the session has one.
    pub(crate) fn runtime_folder() -> Option<PathBuf> {
        folder("XDG_RUNTIME_DIR").filter(|path| path.is_absolute())
    }
}

#[expect(clippy::disallowed_methods, reason = "this is the binary's config, where the environment is read")]
fn text_even_empty(name: &str) -> Option<String> {
    env::var_os(name).and_then(|value| value.into_string().ok())
}

/// What a file says that opens the vault, without its final line break.
pub(crate) fn read_secret(path: &std::path::Path) -> Result<Secret<String>> {
    let mut text = std::fs::read_to_string(path).map_err(|error| Failure::file("read", path, &error))?;
    text.truncate(text.trim_end_matches(['\n', '\r']).len());
    Ok(Secret::new("passphrase", text))
}
