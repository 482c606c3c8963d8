use std::sync::Arc;
use std::time::Duration;

use keyward_access::{Caller, SystemTask};
use keyward_monitor::{Alert, Dispatcher, Entry, Expiring, Retry, SinkState, Subject, Tools, alert_of, expiring};
use keyward_types::{Clock, Timestamp};
use keyward_vault::{Actor, LogLine, Scope, Vault};

use crate::{Failure, Result, SystemClock, SystemRandom, open_sinks};

/// Sends alerts for a process that keeps a vault open. Alerts come from the log, so that whoever
/// did something, and by whatever way, is told of once; the process adds what it sees of itself.
///
/// [`Watch::round`] is called about once a second. It begins at the end of the log: what happened
/// while no process watched is in the log alone.
pub struct Watch {
    vault: Arc<Vault>,
    actor: Actor,
    dispatcher: Dispatcher,
    next: u64,
    looked: Timestamp,
}

/// How many entries are read at once.
const PAGE: usize = 500;
/// How often it is looked for secrets that expire.
const LOOK: i64 = 60 * 60 * 1000;

impl Watch {
    /// Opens the sinks, on record, and starts to send. `agent` is the program.
    ///
    /// # Errors
    /// When the vault refuses or no thread can be started.
    pub fn start(vault: Arc<Vault>, agent: &str) -> Result<(Self, Vec<Failure>)> {
        Self::start_with(vault, agent, Retry::default())
    }

    /// The same with another patience.
    ///
    /// # Errors
    /// As [`Watch::start`].
    pub fn start_with(vault: Arc<Vault>, agent: &str, retry: Retry) -> Result<(Self, Vec<Failure>)> {
        let actor = Actor::new(Caller::system(SystemTask::Alert), agent);
        let next = vault.log_size()?;
        let (sinks, unusable) = open_sinks(&vault, agent)?;
        let tools = Tools { clock: Arc::new(SystemClock), random: Arc::new(SystemRandom), retry };
        let dispatcher = Dispatcher::start(sinks, tools).map_err(|error| Failure::internal(error.to_string()))?;
        if let Some(why) = vault.safe_mode() {
            let subject = Subject::new("vault", vault.id().to_string());
            dispatcher.raise(Alert::safe_mode(subject, SystemClock.now(), Some(&why)));
        }
        // A day back: who starts each morning hears of what expired at night.
        let looked = SystemClock.now().plus_days(-1);
        Ok((Self { vault, actor, dispatcher, next, looked }, unusable))
    }

    /// Raises alerts for what was written to the log since the last round, takes sinks in that
    /// were added or removed, and looks once an hour for secrets that expire. Answers the sinks
    /// that cannot be used.
    ///
    /// # Errors
    /// When the vault refuses; the next round begins where this one did.
    pub fn round(&mut self) -> Result<Vec<Failure>> {
        let mut sinks_changed = false;
        loop {
            let lines = self.vault.log(self.next, PAGE)?;
            for line in &lines {
                let action = line.entry.action.as_str();
                sinks_changed |= matches!(action, "alert.add" | "alert.remove");
                if let Some(alert) = alert_in(line) {
                    self.dispatcher.raise(alert);
                }
                self.next = line.index + 1;
            }
            if lines.len() < PAGE {
                break;
            }
        }
        let now = SystemClock.now();
        if now.0 - self.looked.0 >= LOOK {
            for alert in self.expiring(now)? {
                self.dispatcher.raise(alert);
            }
            self.looked = now;
        }
        if !sinks_changed {
            return Ok(Vec::new());
        }
        let (sinks, unusable) = open_sinks(&self.vault, &self.actor.agent)?;
        self.dispatcher.replace(sinks);
        Ok(unusable)
    }

    /// Raises what the process sees of itself: that the log fails, that it was sealed.
    pub fn raise(&self, alert: Alert) {
        self.dispatcher.raise(alert);
    }

    /// How each sink does.
    pub fn states(&self) -> Vec<SinkState> {
        self.dispatcher.states()
    }

    /// Sends what waits, for at most this long.
    pub fn close(self, within: Duration) -> Vec<SinkState> {
        self.dispatcher.close(within)
    }

    fn expiring(&self, now: Timestamp) -> Result<Vec<Alert>> {
        let mut alerts = Vec::new();
        for project in self.vault.projects()? {
            for environment in self.vault.environments(&project)? {
                let scope = Scope { project: project.clone(), environment };
                let heads = self.vault.heads(&self.actor, &scope)?;
                let (project, environment) = (&scope.project.name, &scope.environment.name);
                let secrets = heads.iter().map(|head| Expiring { project, environment, head });
                alerts.extend(expiring(secrets, self.looked, now));
            }
        }
        Ok(alerts)
    }
}

fn alert_in(line: &LogLine) -> Option<Alert> {
    let private = line.private.clone().unwrap_or_default();
    let names = [private.names.project, private.names.environment, private.names.secret];
    let about = names.into_iter().flatten().collect::<Vec<_>>().join("/");
    alert_of(&Entry {
        index: line.index,
        // An entry has the form that its own clock wrote.
        time: line.entry.time.parse().unwrap_or(Timestamp(0)),
        action: line.entry.action.as_str(),
        outcome: line.entry.outcome.as_str(),
        principal: &line.entry.principal,
        count: line.entry.count,
        about: (!about.is_empty()).then_some(about.as_str()),
        more: &private.more,
    })
}
