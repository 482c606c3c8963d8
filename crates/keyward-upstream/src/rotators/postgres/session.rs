use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use keyward_types::Verified;
use rustls::crypto::ring;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};
use tokio::runtime::{Builder, Runtime};
use tokio::time::timeout;
use tokio_postgres::error::SqlState;
use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, Error, SimpleQueryMessage};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::Address;
use crate::{Fault, Refusal, Verdict};

/// A connection, driven by the thread that uses it.
pub(super) struct Session {
    client: Client,
    runtime: Runtime,
}

/// Why a connection or a statement failed.
pub(super) enum Failed {
    /// The server said so.
    Said(SqlState),
    /// Nobody answered, before anything was asked.
    Unreached(String),
    /// Nobody answered what was asked.
    Lost(String),
}

const PATIENCE: Duration = Duration::from_secs(10);

impl Session {
    pub(super) fn open(address: &Address) -> Result<Self, Failed> {
        let unreached = |why: String| Failed::Unreached(why);
        let tls = connector(address.roots()).map_err(unreached)?;
        let runtime = Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|error| unreached(error.kind().to_string()))?;
        let client = runtime.block_on(async {
            let connected = timeout(PATIENCE, address.config().connect(tls)).await;
            let connected = connected.map_err(|_| unreached("it did not answer in time".into()))?;
            let (client, connection) = connected.map_err(|error| Failed::of(&error).before())?;
            drop(tokio::spawn(async move { drop(connection.await) }));
            Ok::<_, Failed>(client)
        })?;
        Ok(Self { client, runtime })
    }

    /// That it answers.
    pub(super) fn alive(&mut self) -> Result<(), Failed> {
        self.wait(self.client.simple_query("SELECT 1")).map(|_| ())
    }

    /// Rows of a question that changes nothing, in texts.
    pub(super) fn rows(&mut self, sql: &str, parameters: &[&str]) -> Result<Vec<Vec<String>>, Fault> {
        let parameters: Vec<&(dyn ToSql + Sync)> = parameters.iter().map(|one| one as &(dyn ToSql + Sync)).collect();
        let rows = self.wait(self.client.query(sql, &parameters)).map_err(|failed| failed.of_question())?;
        let cell = |row: &tokio_postgres::Row, at: usize| row.try_get::<_, Option<String>>(at);
        let texts = rows.iter().map(|row| (0..row.len()).map(|at| Ok(cell(row, at)?.unwrap_or_default())).collect());
        texts.collect::<Result<_, Error>>().map_err(|_| Fault::nonsense("a row that is no text"))
    }

    /// Statements in one transaction, while nobody else holds this lock.
    pub(super) fn change(&mut self, lock: &str, statements: &[String]) -> Result<(), Fault> {
        self.wait(self.client.batch_execute("BEGIN")).map_err(|failed| failed.of_question())?;
        // The lock's name has names of roles in it, and is a literal.
        let lock = format!("SELECT pg_try_advisory_xact_lock(hashtext('{}'))::text", lock.replace('\'', "''"));
        let locked = self.wait(self.client.simple_query(&lock)).map_err(|failed| failed.of_question())?;
        let got = locked.iter().any(|row| matches!(row, SimpleQueryMessage::Row(row) if row.get(0) == Some("true")));
        if !got {
            return Err(Fault::refused(Refusal::Busy, "another rotation of these roles is under way"));
        }
        for statement in statements {
            // Before the commit a loss changes nothing.
            self.wait(self.client.batch_execute(statement)).map_err(|failed| failed.of_question())?;
        }
        self.wait(self.client.batch_execute("COMMIT")).map_err(|failed| failed.of_change())
    }

    fn wait<T>(&self, work: impl Future<Output = Result<T, Error>>) -> Result<T, Failed> {
        self.runtime.block_on(async {
            match timeout(PATIENCE, work).await {
                Ok(done) => done.map_err(|error| Failed::of(&error)),
                Err(_) => Err(Failed::Lost("it did not answer in time".into())),
            }
        })
    }
}

impl Failed {
    fn of(error: &Error) -> Self {
        match error.code() {
            Some(code) => Self::Said(code.clone()),
            None if error.is_closed() => Self::Lost("the connection was closed".into()),
            // What the driver says may have the address in it, and nothing of a value.
            None => Self::Lost(error.to_string()),
        }
    }

    /// Of a connection that was never made.
    fn before(self) -> Self {
        match self {
            Self::Lost(why) => Self::Unreached(why),
            failed => failed,
        }
    }

    /// Of the administrator's connection.
    pub(super) fn of_admin(self) -> Fault {
        match self {
            Self::Said(code) if is_about_the_login(&code) => {
                Fault::refused(Refusal::Admin, format!("PostgreSQL answers {}", code.code()))
            }
            failed => failed.of_question(),
        }
    }

    /// Of what changes nothing, or not before its commit.
    fn of_question(self) -> Fault {
        match self {
            Self::Said(code) if is_passing(&code) => Fault::Unreachable(format!("PostgreSQL answers {}", code.code())),
            Self::Said(code) => {
                let what = match code {
                    SqlState::INSUFFICIENT_PRIVILEGE => Refusal::Permission,
                    SqlState::UNDEFINED_OBJECT => Refusal::Missing,
                    SqlState::LOCK_NOT_AVAILABLE | SqlState::OBJECT_IN_USE => Refusal::Busy,
                    _ => Refusal::Input,
                };
                Fault::refused(what, format!("PostgreSQL answers {}", code.code()))
            }
            Self::Unreached(why) | Self::Lost(why) => Fault::Unreachable(why),
        }
    }

    /// Of a commit.
    fn of_change(self) -> Fault {
        match self {
            Self::Lost(why) => Fault::Ambiguous(why),
            failed => failed.of_question(),
        }
    }

    /// What it says of a value that was tried.
    pub(super) fn verdict(self) -> Result<Verdict, Fault> {
        let code = match self {
            Self::Said(code) => code,
            Self::Unreached(why) | Self::Lost(why) => return Err(Fault::Unreachable(why)),
        };
        let verified = match code {
            SqlState::INVALID_PASSWORD => Verified::Invalid,
            // The password was right, or nobody looked at it: pg_hba.conf, NOLOGIN.
            SqlState::INVALID_AUTHORIZATION_SPECIFICATION => Verified::Blocked,
            SqlState::INSUFFICIENT_PRIVILEGE => Verified::ValidInsufficient,
            _ => Verified::Indeterminate,
        };
        Ok(Verdict::new(verified, code.code()))
    }
}

fn is_about_the_login(code: &SqlState) -> bool {
    matches!(*code, SqlState::INVALID_PASSWORD | SqlState::INVALID_AUTHORIZATION_SPECIFICATION)
}

fn is_passing(code: &SqlState) -> bool {
    matches!(*code, SqlState::TOO_MANY_CONNECTIONS | SqlState::CANNOT_CONNECT_NOW | SqlState::ADMIN_SHUTDOWN)
}

/// TLS that verifies, by the file's roots or else the system's.
fn connector(roots: Option<&str>) -> Result<MakeRustlsConnect, String> {
    let mut store = RootCertStore::empty();
    match roots {
        Some(file) => {
            let read = CertificateDer::pem_file_iter(Path::new(file)).and_then(Iterator::collect::<Result<Vec<_>, _>>);
            for certificate in read.map_err(|_| "`sslrootcert` names no file of certificates")? {
                store.add(certificate).map_err(|_| "`sslrootcert` has a certificate that is none")?;
            }
        }
        None => {
            store.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        }
    }
    let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()));
    let builder = builder.with_safe_default_protocol_versions().map_err(|error| error.to_string())?;
    Ok(MakeRustlsConnect::new(builder.with_root_certificates(store).with_no_client_auth()))
}
