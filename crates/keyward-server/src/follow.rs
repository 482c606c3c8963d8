//! A node follows what others change: at most a quarter of a second behind while the database can be
//! reached, and known to be behind when it cannot.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use keyward_client::{Failure, Result};
use keyward_vault::{Error, Vault, Watch};

/// A vault that is followed until this is dropped.
pub(crate) struct Follow {
    freshness: Freshness,
}

/// A vault that has caught up with the others and is not followed yet.
pub(crate) struct Watched {
    freshness: Freshness,
    /// None where no other process can change anything.
    watch: Option<Box<dyn Watch>>,
}

/// How old what is known is.
#[derive(Clone)]
pub(crate) struct Freshness {
    /// None where no other process can change anything.
    known: Option<Arc<Known>>,
}

/// Until when everything is known.
struct Known {
    base: Instant,
    /// Milliseconds after `base`.
    as_of: AtomicU64,
    max_stale: Duration,
    /// How often it was unknown for longer than that what others had changed.
    gaps: AtomicU64,
    stopped: AtomicBool,
}

impl Watched {
    /// Takes over what others have changed so far; [`Watched::follow`] goes on there.
    ///
    /// # Errors
    /// When the store cannot be watched.
    pub(crate) fn new(vault: &Arc<Vault>, max_stale: Duration) -> Result<Self> {
        let base = Instant::now();
        let Some(watch) = vault.watch()? else {
            return Ok(Self { freshness: Freshness { known: None }, watch: None });
        };
        // What was changed between the opening of the vault and the beginning of the watch.
        vault.catch_up_with_all()?;
        let known = Some(Arc::new(Known::begin(base, max_stale)));
        Ok(Self { freshness: Freshness { known }, watch: Some(watch) })
    }

    /// Begins to follow. `lost` is called when the vault's keys were taken from this node: its slot
    /// was removed and the root replaced.
    ///
    /// # Errors
    /// When there is no thread for it.
    pub(crate) fn follow(self, vault: &Weak<Vault>, lost: impl FnOnce(&Vault) + Send + 'static) -> Result<Follow> {
        if let (Some(watch), Some(known)) = (self.watch, self.freshness.known.clone()) {
            let vault = Weak::clone(vault);
            std::thread::Builder::new()
                .name("keyward-follow".into())
                .spawn(move || follow(watch, &vault, &known, lost))
                .map_err(|error| Failure::internal(format!("no thread can be started: {error}")))?;
        }
        Ok(Follow { freshness: self.freshness })
    }

    pub(crate) fn freshness(&self) -> &Freshness {
        &self.freshness
    }
}

impl Follow {
    pub(crate) fn freshness(&self) -> &Freshness {
        &self.freshness
    }
}

impl Freshness {
    /// Whether what is known is too old to answer from.
    pub(crate) fn is_too_old(&self) -> bool {
        self.known.as_ref().is_some_and(|known| known.is_too_old(Instant::now()))
    }

    /// How long ago it was last known that nothing else had changed.
    pub(crate) fn age(&self) -> Duration {
        self.known.as_ref().map_or(Duration::ZERO, |known| Instant::now().saturating_duration_since(known.as_of()))
    }

    /// A mark for [`Freshness::is_broken_since`].
    pub(crate) fn mark(&self) -> u64 {
        self.known.as_ref().map_or(0, |known| known.gaps.load(Ordering::Acquire))
    }

    /// Whether it was unknown at any time since then, for too long, what others had changed.
    pub(crate) fn is_broken_since(&self, mark: u64) -> bool {
        self.is_too_old() || self.mark() != mark
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
    fn begin(base: Instant, max_stale: Duration) -> Self {
        Self { base, as_of: AtomicU64::new(0), max_stale, gaps: AtomicU64::new(0), stopped: AtomicBool::new(false) }
    }

    fn as_of(&self) -> Instant {
        self.base + Duration::from_millis(self.as_of.load(Ordering::Acquire))
    }

    fn is_too_old(&self, now: Instant) -> bool {
        now.saturating_duration_since(self.as_of()) > self.max_stale
    }

    /// Everything before this moment is known now. Called by one thread alone.
    fn is_known(&self, as_of: Instant) {
        if self.is_too_old(as_of) {
            // Before the moment itself: whoever sees that all is known sees that it was not.
            self.gaps.fetch_add(1, Ordering::AcqRel);
        }
        let millis = as_of.saturating_duration_since(self.base).as_millis();
        self.as_of.fetch_max(u64::try_from(millis).unwrap_or(u64::MAX), Ordering::AcqRel);
    }
}

/// Holds no vault while it waits, so that a sealed one is gone at once.
fn follow(mut watch: Box<dyn Watch>, vault: &Weak<Vault>, known: &Known, lost: impl FnOnce(&Vault)) {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_in_which_nothing_was_known_is_not_forgotten() {
        let (base, max_stale) = (Instant::now(), Duration::from_secs(2));
        let known = Known::begin(base, max_stale);
        let after = |millis| base + Duration::from_millis(millis);
        known.is_known(after(1900));
        assert_eq!(known.gaps.load(Ordering::Relaxed), 0);
        assert!(!known.is_too_old(after(3900)) && known.is_too_old(after(3901)));
        known.is_known(after(3901));
        assert_eq!(known.gaps.load(Ordering::Relaxed), 1, "whoever asked before that learns of it");
        assert!(!known.is_too_old(after(3902)));
    }

    #[test]
    fn where_nobody_else_can_change_anything_nothing_is_old() {
        let freshness = Freshness { known: None };
        assert!(!freshness.is_too_old() && !freshness.is_broken_since(freshness.mark()));
    }
}
