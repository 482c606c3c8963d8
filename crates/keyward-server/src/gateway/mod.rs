//! The gateway of this process: its data plane (`keyward-gateway`) knows nothing of a vault, and what
//! it needs of one is brought to it here.
//!
//! What holds here:
//!
//! - **A change counts with the next request.** The vault tells of it before whoever made it is
//!   answered, and the tables are replaced in that call.
//! - **Nothing is leased that nobody uses.** A secret's first call waits for its lease; what was not
//!   used while a lease lasted is not leased again.
//! - **Sealed, it knows nobody.** The tables and leases go with the vault, and requests get 503.

mod leases;
mod ledger;
mod narrowed;
mod services;
mod tables;
mod tally;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use keyward_client::{Failure, Result, SystemClock, SystemRandom, Telemetry};
use keyward_gateway::{Config, Gateway, Running, ServerTls, Shared, Snapshot};
use keyward_types::{Clock, Random, Timestamp};
use keyward_vault::Vault;
use serde::Deserialize;
use tokio_rustls::rustls::RootCertStore;

use self::leases::Table;
use self::ledger::Ledger;
use self::services::Services;
use self::tables::Tables;
pub(crate) use self::tally::Tally;
use crate::config::Tls;
use crate::follow::Freshness;
use crate::tls::{Certificates, LOOK_EVERY as LOOK_AT_FILES};

/// Where callers reach the gateway, and what it reaches.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GatewayConfig {
    /// Address and port; any other than loopback's needs `tls`.
    pub listen: SocketAddr,
    /// How callers write its address, where that is neither `listen` nor the first of `hosts`:
    /// `https://gateway.example`.
    #[serde(default)]
    pub public_url: Option<String>,
    /// Certificate and key.
    #[serde(default)]
    pub tls: Option<Tls>,
    /// Names under which it is called, beside addresses and `localhost`.
    #[serde(default)]
    pub hosts: Vec<String>,
    /// Files that describe services which the catalogue lacks.
    #[serde(default)]
    pub services: Vec<PathBuf>,
    /// PEM file with authorities whose certificates are believed of services, beside the system's.
    #[serde(default)]
    pub authorities: Option<PathBuf>,
}

impl GatewayConfig {
    /// At this address, for the services of the catalogue.
    #[must_use]
    pub fn at(listen: SocketAddr) -> Self {
        Self { listen, public_url: None, tls: None, hosts: Vec::new(), services: Vec::new(), authorities: None }
    }
}

/// A gateway that listens, whether or not there is a vault.
pub(crate) struct Front {
    shared: Arc<Shared>,
    table: Arc<Table>,
    ledger: Arc<Ledger>,
    tally: Arc<Tally>,
    services: Arc<Services>,
    node: String,
    running: Mutex<Option<Running>>,
    tls: Option<Certificates>,
    url: String,
    /// How callers write its address, where that is known.
    called: Option<String>,
    asked: Mutex<Option<Receiver<()>>>,
    ask: Sender<()>,
}

/// What a gateway has while a vault is open. It goes when the vault is sealed.
pub(crate) struct Attached {
    front: Arc<Front>,
    end: Sender<()>,
    keeper: Option<JoinHandle<Receiver<()>>>,
}

/// How often it is looked whether something changed that nobody told of.
const LOOK_EVERY: Duration = Duration::from_millis(250);
/// How long calls that are under way have when the server ends.
const LAST_CALLS: Duration = Duration::from_secs(10);

impl Front {
    /// Binds the address. Until a vault is attached, callers are told to come back.
    ///
    /// # Errors
    /// When the address cannot be had or a file not be used.
    pub(crate) fn bind(config: &GatewayConfig, telemetry: Option<Arc<Telemetry>>) -> Result<Arc<Self>> {
        let services = Arc::new(Services::read(&config.services)?);
        let (ask, asked) = channel();
        let table = Arc::new(Table::new(ask.clone()));
        let node = node_name();
        let tally = Arc::new(Tally::new(telemetry));
        let ledger = Arc::new(Ledger::new(node.clone(), Arc::clone(&tally)));
        let failed = |error: std::io::Error| {
            Failure::usage(format!("the gateway cannot listen at {}: {error}", config.listen))
                .hint("another address, or none: `--gateway`, or `[gateway]` of the server's configuration")
        };
        let shared = Shared::new(
            Snapshot::new(Timestamp(0), Arc::new(|_| None)),
            Arc::clone(&table) as _,
            Arc::clone(&ledger) as _,
            Arc::clone(&ledger) as _,
            Arc::new(SystemClock),
        );
        let shared = Arc::new(shared.map_err(failed)?);
        let tls = config.tls.as_ref().map(Certificates::read).transpose()?;
        let running = Gateway::bind(plane(config, tls.clone())?, Arc::clone(&shared)).map_err(failed)?;
        let scheme = if config.tls.is_some() { "https" } else { "http" };
        let url = format!("{scheme}://{}", running.address());
        let called = called(config, scheme, running.address());
        let (running, asked) = (Mutex::new(Some(running)), Mutex::new(Some(asked)));
        Ok(Arc::new(Self { shared, table, ledger, tally, services, node, running, tls, url, called, asked, ask }))
    }

    /// What callers write before the name of a service.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// What its calls were.
    pub(crate) fn tally(&self) -> &Arc<Tally> {
        &self.tally
    }

    /// Serves the keys of this vault until what is returned is dropped.
    ///
    /// # Errors
    /// When there is no thread for it; when the store refuses.
    pub(crate) fn attach(self: &Arc<Self>, vault: &Arc<Vault>, freshness: &Freshness) -> Result<Attached> {
        vault.also_serve(self.services.own_ids());
        if let Some(called) = &self.called {
            vault.gateway_is_at(called.clone());
        }
        let tables = Arc::new(Tables::new(Arc::downgrade(vault), Arc::clone(self), freshness.clone()));
        tables.refresh()?;
        let told = Arc::downgrade(&tables);
        let ask = self.ask.clone();
        vault.on_key_change(move || {
            let Some(tables) = told.upgrade() else { return };
            if let Err(error) = tables.refresh() {
                tracing::error!(reason = %error, "the gateway's keys could not be looked at; they go stale");
            }
            // Another version of a secret wants a lease.
            let _ = ask.send(());
        });
        self.ledger.attach(Arc::downgrade(vault));
        let (end, ended) = channel();
        let asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner).take();
        let asked = asked.ok_or_else(|| Failure::internal("the gateway serves a vault already"))?;
        let front = Arc::clone(self);
        let keep = move || front.keep(&tables, asked, &ended);
        let keeper = std::thread::Builder::new().name("keyward-leases".into()).spawn(keep);
        let keeper = keeper.map_err(|error| Failure::internal(format!("no thread can be started: {error}")))?;
        Ok(Attached { front: Arc::clone(self), end, keeper: Some(keeper) })
    }

    /// Stops: lets calls that are under way end, and has the last of them recorded.
    pub(crate) fn end(&self) {
        if let Some(running) = self.running.lock().unwrap_or_else(PoisonError::into_inner).take() {
            running.drain(LAST_CALLS);
        }
    }

    fn keep(&self, tables: &Tables, asked: Receiver<()>, ended: &Receiver<()>) -> Receiver<()> {
        let mut looked = Instant::now();
        loop {
            match asked.recv_timeout(LOOK_EVERY) {
                // However many asked meanwhile: one look is enough.
                Ok(()) => while asked.try_recv().is_ok() {},
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return asked,
            }
            if !matches!(ended.try_recv(), Err(std::sync::mpsc::TryRecvError::Empty)) {
                return asked;
            }
            if let Some(tls) = self.tls.as_ref().filter(|_| looked.elapsed() >= LOOK_AT_FILES) {
                tls.look();
                looked = Instant::now();
            }
            if let Err(error) = tables.refresh().and_then(|()| tables.lease()) {
                tracing::error!(reason = %error, "the gateway's leases could not be renewed");
            }
        }
    }
}

impl Drop for Attached {
    fn drop(&mut self) {
        let _ = self.end.send(());
        let _ = self.front.ask.send(());
        if let Some(asked) = self.keeper.take().and_then(|keeper| keeper.join().ok()) {
            *self.front.asked.lock().unwrap_or_else(PoisonError::into_inner) = Some(asked);
        }
        self.front.shared.publish(Snapshot::new(Timestamp(0), Arc::new(|_| None)));
        self.front.table.clear();
        self.front.ledger.attach(Weak::new());
    }
}

/// Unlike the name of every other process at the store.
fn node_name() -> String {
    let mut bytes = [0; 8];
    // Without randomness the process's number has to do.
    let _ = SystemRandom.fill(&mut bytes);
    format!("{}-{:016x}", std::process::id(), u64::from_be_bytes(bytes))
}

fn plane(config: &GatewayConfig, tls: Option<Certificates>) -> Result<Config> {
    let mut plane = match &config.authorities {
        // Services without TLS on this machine are reached all the same, and the control API is not to
        // fail for it.
        None => Config::new(config.listen).unwrap_or_else(|error| {
            tracing::warn!(reason = %error, "the gateway can verify no service");
            Config::with_roots(config.listen, RootCertStore::empty())
        }),
        Some(file) => Config::with_more_roots(config.listen, file)
            .map_err(|error| Failure::usage(format!("`{}` cannot be used: {error}", file.display())))?,
    };
    plane.hosts.clone_from(&config.hosts);
    plane.tls = tls.map(|tls| Arc::new(move || tls.config()) as ServerTls);
    Ok(plane)
}

/// How callers write the address: as the operator says, else by a name, else by the address itself where it
/// is one.
fn called(config: &GatewayConfig, scheme: &str, bound: SocketAddr) -> Option<String> {
    let public = config.public_url.as_ref().map(|url| url.trim_end_matches('/').to_owned());
    let named = || config.hosts.first().map(|host| format!("{scheme}://{host}:{}", bound.port()));
    let bare = || (!bound.ip().is_unspecified()).then(|| format!("{scheme}://{bound}"));
    public.or_else(named).or_else(bare)
}

/// The moment up to which all is known.
fn known_until(freshness: &Freshness) -> Timestamp {
    let age = i64::try_from(freshness.age().as_millis()).unwrap_or(i64::MAX);
    Timestamp(SystemClock.now().0.saturating_sub(age))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn callers_are_told_an_address_that_they_can_write() {
        let told = |listen: &str, public: Option<&str>, hosts: &[&str]| {
            let listen: SocketAddr = listen.parse().expect("it is an address");
            let hosts = hosts.iter().map(|&host| host.to_owned()).collect();
            let config = GatewayConfig { public_url: public.map(str::to_owned), hosts, ..GatewayConfig::at(listen) };
            called(&config, "https", listen)
        };
        assert_eq!(told("127.0.0.1:9", None, &[]).as_deref(), Some("https://127.0.0.1:9"));
        assert_eq!(told("0.0.0.0:9", None, &["gw.example"]).as_deref(), Some("https://gw.example:9"));
        assert_eq!(told("0.0.0.0:9", Some("https://a.example/"), &["b"]).as_deref(), Some("https://a.example"));
        assert_eq!(told("[::]:9", None, &[]), None);
    }
}
