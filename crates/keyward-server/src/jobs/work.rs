//! What the jobs do: each is one call of the vault or the desk.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use keyward_client::{
    Alert, Failure, Result, Subject, SystemClock, Watch, begin_due_rotations, close_due_reviews, go_on_with_rotations,
    warn_of_expiry,
};
use keyward_types::Clock;
use keyward_vault::{Lead, WORTH_COUNTING};

use crate::app::App;

/// A job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Job {
    /// Tells how many sign-ins this process has refused untried. Every process does it.
    Refusals,
    /// Clears away sessions, links, devices and counts that are over.
    SignIns,
    /// Takes away what nobody has answered for by the deadline of a review.
    Reviews,
    /// Clears away keys of requests that nobody asks again.
    Requests,
    /// Clears away children of virtual keys that died long ago.
    VirtualKeys,
    /// Counts who has read what.
    Reads,
    /// Puts on record which secrets expire.
    Expiry,
    /// Goes on with rotations.
    Rotations,
    /// Begins rotations that are due, and tells what is overdue.
    Schedules,
    /// Sends alerts of what the log says.
    Alerts,
}

const SECOND: i64 = 1000;
const MINUTE: i64 = 60 * SECOND;

impl Job {
    /// What every process does, how often.
    pub(super) const EVERYBODY: [(Self, i64); 1] = [(Self::Refusals, MINUTE)];
    /// What the one who leads does, how often.
    pub(super) const LEADER: [(Self, i64); 9] = [
        (Self::SignIns, MINUTE),
        (Self::Reviews, MINUTE),
        (Self::Requests, 10 * MINUTE),
        (Self::VirtualKeys, 10 * MINUTE),
        (Self::Reads, SECOND),
        (Self::Expiry, 60 * MINUTE),
        (Self::Rotations, 2 * SECOND),
        (Self::Schedules, MINUTE),
        (Self::Alerts, SECOND),
    ];

    /// How logs, metrics and alerts call it.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Refusals => "refusals",
            Self::SignIns => "sign-ins",
            Self::Reviews => "reviews",
            Self::Requests => "requests",
            Self::VirtualKeys => "virtual-keys",
            Self::Reads => "reads",
            Self::Expiry => "expiry",
            Self::Rotations => "rotations",
            Self::Schedules => "schedules",
            Self::Alerts => "alerts",
        }
    }
}

/// What jobs work with.
pub(super) struct Work {
    pub(super) app: Arc<App>,
    /// Sends alerts, once this process has led.
    watch: Mutex<Option<Watching>>,
    /// Alerts of the process itself, on their way.
    raised: Mutex<Vec<Alert>>,
}

struct Watching {
    watch: Watch,
    /// For whom it was begun: a later lead begins anew, where the one between has stopped.
    lead: Lead,
    /// At how many requests the store had failed when that was last told.
    failures: u64,
}

/// More wait only while nothing can be sent.
const MOST_RAISED: usize = 100;
/// Between parts of work that nobody waits for: requests come first.
const REST: Duration = Duration::from_millis(1);
/// What the log calls the jobs' program.
const AGENT: &str = concat!("keyward/jobs ", env!("CARGO_PKG_VERSION"));

impl Work {
    pub(super) fn new(app: Arc<App>) -> Self {
        Self { app, watch: Mutex::default(), raised: Mutex::default() }
    }

    /// Does a job: everybody's without the lead, the leader's with it.
    pub(super) fn perform(&self, job: Job, lead: Option<&Lead>) -> Result<()> {
        let vault = &self.app.vault;
        if job == Job::Refusals {
            return Ok(vault.tell_refused()?);
        }
        let lead = lead.ok_or_else(|| Failure::internal("a job of the leader was begun without the lead"))?;
        match job {
            Job::Refusals => Ok(()),
            Job::SignIns => Ok(vault.sweep_sign_in(lead).map(drop)?),
            Job::Reviews => close_due_reviews(vault, lead, AGENT).map(drop),
            Job::Requests => Ok(vault.sweep_requests(lead).map(drop)?),
            Job::VirtualKeys => Ok(vault.sweep_virtual_keys(lead).map(drop)?),
            Job::Reads => Ok(vault.count_reads(lead, WORTH_COUNTING, || std::thread::sleep(REST)).map(drop)?),
            Job::Expiry => warn_of_expiry(vault, lead, AGENT, SystemClock.now()).map(drop),
            Job::Rotations => go_on_with_rotations(vault, lead, AGENT).map(drop),
            Job::Schedules => begin_due_rotations(vault, lead, AGENT).map(drop),
            Job::Alerts => self.send_alerts(lead),
        }
    }

    /// Takes an alert of the process itself in, to be sent by the next round.
    pub(super) fn raise(&self, alert: Alert) {
        let mut raised = self.raised.lock().unwrap_or_else(PoisonError::into_inner);
        if raised.len() < MOST_RAISED {
            raised.push(alert);
        }
    }

    fn send_alerts(&self, lead: &Lead) -> Result<()> {
        let mut place = self.watch.lock().unwrap_or_else(PoisonError::into_inner);
        let watching = self.watching(&mut place, lead)?;
        // Before the log is read, which may be what fails.
        for alert in self.raised.lock().unwrap_or_else(PoisonError::into_inner).drain(..) {
            watching.watch.raise(alert);
        }
        watching.tell_failures(&self.app);
        let done = watching.watch.round();
        if !watching.watch.is_alive() {
            *place = None;
        }
        done
    }

    fn watching<'a>(&self, place: &'a mut Option<Watching>, lead: &Lead) -> Result<&'a mut Watching> {
        if place.as_ref().is_some_and(|watching| watching.lead != *lead) {
            *place = None;
        }
        match place {
            Some(watching) => Ok(watching),
            None => {
                let watch = Watch::start(Arc::clone(&self.app.vault), lead.clone(), AGENT)?;
                let failures = self.app.metrics.store_failures();
                Ok(place.insert(Watching { watch, lead: lead.clone(), failures }))
            }
        }
    }

    /// Sends nothing any more, because somebody else leads. False while a round is under way.
    pub(super) fn stop_watching(&self) -> bool {
        match self.watch.try_lock() {
            Ok(mut watching) => {
                *watching = None;
                true
            }
            Err(std::sync::TryLockError::Poisoned(poisoned)) => {
                *poisoned.into_inner() = None;
                true
            }
            Err(std::sync::TryLockError::WouldBlock) => false,
        }
    }

    /// Sends what waits, for at most this long, and ends.
    pub(super) fn close(&self, within: Duration) {
        if let Ok(mut watching) = self.watch.try_lock()
            && let Some(Watching { mut watch, .. }) = watching.take()
        {
            // What was written since the last round, such as that the node is sealed. What cannot be
            // read now is read by whoever leads next.
            let _ = watch.round();
            watch.close(within);
        }
    }
}

impl Watching {
    /// Tells that the store failed at requests since this was last told.
    fn tell_failures(&mut self, app: &App) {
        let failures = app.metrics.store_failures();
        if failures > self.failures {
            let vault = Subject::new("vault", app.vault.id().to_string());
            let why = "requests were refused because the store failed; the server's log says at which";
            let alert = Alert::audit_failure(vault, SystemClock.now(), why);
            self.watch.raise(Alert { count: failures - self.failures, ..alert });
            self.failures = failures;
        }
    }
}
