//! The engine of one node: one writing connection, some that read.

use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use keyward_store::{Batch, Clock, Committed, Engine, Error, LogHead, Nodes, Reads, RecordMac, Result};

use crate::address::Address;
use crate::error::Failed;
use crate::pool::{Loan, Pool};
use crate::session::{Connector, Session};
use crate::watch::Notifier;
use crate::writer::{Patience, Writer};
use crate::{check, load, rows, schema};

/// A schema of a PostgreSQL database as a store's engine. Several, in several processes, may be open
/// at one schema.
pub struct Postgres {
    pub(crate) connector: Arc<Connector>,
    writer: Mutex<Writer>,
    readers: Pool,
    pub(crate) notifier: Arc<Notifier>,
    clock: Box<dyn Clock>,
    backup: Option<Box<Backup>>,
}

/// Writes a copy of what is read to a path that does not exist.
type Backup = dyn Fn(&dyn Reads, &Path) -> Result<()> + Send + Sync;

impl Postgres {
    /// Makes the tables of a new, empty store and opens it. The database must exist, the schema need
    /// not.
    ///
    /// # Errors
    /// [`Error::Exists`]; [`Error::NotFound`] for the database; [`Error::Io`] when it cannot be
    /// reached or is not to be relied on.
    pub fn create(address: &Address, clock: impl Clock) -> Result<Self> {
        let connector = Connector::new(address.clone())?;
        let made =
            connector.connect().and_then(|session| schema::create(&session, &address.schema, &address.to_string()));
        made.map_err(|failed| failed.into_error("create the store"))?;
        Self::open(address, clock)
    }

    /// Opens the store in the address's schema.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Foreign`], [`Error::FutureFormat`], [`Error::Damaged`] when the
    /// tables are not as keyward makes them: each its own; [`Error::Io`] when the database cannot be
    /// reached or is not to be relied on.
    pub fn open(address: &Address, clock: impl Clock) -> Result<Self> {
        let connector = Arc::new(Connector::new(address.clone())?);
        Ok(Self {
            writer: Mutex::new(Writer::open(Arc::clone(&connector))?),
            readers: Pool::new(Arc::clone(&connector)),
            notifier: Arc::new(Notifier::new(Arc::clone(&connector))),
            clock: Box::new(clock),
            backup: None,
            connector,
        })
    }

    /// With a way to write backups: rows of a server are no file, so whoever knows an engine that
    /// keeps a file gives it. It gets a snapshot.
    #[must_use]
    pub fn with_backup(mut self, write: impl Fn(&dyn Reads, &Path) -> Result<()> + Send + Sync + 'static) -> Self {
        self.backup = Some(Box::new(write));
        self
    }

    pub(crate) fn writer(&self) -> MutexGuard<'_, Writer> {
        // A panic in a caller's hook has closed the connection that it was in the way of.
        self.writer.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reads on some connection, again after that was lost.
    fn read<T>(&self, read: impl Fn(&Session) -> Result<T, Failed>) -> Result<T> {
        let mut patience = Patience::begin();
        loop {
            let done = self.readers.take().and_then(|loan| {
                let done = read(&loan)?;
                loan.keep();
                Ok(done)
            });
            match done {
                Ok(done) => return Ok(done),
                Err(Failed::Lost(detail)) => {
                    self.readers.clear();
                    if !patience.wait() {
                        return Err(Failed::Lost(detail).into_error(READ));
                    }
                }
                Err(failed) => return Err(failed.into_error(READ)),
            }
        }
    }

    fn begin_snapshot(&self) -> Result<Snapshot<'_>, Failed> {
        let loan = self.readers.take_long()?;
        loan.run(loan.client.batch_execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"))?;
        // The first read of a transaction fixes what it sees.
        rows::log_head(&loan)?;
        Ok(Snapshot { loan: Some(loan) })
    }
}

impl Engine for Postgres {
    fn apply(&self, batches: &[Batch], mac: &dyn RecordMac, head: &dyn LogHead) -> Vec<Result<Committed>> {
        let answers = self.writer().apply(batches, mac, head, self.clock.as_ref());
        let changes = |batch: &Batch| !batch.changes().is_empty() || batch.new_header().is_some();
        if batches.iter().zip(&answers).any(|(batch, answer)| answer.is_ok() && changes(batch)) {
            self.notifier.poke();
        }
        answers
    }

    fn snapshot(&self) -> Result<Box<dyn Reads + '_>> {
        let mut patience = Patience::begin();
        loop {
            match self.begin_snapshot() {
                Ok(snapshot) => return Ok(Box::new(snapshot)),
                Err(Failed::Lost(_)) if patience.wait() => self.readers.clear(),
                Err(failed) => return Err(failed.into_error(READ)),
            }
        }
    }

    fn put_meta(&self, name: &str, value: Option<&[u8]>) -> Result<()> {
        self.writer().run(|session| {
            let done = match value {
                Some(value) => {
                    let sql = "INSERT INTO meta (name, value) VALUES ('copy/' || $1, $2) \
                        ON CONFLICT (name) DO UPDATE SET value = excluded.value";
                    session.run(session.query(sql, &[&name, &value]))
                }
                None => session.run(session.query("DELETE FROM meta WHERE name = 'copy/' || $1", &[&name])),
            };
            done.map(drop)
        })
    }

    fn backup_to(&self, path: &Path) -> Result<()> {
        match &self.backup {
            Some(write) => write(&*self.snapshot()?, path),
            None => Err(Error::Io {
                action: format!("back up to `{}`", path.display()),
                detail: "this process knows no way to write a file".into(),
            }),
        }
    }

    fn load(&self, source: &dyn Reads) -> Result<()> {
        load::load(&mut self.writer(), source)
    }

    fn nodes(&self) -> Option<&dyn Nodes> {
        Some(self)
    }

    fn check(&self) -> Result<Vec<String>> {
        self.read(check::check)
    }
}

/// The database as it was when the snapshot was taken. It ends when its connection is lost.
struct Snapshot<'a> {
    loan: Option<Loan<'a>>,
}

impl Snapshot<'_> {
    fn read<T>(&self, read: impl Fn(&Session) -> Result<T, Failed>) -> Result<T> {
        let loan = self.loan.as_ref().expect("only the drop takes it");
        read(loan).map_err(|failed| failed.into_error("read the snapshot"))
    }
}

impl Drop for Snapshot<'_> {
    fn drop(&mut self) {
        let Some(loan) = self.loan.take() else { return };
        if loan.run(loan.client.batch_execute("ROLLBACK")).is_ok() {
            loan.keep();
        }
    }
}

impl_reads!(Postgres);
impl_reads!(Snapshot<'_>);

const READ: &str = "read the database";
