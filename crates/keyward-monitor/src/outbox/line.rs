use std::collections::VecDeque;

use keyward_types::{AlertSinkId, Timestamp};

use crate::outbox::Parcel;
use crate::{Alert, AlertKind, Fault, Retry};

/// What waits for one sink. One parcel at a time is under way, in order.
#[derive(Debug)]
pub(super) struct Line {
    pub(super) id: AlertSinkId,
    pub(super) name: String,
    pub(super) only: Vec<AlertKind>,
    /// The entry of the log from which on it is told: what is before it has been sent already.
    from: u64,
    waiting: VecDeque<Parcel>,
    under_way: Option<(Parcel, Timestamp)>,
    failures: u32,
    not_before: Option<Timestamp>,
    dead: Option<Timestamp>,
    fault: Option<String>,
    lost: u64,
}

/// How a sink does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SinkState {
    /// Which.
    pub id: AlertSinkId,
    /// What people call it.
    pub name: String,
    /// Alerts that wait for it or are under way.
    pub waiting: usize,
    /// Since when it takes none.
    pub dead_since: Option<Timestamp>,
    /// Why the last try failed, if it did.
    pub fault: Option<String>,
    /// Alerts that were dropped because too many waited.
    pub lost: u64,
    /// The first entry of the log of which it has not been told yet, among those that were raised.
    pub oldest: Option<u64>,
}

/// How many alerts wait for one sink at most. Whatever comes of the log at once fits in, the first of
/// each kind and subject and then what was held back of each (`coalesce::MOST_WINDOWS`): a sink loses
/// nothing by a burst, but by taking less than comes for many minutes.
pub(super) const MOST_WAITING: usize = 1024;

impl Line {
    pub(super) fn new(id: AlertSinkId, name: String, only: Vec<AlertKind>, from: u64) -> Self {
        Self {
            id,
            name,
            only,
            from,
            waiting: VecDeque::new(),
            under_way: None,
            failures: 0,
            not_before: None,
            dead: None,
            fault: None,
            lost: 0,
        }
    }

    pub(super) fn renamed(self, name: String, only: Vec<AlertKind>) -> Self {
        Self { name, only, ..self }
    }

    /// That another sink is dead is told to every sink.
    pub(super) fn takes(&self, alert: &Alert) -> bool {
        let of_its_kinds =
            self.only.is_empty() || alert.kind == AlertKind::ChannelDead || self.only.contains(&alert.kind);
        of_its_kinds && alert.entries.is_none_or(|(_, last)| last >= self.from)
    }

    /// Where too many wait, the least of the oldest goes.
    pub(super) fn push(&mut self, parcel: Parcel) {
        self.waiting.push_back(parcel);
        if self.waiting.len() > MOST_WAITING {
            let least = self.waiting.iter().enumerate().min_by_key(|(place, one)| (one.alert.severity, *place));
            if let Some((place, _)) = least
                && let Some(dropped) = self.waiting.remove(place)
            {
                self.lost = self.lost.saturating_add(dropped.alert.count);
            }
        }
    }

    /// The parcel that is to be sent now.
    pub(super) fn start(&mut self, now: Timestamp) -> Option<Parcel> {
        if self.under_way.is_some() || self.not_before.is_some_and(|time| time > now) {
            return None;
        }
        let parcel = self.waiting.pop_front()?;
        self.not_before = None;
        self.under_way = Some((parcel.clone(), now));
        Some(parcel)
    }

    /// It took its parcel; answers how many alerts it missed, once nothing waits any more.
    pub(super) fn sent(&mut self) -> u64 {
        (self.under_way, self.failures, self.not_before, self.dead, self.fault) = (None, 0, None, None, None);
        if self.waiting.is_empty() { std::mem::take(&mut self.lost) } else { 0 }
    }

    /// It did not take its parcel, which waits on; answers why, if the sink is dead by this.
    pub(super) fn failed(&mut self, fault: &Fault, retry: &Retry, roll: u32, now: Timestamp) -> Option<String> {
        if let Some((parcel, _)) = self.under_way.take() {
            self.waiting.push_front(parcel);
        }
        self.failures = self.failures.saturating_add(1);
        self.fault = Some(fault.why.clone());
        let died = (self.dead.is_none() && (fault.permanent || self.failures >= retry.attempts)).then(|| {
            self.dead = Some(now);
            fault.why.clone()
        });
        let wait = match self.dead {
            Some(_) => retry.wait_dead(fault.retry_after, roll),
            None => retry.wait(self.failures, fault.retry_after, roll),
        };
        self.not_before = Some(after(now, wait));
        died
    }

    /// A delivery that neither succeeds nor fails makes a sink dead too; it stays under way, so
    /// that a sink that hangs never holds more than one thread.
    pub(super) fn overdue(&mut self, retry: &Retry, now: Timestamp) -> Option<String> {
        let (_, since) = self.under_way.as_ref()?;
        if self.dead.is_some() || now < after(*since, retry.patience) {
            return None;
        }
        let why = format!("a delivery is under way for {} seconds", retry.patience.as_secs());
        (self.dead, self.fault) = (Some(now), Some(why.clone()));
        Some(why)
    }

    /// When there is something to do for it.
    pub(super) fn wake(&self, retry: &Retry) -> Option<Timestamp> {
        match &self.under_way {
            Some((_, since)) => self.dead.is_none().then(|| after(*since, retry.patience)),
            None => self.not_before.filter(|_| !self.waiting.is_empty()),
        }
    }

    pub(super) fn is_idle(&self) -> bool {
        self.dead.is_some() || (self.under_way.is_none() && self.waiting.is_empty())
    }

    /// `held` are alerts that are on their way to every sink.
    pub(super) fn state<'a>(&'a self, held: impl Iterator<Item = &'a Alert>) -> SinkState {
        let under_way = self.under_way.iter().map(|(parcel, _)| &parcel.alert);
        let owed = self.waiting.iter().map(|parcel| &parcel.alert).chain(under_way);
        let owed = owed.chain(held.filter(|alert| self.takes(alert)));
        SinkState {
            id: self.id,
            name: self.name.clone(),
            waiting: self.waiting.len() + usize::from(self.under_way.is_some()),
            dead_since: self.dead,
            fault: self.fault.clone(),
            lost: self.lost,
            oldest: owed.filter_map(|alert| alert.entries.map(|(first, _)| first)).min(),
        }
    }
}

fn after(now: Timestamp, wait: std::time::Duration) -> Timestamp {
    Timestamp(now.0.saturating_add(i64::try_from(wait.as_millis()).unwrap_or(i64::MAX)))
}
