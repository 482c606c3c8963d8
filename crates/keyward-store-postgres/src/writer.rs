//! The one writer of a node: commits, and what happens when the connection breaks in one.

use std::sync::Arc;
use std::time::{Duration, Instant};

use keyward_store::{Batch, Clock, Committed, Error, Head, LogHead, RecordMac, Result};

use crate::error::Failed;
use crate::group::Group;
use crate::mark::{self, Name};
use crate::needs::Needs;
use crate::session::{Connector, Session};
use crate::{schema, transaction};

pub(crate) struct Writer {
    connector: Arc<Connector>,
    /// None while it is in use, so that a panic or a failure closes it: the server rolls back.
    session: Option<Session>,
    /// The head of the log after the last group that was acknowledged here: no later one lies before it.
    acknowledged: Option<Head>,
    /// Tells this node's groups from all others.
    node: [u8; 16],
    groups: u64,
}

/// What became of an attempt.
enum Outcome {
    /// Answered, each batch for itself.
    Done(Vec<Result<Committed>>),
    /// Nothing was written; it is worth another attempt.
    Again(String),
    /// The connection broke while the commit was under way.
    Unknown { first: i64, mark: Vec<u8>, head: Head, answers: Vec<Result<Committed>>, detail: String },
}

impl Writer {
    /// Connects for the first time: a database that cannot be reached is told at once.
    pub(crate) fn open(connector: Arc<Connector>) -> Result<Self> {
        let session = connect(&connector).map_err(|failed| failed.into_error(REACH))?;
        let mut node = [0; 16];
        getrandom::fill(&mut node).map_err(|e| Error::Io { action: "draw a mark".into(), detail: e.to_string() })?;
        Ok(Self { connector, session: Some(session), acknowledged: None, node, groups: 0 })
    }

    pub(crate) fn apply(
        &mut self,
        batches: &[Batch],
        mac: &dyn RecordMac,
        head: &dyn LogHead,
        clock: &dyn Clock,
    ) -> Vec<Result<Committed>> {
        let all = |error: &Error| batches.iter().map(|_| Err(error.clone())).collect();
        let mut patience = Patience::begin();
        loop {
            let detail = match self.attempt(batches, mac, head, clock) {
                Ok(Outcome::Done(answers)) => return answers,
                Ok(Outcome::Again(detail)) => detail,
                Ok(Outcome::Unknown { first, mark, head, answers, detail }) => match self.look_up(first, &mark) {
                    Some(true) => {
                        self.acknowledged = Some(head);
                        return answers;
                    }
                    Some(false) => detail,
                    None => return all(&Error::Interrupted),
                },
                Err(error) => return all(&error),
            };
            if !patience.wait() {
                return all(&Error::Io { action: REACH.into(), detail });
            }
        }
    }

    /// Runs `write` on the writing connection, again after that was lost: it must be the same done
    /// twice.
    pub(crate) fn run<T>(&mut self, write: impl Fn(&Session) -> Result<T, Failed>) -> Result<T> {
        let mut patience = Patience::begin();
        loop {
            let done = self.take().and_then(|session| {
                let done = write(&session)?;
                self.session = Some(session);
                Ok(done)
            });
            match done {
                Ok(done) => return Ok(done),
                Err(Failed::Lost(_)) if patience.wait() => {}
                Err(failed) => return Err(failed.into_error(REACH)),
            }
        }
    }

    /// Runs `write` once: a failure closes the connection, and the server rolls back.
    pub(crate) fn once<T>(&mut self, write: impl FnOnce(&Session) -> Result<T, Failed>) -> Result<T> {
        let done = self.take().and_then(|session| {
            let done = write(&session)?;
            self.session = Some(session);
            Ok(done)
        });
        done.map_err(|failed| failed.into_error(REACH))
    }

    fn attempt(
        &mut self,
        batches: &[Batch],
        mac: &dyn RecordMac,
        head: &dyn LogHead,
        clock: &dyn Clock,
    ) -> Result<Outcome> {
        if batches.is_empty() {
            return Ok(Outcome::Done(Vec::new()));
        }
        let needs = Needs::of(batches);
        let begun = self.take().and_then(|session| Ok((transaction::begin(&session, &needs)?, session)));
        let (found, session) = match begun {
            Ok(begun) => begun,
            Err(Failed::Lost(detail)) => return Ok(Outcome::Again(detail)),
            Err(Failed::Refused(error)) => return Err(error),
        };
        if let Some(acknowledged) = &self.acknowledged {
            found.head.must_follow(acknowledged)?;
        }
        let first = i64::try_from(found.head.size).unwrap_or(i64::MAX);
        let mut group = Group::begin(&needs, found, clock.now_ms());
        let answers = batches.iter().map(|batch| group.make(batch)).collect();
        if group.is_empty() {
            if transaction::roll_back(&session).is_ok() {
                self.session = Some(session);
            }
            return Ok(Outcome::Done(answers));
        }
        let writes = group.finish(mac, head)?;
        let mark = mark::encode(self.next_name(), writes.entries.len(), writes.changed.iter().copied());
        let done = transaction::finish(&session, &writes, &mark);
        let head = Head { size: writes.size.unsigned_abs(), state: Some(writes.state) };
        match done {
            Ok(()) => {
                self.session = Some(session);
                self.acknowledged = Some(head);
                Ok(Outcome::Done(answers))
            }
            Err(Failed::Lost(detail)) => Ok(Outcome::Unknown { first, mark, head, answers, detail }),
            Err(Failed::Refused(error)) => Err(error),
        }
    }

    /// Was the group with this mark made? None when the database does not say within the patience.
    fn look_up(&mut self, first: i64, mark: &[u8]) -> Option<bool> {
        let mut patience = Patience::begin();
        loop {
            let found = self.take().and_then(|session| {
                let found = transaction::mark_at(&session, first)?;
                self.session = Some(session);
                Ok(found)
            });
            match found {
                Ok(found) => return Some(found.as_deref() == Some(mark)),
                // Also when the head is still held by the transaction that is asked for.
                Err(_) if patience.wait() => {}
                Err(_) => return None,
            }
        }
    }

    fn take(&mut self) -> Result<Session, Failed> {
        match self.session.take().filter(|session| !session.is_closed()) {
            Some(session) => Ok(session),
            None => connect(&self.connector),
        }
    }

    fn next_name(&mut self) -> Name {
        self.groups += 1;
        let mut name = [0; 24];
        name[..16].copy_from_slice(&self.node);
        name[16..].copy_from_slice(&self.groups.to_be_bytes());
        name
    }
}

/// How long, and how often, a lost database is tried again.
pub(crate) struct Patience {
    end: Instant,
    pause: Duration,
}

impl Patience {
    pub(crate) fn begin() -> Self {
        Self { end: Instant::now() + LONGEST_WAIT, pause: Duration::from_millis(10) }
    }

    /// Pauses, each time for longer. False when it is at its end.
    pub(crate) fn wait(&mut self) -> bool {
        if Instant::now() + self.pause > self.end {
            return false;
        }
        std::thread::sleep(self.pause);
        self.pause = (self.pause * 2).min(LONGEST_PAUSE);
        true
    }
}

/// A session that may write: to tables that are as we make them, or the database might drop what it
/// acknowledges.
fn connect(connector: &Connector) -> Result<Session, Failed> {
    let session = connector.connect()?;
    session.run(session.client.batch_execute(SETTINGS))?;
    schema::check(&session, &connector.address.to_string())?;
    Ok(session)
}

const REACH: &str = "reach the database";

/// A node that stops with the head of the log in its hands loses it before the others lose patience.
const SETTINGS: &str = "SET idle_in_transaction_session_timeout = '5s'";

const LONGEST_WAIT: Duration = Duration::from_secs(15);

const LONGEST_PAUSE: Duration = Duration::from_secs(1);
