//! Engines by address: a path is a SQLite database, `postgres://…` a schema of a PostgreSQL one.

use std::fmt;
use std::path::{Path, PathBuf};

use keyward_store::{Engine, Reads};
use keyward_store_postgres::{Address, Postgres};
use keyward_store_sqlite::Sqlite;

use crate::home::clock;
use crate::{Failure, Result};

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
