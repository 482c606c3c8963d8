//! One connection, driven in the thread that uses it: no other thread wakes, none is woken.

use std::cell::RefCell;
use std::collections::HashMap;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use keyward_store::{Error, Result};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::Notify;
use tokio::time::timeout;
use tokio_postgres::tls::TlsStream;
use tokio_postgres::types::ToSql;
use tokio_postgres::{AsyncMessage, Client, Connection, Row, Socket, Statement};
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::address::Address;
use crate::error::Failed;
use crate::tls;

/// How to connect.
pub(crate) struct Connector {
    pub(crate) address: Address,
    tls: MakeRustlsConnect,
}

impl Connector {
    pub(crate) fn new(address: Address) -> Result<Self> {
        let tls = tls::connector(&address.tls)?;
        Ok(Self { address, tls })
    }

    pub(crate) fn connect(&self) -> Result<Session, Failed> {
        let runtime = Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|e| Error::Io { action: CONNECT.into(), detail: e.to_string() })?;
        let notified = Arc::<Notify>::default();
        let client = runtime.block_on(async {
            let connected = timeout(PATIENCE, self.address.config.connect(self.tls.clone())).await;
            let connected = connected.map_err(|_| Failed::Lost("no answer".into()))?;
            let (client, connection) = connected.map_err(|e| Failed::of(CONNECT, &e))?;
            // It ends with the runtime, or when the connection does: then the client says so.
            drop(tokio::spawn(drive(connection, Arc::clone(&notified))));
            Ok::<_, Failed>(client)
        })?;
        let session = Session { client, prepared: RefCell::default(), notified, runtime: Some(runtime) };
        session.run(session.client.batch_execute(&self.settings()))?;
        Ok(session)
    }

    /// What every session must have, whatever the server's or the user's defaults are.
    fn settings(&self) -> String {
        format!("SET search_path = \"{}\"; {SETTINGS}", self.address.schema)
    }
}

/// An open connection and its prepared statements.
pub(crate) struct Session {
    pub(crate) client: Client,
    prepared: RefCell<HashMap<&'static str, Statement>>,
    notified: Arc<Notify>,
    /// Only the drop takes it.
    runtime: Option<Runtime>,
}

impl Session {
    /// Waits for `work` on this connection, for half a minute at most.
    pub(crate) fn run<T>(&self, work: impl Future<Output = Result<T, tokio_postgres::Error>>) -> Result<T, Failed> {
        self.wait(async {
            match timeout(PATIENCE, work).await {
                Ok(done) => done.map_err(|e| Failed::of(USE, &e)),
                Err(_) => Err(Failed::Lost("no answer".into())),
            }
        })
    }

    /// Waits for `work` as long as it takes.
    pub(crate) fn run_long<T>(
        &self,
        work: impl Future<Output = Result<T, tokio_postgres::Error>>,
    ) -> Result<T, Failed> {
        self.wait(async { work.await.map_err(|e| Failed::of(USE, &e)) })
    }

    /// Until a notification comes, or the time is over.
    pub(crate) fn wait_for_notification(&self, time: Duration) {
        // The end of the time is as good a reason to look.
        let _ = self.wait(async { timeout(time, self.notified.notified()).await });
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.client.is_closed()
    }

    pub(crate) async fn query(
        &self,
        sql: &'static str,
        parameters: &[&(dyn ToSql + Sync)],
    ) -> Result<Vec<Row>, tokio_postgres::Error> {
        let statement = self.prepared(sql).await?;
        self.client.query(&statement, parameters).await
    }

    /// The statement, prepared once a session.
    pub(crate) async fn prepared(&self, sql: &'static str) -> Result<Statement, tokio_postgres::Error> {
        let found = self.prepared.borrow().get(sql).cloned();
        if let Some(statement) = found {
            return Ok(statement);
        }
        let statement = self.client.prepare(sql).await?;
        self.prepared.borrow_mut().insert(sql, statement.clone());
        Ok(statement)
    }

    fn wait<T>(&self, work: impl Future<Output = T>) -> T {
        self.runtime.as_ref().expect("only the drop takes it").block_on(work)
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            // Closes the socket; the server rolls back what was open.
            runtime.shutdown_background();
        }
    }
}

/// One of several requests.
pub(crate) type Work<'a, T, E> = Pin<Box<dyn Future<Output = Result<T, E>> + 'a>>;

/// Sends all requests before it waits for the first answer: one round trip. Their order is kept.
///
/// The first failure ends it. One that comes before its request was sent (a value that cannot be
/// encoded) keeps those behind it from being sent, a `COMMIT` above all; after one that the server
/// answers, it skips what comes behind. The connection is not to be used again.
pub(crate) async fn pipelined<T, E>(work: Vec<Work<'_, T, E>>) -> Result<Vec<T>, E> {
    let mut work: Vec<_> = work.into_iter().map(|future| (future, None)).collect();
    poll_fn(|context| {
        let mut pending = false;
        for (future, answer) in work.iter_mut().filter(|(_, answer)| answer.is_none()) {
            match future.as_mut().poll(context) {
                Poll::Ready(Ok(done)) => *answer = Some(done),
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                Poll::Pending => pending = true,
            }
        }
        if pending { Poll::Pending } else { Poll::Ready(Ok(())) }
    })
    .await?;
    Ok(work.into_iter().map(|(_, answer)| answer.expect("nothing is pending any more")).collect())
}

/// Moves the connection's bytes, and tells of notifications.
async fn drive<S: TlsStream + Unpin>(mut connection: Connection<Socket, S>, notified: Arc<Notify>) {
    loop {
        match poll_fn(|context| connection.poll_message(context)).await {
            Some(Ok(AsyncMessage::Notification(_))) => notified.notify_one(),
            Some(Ok(_)) => {}
            Some(Err(_)) | None => return,
        }
    }
}

const CONNECT: &str = "connect to the database";

const USE: &str = "use the database";

/// Longer than a commit waits for the head of the log.
const PATIENCE: Duration = Duration::from_secs(30);

/// Plans go by key, whatever the statistics say; a commit is durable; a node that hangs with the head
/// of the log in its hands loses it.
const SETTINGS: &str = "\
    SET client_encoding = 'UTF8'; SET standard_conforming_strings = on; SET bytea_output = 'hex'; \
    SET synchronous_commit = on; SET default_transaction_isolation = 'read committed'; \
    SET enable_seqscan = off; SET enable_hashjoin = off; SET enable_mergejoin = off; \
    SET lock_timeout = '10s'; SET statement_timeout = 0; SET idle_in_transaction_session_timeout = 0; \
    SET tcp_user_timeout = '10s'; SET tcp_keepalives_idle = 10; SET tcp_keepalives_interval = 3; \
    SET tcp_keepalives_count = 3;";

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    fn request<'a>(sent: &'a Cell<u32>, answer: Result<u32, &'static str>) -> Work<'a, u32, &'static str> {
        Box::pin(async move {
            sent.set(sent.get() + 1);
            answer
        })
    }

    #[test]
    fn nothing_is_sent_behind_a_failure() {
        let runtime = Builder::new_current_thread().build().unwrap();
        let sent = Cell::new(0);
        let good = vec![request(&sent, Ok(1)), request(&sent, Ok(2))];
        assert_eq!(runtime.block_on(pipelined(good)), Ok(vec![1, 2]));
        sent.set(0);
        let bad = vec![request(&sent, Ok(1)), request(&sent, Err("too long")), request(&sent, Ok(3))];
        assert_eq!(runtime.block_on(pipelined(bad)), Err("too long"));
        assert_eq!(sent.get(), 2, "the third one never was");
    }
}
