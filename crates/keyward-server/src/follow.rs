//! A node follows what others change: at most a quarter of a second behind while the database can be
//! reached, and known to be behind when it cannot.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use keyward_client::{Failure, Result};
use keyward_vault::{Error, Vault};

/// A vault that is followed until this is dropped.
pub(crate) struct Follow {
    freshness: Freshness,
}

/// How old what is known is.
#[derive(Clone)]
pub(crate) struct Freshness {
    /// None where no other process can change anything.
    known: Option<Arc<Known>>,
    max_stale: Duration,
}

/// Until when everything is known.
struct Known {
    base: Instant,
    /// Milliseconds after `base`.
    as_of: AtomicU64,
    stopped: AtomicBool,
}

impl Follow {
    /// Begins to follow. `lost` is called when the vault's keys were taken from this node: its slot
    /// was removed and the root replaced.
    ///
    /// # Errors
    /// When the store cannot be watched.
    pub(crate) fn start(
        vault: &Arc<Vault>,
        max_stale: Duration,
        lost: impl FnOnce(&Vault) + Send + 'static,
    ) -> Result<Self> {
        let base = Instant::now();
        let Some(watch) = vault.watch()? else {
            return Ok(Self { freshness: Freshness { known: None, max_stale } });
        };
        // What was changed between the opening of the vault and the beginning of the watch.
        vault.catch_up_with_all()?;
        let known = Arc::new(Known { base, as_of: AtomicU64::new(0), stopped: AtomicBool::new(false) });
        let (shared, vault) = (Arc::clone(&known), Arc::downgrade(vault));
        std::thread::Builder::new()
            .name("keyward-follow".into())
            .spawn(move || follow(watch, &vault, &shared, lost))
            .map_err(|error| Failure::internal(format!("no thread can be started: {error}")))?;
        Ok(Self { freshness: Freshness { known: Some(known), max_stale } })
    }

    pub(crate) fn freshness(&self) -> &Freshness {
        &self.freshness
    }
}

impl Freshness {
    /// How long ago everything was known: no time where nobody else can change anything.
    pub(crate) fn age(&self) -> Duration {
        self.known.as_ref().map_or(Duration::ZERO, |known| known.age())
    }

    /// Whether what was known so long ago must not be answered from.
    pub(crate) fn is_too_old(&self, age: Duration) -> bool {
        self.known.is_some() && age > self.max_stale
    }
}

impl Drop for Follow {
    fn drop(&mut self) {
        if let Some(known) = &self.freshness.known {
            known.stopped.store(true, Ordering::Relaxed);
        }
    }
}

impl Known {
    fn age(&self) -> Duration {
        let as_of = self.base + Duration::from_millis(self.as_of.load(Ordering::Acquire));
        Instant::now().saturating_duration_since(as_of)
    }

    fn is_known(&self, as_of: Instant) {
        let millis = as_of.saturating_duration_since(self.base).as_millis();
        self.as_of.fetch_max(u64::try_from(millis).unwrap_or(u64::MAX), Ordering::AcqRel);
    }
}

/// Holds no vault while it waits, so that a sealed one is gone at once.
fn follow(mut watch: Box<dyn keyward_vault::Watch>, vault: &Weak<Vault>, known: &Known, lost: impl FnOnce(&Vault)) {
    // After a change that could not be taken over, it is not known what else there was.
    let (mut unsure, mut told) = (false, false);
    loop {
        let changes = watch.wait();
        if known.stopped.load(Ordering::Relaxed) {
            return;
        }
        let Some(vault) = vault.upgrade() else { return };
        let caught_up = changes.map_err(Error::from).and_then(|changes| {
            if unsure {
                vault.catch_up_with_all()?
            } else {
                vault.catch_up(&changes)?
            }
            Ok(changes.as_of)
        });
        match caught_up {
            Ok(as_of) => {
                if std::mem::take(&mut told) {
                    tracing::warn!("the database is reached again");
                }
                unsure = false;
                known.is_known(as_of);
            }
            Err(Error::WrongCredential(_)) => return lost(&vault),
            Err(error) => {
                unsure = true;
                if !std::mem::replace(&mut told, true) {
                    tracing::warn!(reason = %error, "what other nodes changed cannot be seen");
                }
            }
        }
    }
}
