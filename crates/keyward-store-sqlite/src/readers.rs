//! Reading connections: as many as there are readers at once, a few kept for the next ones.

use std::ops::Deref;
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};

use keyward_store::Result;
use rusqlite::Connection;

use crate::connection;

/// Idle reading connections to one database.
pub(crate) struct Readers {
    path: PathBuf,
    mapped: bool,
    idle: Mutex<Vec<Connection>>,
}

impl Readers {
    pub(crate) fn new(path: PathBuf) -> Self {
        Self { path, mapped: false, idle: Mutex::default() }
    }

    /// From now on connections read through a mapping of the file. Those that were opened before
    /// have read little yet, and are opened anew.
    pub(crate) fn map_file(&mut self) {
        self.mapped = true;
        self.idle().clear();
    }

    /// A connection that comes back here when it is dropped.
    pub(crate) fn take(&self) -> Result<Reading<'_>> {
        let idle = self.idle().pop();
        let connection = match idle {
            Some(connection) => connection,
            None => connection::reader(&self.path, self.mapped)?,
        };
        Ok(Reading { connection: Some(connection), readers: self })
    }

    fn idle(&self) -> MutexGuard<'_, Vec<Connection>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A reading connection on loan.
pub(crate) struct Reading<'a> {
    connection: Option<Connection>,
    readers: &'a Readers,
}

impl Deref for Reading<'_> {
    type Target = Connection;

    fn deref(&self) -> &Connection {
        self.connection.as_ref().expect("only the drop takes it")
    }
}

impl Drop for Reading<'_> {
    fn drop(&mut self) {
        let Some(connection) = self.connection.take() else { return };
        // A snapshot ends with its loan; a connection that cannot end one is not lent again.
        if !connection.is_autocommit() && connection.execute_batch("ROLLBACK").is_err() {
            return;
        }
        let mut idle = self.readers.idle();
        if idle.len() < KEPT {
            idle.push(connection);
        }
    }
}

const KEPT: usize = 4;
