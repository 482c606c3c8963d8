//! Connections that only read: as many as there are readers at once, up to a limit.

use std::ops::Deref;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::ThreadId;

use keyward_store::Error;

use crate::error::Failed;
use crate::session::{Connector, Session};

/// Reading connections to one database.
pub(crate) struct Pool {
    connector: Arc<Connector>,
    state: Mutex<State>,
    freed: Condvar,
}

#[derive(Default)]
struct State {
    idle: Vec<Session>,
    /// Connections on loan for one query.
    lent: usize,
    /// Connections on loan for many, by who took them.
    long: Vec<ThreadId>,
}

impl Pool {
    pub(crate) fn new(connector: Arc<Connector>) -> Self {
        Self { connector, state: Mutex::default(), freed: Condvar::new() }
    }

    /// A connection for one query. Waits while [`MOST`] are in use: a server has room for few, and is
    /// no faster with more.
    pub(crate) fn take(&self) -> Result<Loan<'_>, Failed> {
        let idle = {
            let full = |state: &mut State| state.lent >= MOST;
            let mut state = self.freed.wait_while(self.state(), full).unwrap_or_else(PoisonError::into_inner);
            state.lent += 1;
            state.idle.pop()
        };
        let mut loan = Loan { session: None, pool: self, long: None };
        loan.session = Some(self.session(idle)?);
        Ok(loan)
    }

    /// A connection for many queries. They count apart: their holders want others for a moment. Waits
    /// while [`MOST_LONG`] are in use, but never for who has one already: those could wait for each
    /// other, and are refused ([`Error::Busy`]).
    pub(crate) fn take_long(&self) -> Result<Loan<'_>, Failed> {
        let taker = std::thread::current().id();
        let idle = {
            let full = |state: &mut State| state.long.len() >= MOST_LONG && !state.long.contains(&taker);
            let mut state = self.freed.wait_while(self.state(), full).unwrap_or_else(PoisonError::into_inner);
            if state.long.len() >= MOST_LONG {
                return Err(Failed::Refused(Error::Busy));
            }
            state.long.push(taker);
            state.idle.pop()
        };
        let mut loan = Loan { session: None, pool: self, long: Some(taker) };
        loan.session = Some(self.session(idle)?);
        Ok(loan)
    }

    /// After a failure: the others were probably cut too.
    pub(crate) fn clear(&self) {
        self.state().idle.clear();
    }

    fn session(&self, idle: Option<Session>) -> Result<Session, Failed> {
        if let Some(session) = idle.filter(|session| !session.is_closed()) {
            return Ok(session);
        }
        let session = self.connector.connect()?;
        session.run(session.client.batch_execute(SETTINGS))?;
        Ok(session)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A connection on loan. Dropped, it is closed: only who knows that it is well keeps it.
pub(crate) struct Loan<'a> {
    session: Option<Session>,
    pool: &'a Pool,
    /// Who took it, of those for many queries.
    long: Option<ThreadId>,
}

impl Loan<'_> {
    /// Gives a connection back that is in no transaction.
    pub(crate) fn keep(mut self) {
        let session = self.session.take();
        let mut state = self.pool.state();
        if state.idle.len() < MOST {
            state.idle.extend(session);
        }
    }
}

impl Deref for Loan<'_> {
    type Target = Session;

    fn deref(&self) -> &Session {
        self.session.as_ref().expect("it is there until it is given back")
    }
}

impl Drop for Loan<'_> {
    fn drop(&mut self) {
        let mut state = self.pool.state();
        match self.long.and_then(|taker| state.long.iter().position(|other| *other == taker)) {
            Some(place) => drop(state.long.swap_remove(place)),
            None => state.lent -= 1,
        }
        drop(state);
        self.pool.freed.notify_all();
    }
}

/// A forgotten snapshot does not keep the server from cleaning up for ever.
const SETTINGS: &str = "SET default_transaction_read_only = on; SET idle_in_transaction_session_timeout = '10min'";

const MOST: usize = 12;

const MOST_LONG: usize = 24;
