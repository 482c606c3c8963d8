use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use keyward_monitor::{Alert, Dispatcher, Entry, Retry, SinkState, Subject, Tools, alert_of, is_everyday};
use keyward_types::{AlertSinkId, Clock, Timestamp};
use keyward_vault::{Lead, LogLine, Vault};

use crate::alerts::open_sinks;
use crate::{Failure, Result, SystemClock, SystemRandom};

/// Sends alerts for the process that leads. Alerts come from the log, so that whoever did
/// something, and by whatever way, is told of; the process adds what it sees of itself.
///
/// [`Watch::round`] is called about once a second. How far each sink has been told is on record
/// ([`Vault::mark_alerts`]): another process, or the next life of this one, goes on there. What had
/// arrived when a process died and was not marked yet comes again, with the same id.
pub struct Watch {
    vault: Arc<Vault>,
    lead: Lead,
    agent: String,
    dispatcher: Dispatcher,
    /// How many sinks the dispatcher has.
    sinks: usize,
    /// The next entry to be read.
    next: u64,
    /// How far each sink has been told, as it is on record.
    marked: HashMap<AlertSinkId, u64>,
    /// Entries that alerts were made of and that some sink's mark has not passed.
    raised: BTreeSet<u64>,
}

/// How many entries are read at once.
const PAGE: usize = 500;
/// After so many entries a mark is moved although there was no alert among them.
const FAR: u64 = 10_000;

impl Watch {
    /// Opens the sinks, on record, and goes on where each of them was told last. `agent` is the
    /// program.
    ///
    /// # Errors
    /// When the vault refuses or no thread can be started.
    pub fn start(vault: Arc<Vault>, lead: Lead, agent: &str) -> Result<Self> {
        Self::start_with(vault, lead, agent, Retry::default())
    }

    /// The same with another patience.
    ///
    /// # Errors
    /// As [`Watch::start`].
    pub fn start_with(vault: Arc<Vault>, lead: Lead, agent: &str, retry: Retry) -> Result<Self> {
        let size = vault.log_size()?;
        let (sinks, unusable) = open_sinks(&vault, &lead, agent, size)?;
        let marked: HashMap<_, _> = sinks.iter().map(|sink| (sink.id, sink.from)).collect();
        let next = marked.values().copied().min().unwrap_or(size);
        let log = vault.id().to_string();
        let tools = Tools { clock: Arc::new(SystemClock), random: Arc::new(SystemRandom), retry, log };
        let count = sinks.len();
        let dispatcher = Dispatcher::start(sinks, tools).map_err(|error| Failure::internal(error.to_string()))?;
        if let Some(why) = vault.safe_mode() {
            let subject = Subject::new("vault", vault.id().to_string());
            dispatcher.raise(Alert::safe_mode(subject, SystemClock.now(), Some(&why)));
        }
        unusable.into_iter().for_each(|alert| dispatcher.raise(alert));
        let raised = BTreeSet::new();
        Ok(Self { vault, lead, agent: agent.to_owned(), dispatcher, sinks: count, next, marked, raised })
    }

    /// Raises alerts for what was written to the log since the last round, takes sinks in that
    /// were added or removed, and puts on record how far each has been told.
    ///
    /// # Errors
    /// When the vault refuses or another process leads; the next round begins where this one
    /// stopped.
    pub fn round(&mut self) -> Result<()> {
        loop {
            let first = self.next;
            let (lines, read) = self.vault.log_of(first, PAGE, |action| !is_everyday(action))?;
            for line in &lines {
                self.take(line)?;
            }
            self.next = first + read as u64;
            if read < PAGE {
                break;
            }
        }
        self.mark()
    }

    /// Raises what the process sees of itself: that the log fails, that a job does.
    pub fn raise(&self, alert: Alert) {
        self.dispatcher.raise(alert);
    }

    /// Whether alerts are sent still; what failed in between is not meant.
    pub fn is_alive(&self) -> bool {
        self.dispatcher.states().len() >= self.sinks
    }

    /// How each sink does.
    pub fn states(&self) -> Vec<SinkState> {
        self.dispatcher.states()
    }

    /// Sends what waits, for at most this long, and puts on record what arrived.
    pub fn close(mut self, within: Duration) -> Vec<SinkState> {
        let states = self.dispatcher.shut(within);
        // Whoever goes on repeats what is not marked.
        let _ = self.mark_as(&states);
        states
    }

    fn take(&mut self, line: &LogLine) -> Result<()> {
        if let Some(alert) = alert_in(line) {
            self.raised.insert(line.index);
            self.dispatcher.raise_in_turn(alert);
        }
        // A new sink is told of the entry after this one already.
        if matches!(line.entry.action.as_str(), "alert.add" | "alert.remove") {
            self.reopen(line.index + 1)?;
        }
        self.next = line.index + 1;
        Ok(())
    }

    fn reopen(&mut self, size: u64) -> Result<()> {
        let (sinks, unusable) = open_sinks(&self.vault, &self.lead, &self.agent, size)?;
        let marked = sinks.iter().map(|sink| (sink.id, self.marked.get(&sink.id).copied().unwrap_or(sink.from)));
        self.marked = marked.collect();
        self.sinks = sinks.len();
        self.dispatcher.replace(sinks);
        unusable.into_iter().for_each(|alert| self.dispatcher.raise(alert));
        Ok(())
    }

    fn mark(&mut self) -> Result<()> {
        let states = self.dispatcher.states();
        if states.len() < self.sinks {
            return Err(Failure::internal("the thread that sends alerts has ended"));
        }
        self.mark_as(&states)
    }

    /// Where nothing of what was sent is new, nothing is written: a mark is an entry, too.
    fn mark_as(&mut self, states: &[SinkState]) -> Result<()> {
        let told = |state: &SinkState| (state.id, state.oldest.unwrap_or(self.next).min(self.next));
        let told: Vec<(AlertSinkId, u64)> = states.iter().map(told).collect();
        let is_news = |(sink, to): &(AlertSinkId, u64)| {
            let from = self.marked.get(sink).copied().unwrap_or(*to);
            from < *to && (self.raised.range(from..*to).next().is_some() || to - from >= FAR)
        };
        if !told.iter().any(is_news) {
            return Ok(());
        }
        self.vault.mark_alerts(&self.lead, &self.agent, &told)?;
        for (sink, to) in told {
            let mark = self.marked.entry(sink).or_insert(to);
            *mark = to.max(*mark);
        }
        let passed = self.marked.values().copied().min().unwrap_or(self.next);
        self.raised = self.raised.split_off(&passed);
        Ok(())
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
