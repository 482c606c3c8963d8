//! A server is open or sealed. Open, it has a vault and every route; sealed, it has neither: the
//! routes that need a vault do not exist then, so that none of them can forget to ask.
//!
//! Sealing drops the vault, and with it every key, as soon as the requests and jobs that are under way
//! have ended. What unseals is the one call by which somebody who was not identified changes anything.

mod alone;

use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockWriteGuard, Weak};
use std::time::{Duration, Instant};

use axum::Router;
use keyward_client::{Bytes, Code, Failure, LocalDesk, Occasion, Result, SealInfo, Sealable};
use keyward_vault::{Share, Vault};
use zeroize::Zeroizing;

use crate::app::{App, Edge, router};
use crate::authenticate::Authenticate;
use crate::closed::{Closed, closed};
use crate::follow::{Follow, Watched};
use crate::gateway::{Attached, Front};
use crate::jobs;
use crate::stop::Stop;
use crate::unsealing::{Progress, Tries, Unsealing};

/// The way to the vault of a server that can be sealed.
pub trait Keyhole: Send + Sync + 'static {
    /// What this node is called, for the log.
    fn node(&self) -> String;

    /// How many shares are needed; `None` when no slot is made of shares.
    ///
    /// # Errors
    /// When the store cannot be reached.
    fn threshold(&self) -> Result<Option<u8>>;

    /// Opens the vault.
    ///
    /// # Errors
    /// [`Code::Locked`] when these shares do not open it; when the store cannot be reached.
    fn open(&self, shares: &[Share]) -> Result<Arc<Vault>>;

    /// Opens the vault with the slot that the configuration names, where that needs nobody who could be
    /// asked; `None` where it does.
    ///
    /// # Errors
    /// [`Code::Locked`] when the slot does not open it now; when the store cannot be reached.
    fn open_alone(&self) -> Result<Option<Arc<Vault>>> {
        Ok(None)
    }

    /// Whether there is such a slot.
    fn opens_alone(&self) -> bool {
        false
    }

    /// The server is open with this vault.
    fn opened(&self, vault: &Arc<Vault>);

    /// The server is sealed: nobody else may go on holding the vault.
    fn sealed(&self);
}

/// The state of one server, and the routes that go with it.
pub(crate) struct Gate {
    edge: Edge,
    authenticate: Arc<dyn Authenticate>,
    keyhole: Option<Box<dyn Keyhole>>,
    now: RwLock<Now>,
    /// It was open once, so that it is sealed now because somebody wanted it.
    was_open: AtomicBool,
    unsealing: Mutex<Unsealing>,
    tries: Mutex<Tries>,
    /// How many shares are needed, and when that was asked: whoever is nobody shall not make us ask
    /// the store as often as he likes.
    threshold: Mutex<Option<(Instant, Option<u8>)>>,
    sealed: Router,
    stale: Router,
    front: Option<Arc<Front>>,
}

/// How a server stands at this moment.
#[derive(Default)]
struct Now {
    open: Option<Open>,
    /// The server runs, and with it the jobs of each of its lives.
    works: bool,
}

/// What an open server has.
struct Open {
    vault: Weak<Vault>,
    app: Weak<App>,
    labour: Option<Labour>,
    router: Router,
    follow: Follow,
    /// The gateway, as it serves this vault's keys.
    _attached: Option<Attached>,
}

/// The jobs of one life of a server: from its opening to its seal.
struct Labour {
    stop: Stop,
    running: jobs::Running,
}

impl Labour {
    fn begin(app: &Arc<App>) -> std::io::Result<Self> {
        let stop = Stop::new();
        Ok(Self { running: jobs::start(Arc::clone(app), stop.clone())?, stop })
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        if let Some(labour) = &self.labour {
            labour.stop.stop();
        }
    }
}

/// How long the answer to how many shares are needed is good for.
const ASKED: Duration = Duration::from_secs(10);

/// How long whoever seals by the socket waits for the requests under way.
const LAST_REQUESTS: Duration = Duration::from_secs(5);

impl Gate {
    /// A sealed server.
    pub(crate) fn new(
        edge: Edge,
        authenticate: impl Authenticate,
        keyhole: Option<Box<dyn Keyhole>>,
        front: Option<Arc<Front>>,
    ) -> Arc<Self> {
        edge.metrics.sealed(true);
        Arc::new(Self {
            authenticate: Arc::new(authenticate),
            keyhole,
            now: RwLock::default(),
            was_open: AtomicBool::new(false),
            unsealing: Mutex::default(),
            tries: Mutex::default(),
            threshold: Mutex::default(),
            sealed: closed(&edge, Closed::Sealed),
            stale: closed(&edge, Closed::Stale),
            edge,
            front,
        })
    }

    /// Serves this vault from now on.
    ///
    /// # Errors
    /// When the store cannot be watched.
    pub(crate) fn open(self: &Arc<Self>, vault: Arc<Vault>) -> Result<()> {
        let watched = Watched::new(&vault, self.edge.config.max_stale())?;
        if let Some(keyhole) = &self.keyhole {
            keyhole.opened(&vault);
        }
        let weak = Arc::downgrade(&vault);
        let app = Arc::new(App::new(vault, Arc::clone(&self.authenticate), &self.edge));
        let failed = |error: std::io::Error| Failure::internal(format!("no thread can be started: {error}"));
        let router = router(&app, &self.edge, watched.freshness());
        let attached = self.front.as_ref().map(|front| front.attach(&app.vault, watched.freshness())).transpose()?;
        // Whoever ends this life, or lets jobs begin, waits until it is whole.
        let mut now = self.state_lock();
        let gate = Arc::downgrade(self);
        let follow = watched.follow(&weak, move |vault| {
            if let Some(gate) = gate.upgrade() {
                gate.lose(vault);
            }
        })?;
        let labour = now.works.then(|| Labour::begin(&app)).transpose().map_err(failed)?;
        now.open = Some(Open { vault: weak, app: Arc::downgrade(&app), labour, router, follow, _attached: attached });
        self.was_open.store(true, Ordering::Release);
        self.edge.metrics.sealed(false);
        Ok(())
    }

    /// From now on jobs run while the server is open.
    pub(crate) fn begin_jobs(&self) -> std::io::Result<()> {
        let mut now = self.state_lock();
        now.works = true;
        if let Some(open) = &mut now.open
            && open.labour.is_none()
            && let Some(app) = open.app.upgrade()
        {
            open.labour = Some(Labour::begin(&app)?);
        }
        Ok(())
    }

    /// The server ends: jobs do, too, and what they are at is waited for as far as it ends in time.
    pub(crate) fn end_jobs(&self) {
        let labour = {
            let mut now = self.state_lock();
            now.works = false;
            now.open.as_mut().and_then(|open| open.labour.take())
        };
        if let Some(Labour { stop, running }) = labour {
            stop.stop();
            running.wait();
        }
    }

    /// The routes for a request that comes now.
    pub(crate) fn router(&self) -> Router {
        let now = self.now.read().unwrap_or_else(PoisonError::into_inner);
        match &now.open {
            None => self.sealed.clone(),
            Some(open) if open.follow.freshness().is_too_old() => self.stale.clone(),
            Some(open) => open.router.clone(),
        }
    }

    pub(crate) fn edge(&self) -> &Edge {
        &self.edge
    }

    /// What the node is called, where it may be sealed.
    ///
    /// # Errors
    /// [`Code::Conflict`] where nothing could unseal it again.
    pub(crate) fn node_to_seal(&self) -> Result<String> {
        let keyhole = self.keyhole()?;
        if !keyhole.opens_alone() && keyhole.threshold()?.is_none() {
            return Err(Failure::new(Code::Conflict, "no slot of the vault is made of shares, which unseal a server")
                .hint("`keyward slot add shamir` makes one; to end the server, end its process"));
        }
        Ok(keyhole.node())
    }

    /// Takes a share that came from there. May block.
    ///
    /// # Errors
    /// [`Code::Denied`] when it completes a set that does not open the vault; [`Code::Conflict`] when
    /// the server is open; when the store cannot be reached.
    pub(crate) fn take_share(self: &Arc<Self>, share: Share, from: Option<IpAddr>, agent: &str) -> Result<SealInfo> {
        let keyhole = self.keyhole()?;
        let (set, failed) = {
            let mut unsealing = self.unsealing();
            if self.is_open() {
                return Err(Failure::new(Code::Conflict, "the server is open: it needs no share"));
            }
            if unsealing.is_trying() {
                return Err(Failure::new(Code::Unavailable, "a set of shares is being tried at this moment")
                    .hint("ask `GET /api/v1/seal` in a moment"));
            }
            match unsealing.take(share, Instant::now()) {
                Progress::More { given, threshold } => {
                    return Ok(SealInfo { sealed: true, given, threshold: Some(threshold) });
                }
                Progress::Whole(set) => {
                    unsealing.begin();
                    (set, unsealing.failed())
                }
            }
        };
        // The store may take its time, in which others are answered.
        let _trying = Trying(self);
        let vault = keyhole.open(&set).map_err(|failure| match failure.code {
            Code::Locked => {
                self.unsealing().refuse(&set);
                tracing::warn!("a set of shares did not open the vault");
                Failure::new(Code::Denied, "these shares do not open the vault; none of them is kept")
                    .hint("give them again, all of one slot; which one was wrong cannot be told")
            }
            _ => unreachable(&failure),
        })?;
        let from = from.map(|address| address.to_string());
        vault.record_unseal(agent, &keyhole.node(), from, failed)?;
        self.open(vault)?;
        self.unsealing().finish();
        tracing::warn!("the server is unsealed");
        Ok(SealInfo { sealed: false, given: 0, threshold: self.threshold() })
    }

    /// Whether one more share from there is too many for this minute.
    pub(crate) fn is_too_often(&self, from: Option<IpAddr>) -> bool {
        self.tries.lock().unwrap_or_else(PoisonError::into_inner).is_too_often(from, Instant::now())
    }

    /// How the server stands. May block.
    pub(crate) fn state(&self) -> SealInfo {
        let given = self.unsealing().given(Instant::now());
        SealInfo { sealed: !self.is_open(), given, threshold: self.threshold() }
    }

    /// Gives the vault up. That it does is on record already.
    pub(crate) fn close(&self) -> Weak<Vault> {
        let open = self.state_lock().open.take();
        self.closed(open)
    }

    fn closed(&self, open: Option<Open>) -> Weak<Vault> {
        self.edge.metrics.sealed(true);
        if let Some(keyhole) = &self.keyhole {
            keyhole.sealed();
        }
        tracing::warn!("the server is sealed");
        open.map(|open| open.vault.clone()).unwrap_or_default()
    }

    /// The vault's root was replaced, and this node's slot is none any more.
    fn lose(&self, vault: &Vault) {
        tracing::error!("this node's slot was removed from the vault, and the root was replaced");
        if let Some(keyhole) = &self.keyhole
            && let Err(error) = vault.record_lost(&keyhole.node())
        {
            tracing::error!(reason = %error, "that the node is sealed cannot be put on record");
        }
        // It may be sealed already, and even open again.
        let lost = self.state_lock().open.take_if(|open| std::ptr::eq(open.vault.as_ptr(), vault));
        if lost.is_some() {
            self.closed(lost);
        }
    }

    fn is_open(&self) -> bool {
        self.now.read().unwrap_or_else(PoisonError::into_inner).open.is_some()
    }

    fn state_lock(&self) -> RwLockWriteGuard<'_, Now> {
        self.now.write().unwrap_or_else(PoisonError::into_inner)
    }

    fn keyhole(&self) -> Result<&dyn Keyhole> {
        self.keyhole.as_deref().ok_or_else(|| {
            Failure::new(Code::Conflict, "this server can be neither sealed nor unsealed")
                .hint("`keyward serve` runs one that can; Ctrl-C ends this one")
        })
    }

    /// What is known of how many shares are needed; asked every ten seconds at most, and by one at a
    /// time.
    fn threshold(&self) -> Option<u8> {
        let keyhole = self.keyhole.as_ref()?;
        let before = {
            let mut known = self.threshold.lock().unwrap_or_else(PoisonError::into_inner);
            let before = known.and_then(|(_, threshold)| threshold);
            if known.is_some_and(|(at, _)| at.elapsed() < ASKED) {
                return before;
            }
            // Others are answered with this while we ask.
            *known = Some((Instant::now(), before));
            before
        };
        let found = keyhole.threshold().unwrap_or_else(|failure| {
            let _ = unreachable(&failure);
            before
        });
        *self.threshold.lock().unwrap_or_else(PoisonError::into_inner) = Some((Instant::now(), found));
        found
    }

    fn unsealing(&self) -> MutexGuard<'_, Unsealing> {
        self.unsealing.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A set of shares is being tried, until this is dropped.
struct Trying<'a>(&'a Gate);

impl Drop for Trying<'_> {
    fn drop(&mut self) {
        self.0.unsealing().tried();
    }
}

/// What the store says names files and hosts: for the log, not for who is nobody.
fn unreachable(failure: &Failure) -> Failure {
    tracing::error!(reason = %failure.message, "the store cannot be asked");
    Failure::new(Code::Unavailable, "the store cannot be reached at present; the shares that were given are kept")
        .hint("try again in a moment")
}

/// The same for the commands of the server's own user.
pub(crate) struct Sealing(pub(crate) Arc<Gate>);

impl Sealable for Sealing {
    fn seal_state(&self) -> Result<SealInfo> {
        Ok(self.0.state())
    }

    fn give_share(&self, share: &Bytes, occasion: &Occasion) -> Result<SealInfo> {
        let text = Zeroizing::new(String::from_utf8_lossy(share.expose()).into_owned());
        self.0.take_share(Share::parse(&text)?, None, &occasion.agent)
    }

    fn open_alone(&self, occasion: &Occasion) -> Result<SealInfo> {
        self.0.open_alone(&occasion.agent, alone::When::Asked)
    }

    fn seal(&self, occasion: &Occasion) -> Result<SealInfo> {
        let node = self.0.node_to_seal()?;
        let vault = {
            let now = self.0.now.read().unwrap_or_else(PoisonError::into_inner);
            now.open.as_ref().and_then(|open| open.vault.upgrade())
        };
        let vault = vault.ok_or_else(|| Failure::new(Code::Conflict, "the server is sealed already"))?;
        LocalDesk::new(vault, occasion.clone())?.record_seal(&node)?;
        let vault = self.0.close();
        let started = Instant::now();
        while vault.strong_count() > 0 && started.elapsed() < LAST_REQUESTS {
            std::thread::sleep(Duration::from_millis(5));
        }
        if vault.strong_count() > 0 {
            tracing::warn!("requests or jobs are under way still: the keys go when they end");
        }
        Ok(self.0.state())
    }
}
