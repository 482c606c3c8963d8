//! Changes by other nodes: polled, and hinted at.
//!
//! Each commit notes in the table `change` how long the log is after it, a row a collection. A node
//! reads that four times a second, and then which records the groups' marks name. Notifications only
//! shorten the wait: a thread sends them after commits, never in one, as all transactions with a
//! notification commit one after another.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use keyward_store::{Changed, Changes, Error, Result, Watch};

use crate::error::Failed;
use crate::session::{Connector, Session};
use crate::transaction::HEADER;
use crate::{mark, rows};

/// One node's watch, on a connection of its own.
pub(crate) struct Watching {
    connector: Arc<Connector>,
    session: Option<Session>,
    /// Length of the log up to which changes were reported.
    seen: i64,
}

impl Watching {
    pub(crate) fn begin(connector: &Arc<Connector>) -> Result<Self> {
        let mut watching = Self { connector: Arc::clone(connector), session: None, seen: i64::MAX };
        watching.poll().map_err(|failed| failed.into_error(WATCH))?;
        Ok(watching)
    }

    fn poll(&mut self) -> Result<Changes, Failed> {
        let session = match self.session.take() {
            Some(session) => session,
            None => self.listen()?,
        };
        let as_of = Instant::now();
        let found = session.run(session.query(POLL, &[&self.seen]))?;
        let size: i64 = match found.first() {
            Some(row) => rows::column(row, 0)?,
            None => return Err(Error::Damaged { detail: "the log has no head".into() }.into()),
        };
        let names = found.iter().filter_map(|row| rows::column::<Option<String>>(row, 1).transpose());
        let names = names.collect::<Result<Vec<_>, _>>()?.into_iter();
        let (header, collections): (Vec<String>, Vec<String>) = names.partition(|name| name == HEADER);
        let collections = match collections.is_empty() {
            true => Vec::new(),
            false => changed(&session, collections, self.seen, size)?,
        };
        self.seen = size;
        self.session = Some(session);
        Ok(Changes { collections, header: !header.is_empty(), size: size.unsigned_abs(), as_of })
    }

    fn listen(&self) -> Result<Session, Failed> {
        let session = self.connector.connect()?;
        let sql = format!("LISTEN {}", channel(&self.connector));
        session.run(session.client.batch_execute(&sql))?;
        Ok(session)
    }
}

/// Which records of these collections changed while the log grew from `seen` to `size`.
fn changed(session: &Session, collections: Vec<String>, seen: i64, size: i64) -> Result<Vec<Changed>, Failed> {
    let rows = session.run(session.query(MARKS, &[&seen, &size]))?;
    let mark = |row| Ok((rows::column(row, 0)?, rows::column(row, 1)?));
    let marks = rows.iter().map(mark).collect::<Result<Vec<(i64, Vec<u8>)>, Failed>>()?;
    Ok(mark::changed(collections, &marks, seen, size))
}

impl Watch for Watching {
    fn wait(&mut self) -> Result<Changes> {
        match &self.session {
            Some(session) => session.wait_for_notification(INTERVAL),
            // It was lost at the last call.
            None => std::thread::sleep(INTERVAL),
        }
        self.poll().map_err(|failed| failed.into_error(WATCH))
    }
}

/// Tells other nodes that there is something to see. Started by the first watch of its node.
pub(crate) struct Notifier {
    shared: Arc<Shared>,
    connector: Arc<Connector>,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    wake: Condvar,
}

#[derive(Default)]
struct State {
    started: bool,
    poked: bool,
    stopped: bool,
}

impl Notifier {
    pub(crate) fn new(connector: Arc<Connector>) -> Self {
        Self { shared: Arc::default(), connector }
    }

    /// To be called after a commit that changed something.
    pub(crate) fn poke(&self) {
        let mut state = self.shared.state();
        if state.started && !state.poked {
            state.poked = true;
            self.shared.wake.notify_one();
        }
    }

    pub(crate) fn start(&self) {
        let mut state = self.shared.state();
        if state.started {
            return;
        }
        let (shared, connector) = (Arc::clone(&self.shared), Arc::clone(&self.connector));
        let builder = std::thread::Builder::new().name("keyward-notify".into());
        // Without the thread others find out a little later.
        state.started = builder.spawn(move || tell(&shared, &connector)).is_ok();
    }
}

impl Drop for Notifier {
    fn drop(&mut self) {
        self.shared.state().stopped = true;
        self.shared.wake.notify_one();
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Until there is something to tell; no more when stopped.
    fn wait(&self) -> bool {
        let idle = |state: &mut State| !state.poked && !state.stopped;
        let mut state = self.wake.wait_while(self.state(), idle).unwrap_or_else(PoisonError::into_inner);
        state.poked = false;
        !state.stopped
    }
}

fn tell(shared: &Shared, connector: &Connector) {
    let mut session = None;
    while shared.wait() {
        // A hint that is lost is one poll's delay.
        session = notify(session.take(), connector).ok();
        std::thread::sleep(SHORTEST_INTERVAL);
    }
}

fn notify(session: Option<Session>, connector: &Connector) -> Result<Session, Failed> {
    let session = match session {
        Some(session) => session,
        None => {
            let session = connector.connect()?;
            // Nothing is lost with it.
            session.run(session.client.batch_execute("SET synchronous_commit = off"))?;
            session
        }
    };
    session.run(session.client.batch_execute(&format!("NOTIFY {}", channel(connector))))?;
    Ok(session)
}

/// With its prefix a schema's name is no word of the language.
fn channel(connector: &Connector) -> String {
    format!("keyward_{}", connector.address.schema)
}

const POLL: &str = "SELECT h.size, c.collection FROM log_head h LEFT JOIN change c ON c.size > $1 \
    WHERE h.id = 0 ORDER BY c.collection";

/// Of more groups than that in a quarter of a second it is not asked what each changed.
const MARKS: &str = "SELECT idx, mark FROM log WHERE idx >= $1 AND idx < $2 AND mark IS NOT NULL \
    ORDER BY idx LIMIT 4096";

const INTERVAL: Duration = Duration::from_millis(250);

/// Between two notifications of one node.
const SHORTEST_INTERVAL: Duration = Duration::from_millis(50);

const WATCH: &str = "watch for changes";
