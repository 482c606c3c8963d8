//! A server's life: addresses are bound first, so that what is wrong is said before anything runs.

use std::sync::Arc;

use hyper_util::server::graceful::GracefulShutdown;
use keyward_client::{Failure, Result, Sealable, Telemetry};
use keyward_vault::Vault;

use crate::app::Edge;
use crate::authenticate::Authenticate;
use crate::config::Config;
use crate::connection::{Serving, accept};
use crate::gate::{Gate, Keyhole, Sealing};
use crate::gateway::Front;
use crate::listener::{Bound, bind};
use crate::stop::Stop;

/// A control API that is bound and does not answer yet.
pub struct Server {
    bound: Vec<Bound>,
    gate: Arc<Gate>,
    front: Option<Arc<Front>>,
}

impl Server {
    /// Binds every address of the set-up.
    ///
    /// # Errors
    /// When an address cannot be had, could be reached by others without TLS, or a certificate
    /// cannot be used.
    pub fn bind(vault: Arc<Vault>, authenticate: impl Authenticate, config: Config) -> Result<Self> {
        let server = Self::made(authenticate, config, None, None)?;
        server.gate.open(vault)?;
        Ok(server)
    }

    /// The same for a server that can be sealed: without a vault it is. Traces of requests go where
    /// `telemetry` says.
    ///
    /// # Errors
    /// As [`Server::bind`]; when the vault's store cannot be watched.
    pub fn bind_gated(
        vault: Option<Arc<Vault>>,
        keyhole: impl Keyhole,
        authenticate: impl Authenticate,
        config: Config,
        telemetry: Option<Arc<Telemetry>>,
    ) -> Result<Self> {
        let node = keyhole.node();
        let server = Self::made(authenticate, config, Some(Box::new(keyhole)), telemetry)?;
        if let Some(vault) = vault {
            vault.record_start("keyward serve", &node)?;
            server.gate.open(vault)?;
        }
        Ok(server)
    }

    fn made(
        authenticate: impl Authenticate,
        config: Config,
        keyhole: Option<Box<dyn Keyhole>>,
        telemetry: Option<Arc<Telemetry>>,
    ) -> Result<Self> {
        let bound = bind(&config)?;
        let front = config.gateway.as_ref().map(|gateway| Front::bind(gateway, telemetry.clone())).transpose()?;
        let edge = Edge::new(config, &bound, telemetry);
        if let Some(front) = &front {
            edge.metrics.also_of(Arc::clone(front.tally()));
        }
        let gate = Gate::new(edge, authenticate, keyhole, front.clone());
        Ok(Self { bound, gate, front })
    }

    /// The server's seal, for the commands of its own user.
    pub fn sealing(&self) -> Arc<dyn Sealable> {
        Arc::new(Sealing(Arc::clone(&self.gate)))
    }

    /// What clients write to reach it, for example `http://127.0.0.1:8200`.
    pub fn urls(&self) -> Vec<String> {
        self.bound.iter().map(Bound::url).collect()
    }

    /// What callers of the gateway write before the name of a service, where there is one.
    pub fn gateway_url(&self) -> Option<&str> {
        self.front.as_deref().map(Front::url)
    }

    /// Answers until `stop` is asked to end it: requests that are under way get their answers, as
    /// far as they come in time.
    ///
    /// # Errors
    /// When the machine cannot give threads or sockets.
    pub fn run(self, stop: &Stop) -> Result<()> {
        let failed = |error: std::io::Error| Failure::internal(format!("the server cannot run: {error}"));
        let calls = self.gate.edge().config.limits.calls;
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .enable_all()
            .thread_name("keyward-http")
            // What others have made ready, such as a commit, is gone on with before anything new is begun:
            // whoever waits longest is answered first.
            .global_queue_interval(1)
            // Callers who wait for one flush share it, so that many have to be able to wait.
            .max_blocking_threads(calls)
            .build()
            .map_err(failed)?;
        let (gate, front) = (Arc::clone(&self.gate), self.front.clone());
        gate.begin_jobs().map_err(failed)?;
        gate.open_when_it_can(stop).map_err(failed)?;
        let done = runtime.block_on(self.serve(stop.clone())).map_err(failed);
        // The listeners may have ended by themselves.
        stop.stop();
        // While the vault is still there: what was used is put on record.
        if let Some(front) = front {
            front.end();
        }
        gate.end_jobs();
        // Calls that are under way are carried out to their end: what they commit is whole anyway.
        runtime.shutdown_timeout(std::time::Duration::from_secs(2));
        done
    }

    async fn serve(self, stop: Stop) -> std::io::Result<()> {
        let open = Arc::new(GracefulShutdown::new());
        let grace = std::time::Duration::from_secs(self.gate.edge().config.limits.grace_seconds);
        let serving = Arc::new(Serving::new(Arc::clone(&self.gate), Arc::clone(&open)));
        let mut listeners = tokio::task::JoinSet::new();
        for bound in self.bound {
            listeners.spawn(accept(bound, Arc::clone(&serving), stop.clone()));
        }
        let mut done = Ok(());
        while let Some(ended) = listeners.join_next().await {
            let ended = ended.unwrap_or_else(|panicked| Err(std::io::Error::other(panicked)));
            if ended.is_err() && done.is_ok() {
                done = ended;
                stop.stop();
            }
        }
        drop(serving);
        // The listeners have ended, so that nobody else holds it.
        let Some(open) = Arc::into_inner(open) else { return done };
        if tokio::time::timeout(grace, open.shutdown()).await.is_err() {
            tracing::warn!("requests were still open when the server ended");
        }
        done
    }
}
