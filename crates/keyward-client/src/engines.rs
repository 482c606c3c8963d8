//! Engines by address: a path is a SQLite database, `postgres://…` a schema of a PostgreSQL one.

use std::fmt;
use std::path::{Path, PathBuf};

use keyward_store::{Engine, Reads};
use keyward_store_postgres::{Address, Postgres};
use keyward_store_sqlite::Sqlite;

use crate::home::clock;
use crate::{Code, Failure, Home, Result};

/// Where a store lies.
#[derive(Clone, Debug)]
pub enum StoreAddress {
    /// In a file.
    File(PathBuf),
    /// In a database server.
    Postgres(Box<Address>),
}

impl StoreAddress {
    /// Reads an address; a password that does not stand in it is `password`.
    ///
    /// # Errors
    /// When it is a URL that would be spoken to without protection, or cannot be read.
    pub fn parse(text: &str, password: Option<&str>) -> Result<Self> {
        if !Address::is_like(text) {
            if let Some((scheme, _)) = text.split_once("://") {
                return Err(Failure::usage(format!("`{}://` is no store that keyward knows", scheme.escape_debug()))
                    .hint("a store is a file, or `postgres://USER@HOST/DATABASE`"));
            }
            let path = Path::new(text);
            let absolute = std::path::absolute(path).map_err(|error| Failure::file("find", path, &error))?;
            return Ok(Self::File(absolute));
        }
        let address: Address = text.parse().map_err(|error: keyward_store::Error| Failure::usage(error.to_string()))?;
        Ok(Self::Postgres(Box::new(match password {
            Some(password) => address.with_password(password),
            None => address,
        })))
    }

    /// The same for a store that is to be made: a file is named from the root, since nobody looks for a
    /// vault in the folder where a command happened to be called.
    ///
    /// # Errors
    /// What is wrong with the address.
    pub fn parse_new(text: &str, password: Option<&str>, home: &Home) -> Result<Self> {
        if !Address::is_like(text) && !text.contains("://") && !Path::new(text).is_absolute() {
            return Err(Failure::usage(format!(
                "`{}` is neither `postgres://…` nor the whole path of a file",
                text.escape_debug()
            ))
            .hint(format!("the place of a local vault is `{}`", home.database().display())));
        }
        Self::parse(text, password)
    }

    /// Why the vault there cannot be opened: a database is filled by moving a vault there.
    pub(crate) fn explain(&self, error: keyward_store::Error) -> Failure {
        match (self, error) {
            (Self::Postgres(_), error @ keyward_store::Error::NotFound { .. }) => {
                Failure::new(Code::Locked, format!("there is no vault in `{self}`: {error}")).hint(
                    "`keyward store migrate --to ADDRESS` moves a vault into an empty database, which has to be there",
                )
            }
            (_, error) => error.into(),
        }
    }

    /// Opens the store that lies there.
    ///
    /// # Errors
    /// When there is none, or it cannot be reached.
    pub fn open(&self) -> Result<Box<dyn Engine>, keyward_store::Error> {
        Ok(match self {
            Self::File(path) => Box::new(Sqlite::open(path, clock)?),
            Self::Postgres(address) => Box::new(Postgres::open(address, clock)?.with_backup(write_file)),
        })
    }

    /// Makes an empty store there.
    ///
    /// # Errors
    /// When something is there already, or nothing can be made.
    pub fn create(&self) -> Result<Box<dyn Engine>, keyward_store::Error> {
        Ok(match self {
            Self::File(path) => Box::new(Sqlite::create(path, clock)?),
            Self::Postgres(address) => Box::new(Postgres::create(address, clock)?.with_backup(write_file)),
        })
    }
}

impl fmt::Display for StoreAddress {
    /// Without the user and the password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => path.display().fmt(f),
            Self::Postgres(address) => address.fmt(f),
        }
    }
}

/// A backup of a store in a server is the same file as one of a local store.
fn write_file(source: &dyn Reads, path: &Path) -> keyward_store::Result<()> {
    let written = Sqlite::create(path, clock).and_then(|copy| copy.load(source));
    // Half a backup is none.
    written.inspect_err(|error| {
        if !matches!(error, keyward_store::Error::Exists { .. }) {
            let _ = std::fs::remove_file(path);
        }
    })
}
