//! The line before one sink: what waits for it, and how it does.

use std::collections::VecDeque;

use keyward_types::{AlertSinkId, Timestamp};

use crate::outbox::Parcel;
use crate::{Alert, AlertKind, Fault, Retry};

/// What waits for one sink. One parcel at a time is under way, in order, but for those that the sink
/// refuses: they go behind the others, so that they hold up none.
#[derive(Debug)]
pub(super) struct Line {
    pub(super) id: AlertSinkId,
    pub(super) name: String,
    pub(super) only: Vec<AlertKind>,
    /// The entry of the log from which on it is told: what is before it has been sent already.
    from: u64,
    waiting: VecDeque<Waiting>,
    under_way: Option<(Waiting, Timestamp)>,
    /// Parcels that it took.
    taken: u64,
    /// Failures in a row.
    failures: u32,
    not_before: Option<Timestamp>,
    dead: Option<Timestamp>,
    fault: Option<String>,
    lost: u64,
    /// The least entry of the log among what was lost.
    lost_from: Option<u64>,
}

/// A parcel in line.
#[derive(Debug)]
struct Waiting {
    parcel: Parcel,
    /// The first entry of the log that the sink is told of by it.
    owed: Option<u64>,
    /// How often it failed in its place.
    failures: u32,
    /// How many parcels the sink had taken when this one went behind the others, if it did.
    behind: Option<u64>,
    /// How often the sink took others and then refused this one again.
    passed: u32,
}

/// What became of a parcel that was not taken.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Kept,
    Behind,
    Lost,
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
    /// Why the last try failed, if it did, or who of those behind it did not get it.
    pub fault: Option<String>,
    /// Alerts that were dropped because too many waited, or because it took others and refused them.
    pub lost: u64,
    /// The first entry of the log of which it has not been told yet, among those that were raised; of
    /// what was dropped, it has been told once it knows that something was.
    pub oldest: Option<u64>,
}

/// How many alerts wait for one sink at most. Whatever comes of the log at once fits in, the first of
/// each kind and subject and then what was held back of each (`coalesce::MOST_WINDOWS`): a sink loses
/// nothing by a burst, but by taking less than comes for many minutes.
pub(super) const MOST_WAITING: usize = 1024;

/// How often a dead sink is tried with the same parcel before it is tried with another.
const PROBES: u32 = 3;

/// How often a sink may take others and fail at one parcel, though not for good, before that is lost.
const MOST_PASSED: u32 = 8;

impl Line {
    pub(super) fn new(id: AlertSinkId, name: String, only: Vec<AlertKind>, from: u64) -> Self {
        Self {
            id,
            name,
            only,
            from,
            waiting: VecDeque::new(),
            under_way: None,
            taken: 0,
            failures: 0,
            not_before: None,
            dead: None,
            fault: None,
            lost: 0,
            lost_from: None,
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
        let owed = parcel.alert.entries.map(|(first, _)| first);
        self.push_owed(parcel, owed);
    }

    /// With the first entry of the log that it tells of.
    pub(super) fn push_owed(&mut self, parcel: Parcel, owed: Option<u64>) {
        self.waiting.push_back(Waiting { parcel, owed, failures: 0, behind: None, passed: 0 });
        if self.waiting.len() > MOST_WAITING {
            let least = self.waiting.iter().enumerate().min_by_key(|(place, one)| (one.parcel.alert.severity, *place));
            if let Some((place, _)) = least
                && let Some(dropped) = self.waiting.remove(place)
            {
                self.lose(&dropped);
            }
        }
    }

    /// The parcel that is to be sent now.
    pub(super) fn start(&mut self, now: Timestamp) -> Option<Parcel> {
        if self.under_way.is_some() || self.not_before.is_some_and(|time| time > now) {
            return None;
        }
        let one = self.waiting.pop_front()?;
        let parcel = one.parcel.clone();
        self.not_before = None;
        self.under_way = Some((one, now));
        Some(parcel)
    }

    /// It took its parcel, `but` for some behind it; answers whether that is news.
    pub(super) fn sent(&mut self, but: Option<String>) -> bool {
        let is_news = but.is_some() && self.fault != but;
        (self.under_way, self.failures, self.not_before, self.dead, self.fault) = (None, 0, None, None, but);
        self.taken += 1;
        is_news
    }

    /// How many alerts it missed, and the first entry of the log among them; once, when it lives and
    /// nothing waits any more.
    pub(super) fn take_lost(&mut self) -> Option<(u64, Option<u64>)> {
        let keeps_up = self.waiting.is_empty() && self.under_way.is_none() && self.dead.is_none();
        (keeps_up && self.lost > 0).then(|| (std::mem::take(&mut self.lost), self.lost_from.take()))
    }

    /// It did not take its parcel; answers why, if the sink is dead by this.
    pub(super) fn failed(&mut self, fault: &Fault, retry: &Retry, roll: u32, now: Timestamp) -> Option<String> {
        let place = self.under_way.take().map_or(Place::Kept, |(one, _)| self.put_back(one, fault, retry));
        self.fault = Some(fault.why.clone());
        if place == Place::Lost {
            // By this one nothing is known of the sink that was not.
            self.not_before = self.dead.map(|_| after(now, retry.wait_dead(fault.retry_after, roll)));
            return None;
        }
        self.failures = self.failures.saturating_add(1);
        if place == Place::Behind && self.failures == 1 && self.waiting.front().is_some_and(|one| one.behind.is_none())
        {
            // It may be this one alone; the next will show.
            self.not_before = Some(after(now, retry.wait(1, fault.retry_after, roll)));
            return None;
        }
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

    /// What fails waits on in its place. What is refused for good, or fails often, goes behind the others;
    /// where the sink takes them and refuses it again, it is lost.
    fn put_back(&mut self, mut one: Waiting, fault: &Fault, retry: &Retry) -> Place {
        one.failures = one.failures.saturating_add(1);
        let stays = one.behind.is_none() && one.failures < retry.attempts.saturating_add(PROBES);
        if stays && !fault.permanent {
            self.waiting.push_front(one);
            return Place::Kept;
        }
        if one.behind.is_some_and(|taken| taken < self.taken) {
            one.passed += 1;
        }
        if one.passed >= if fault.permanent { 1 } else { MOST_PASSED } {
            self.lose(&one);
            return Place::Lost;
        }
        one.behind = Some(self.taken);
        self.waiting.push_back(one);
        Place::Behind
    }

    fn lose(&mut self, one: &Waiting) {
        self.lost = self.lost.saturating_add(one.parcel.alert.count);
        self.lost_from = self.lost_from.into_iter().chain(one.owed).min();
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
        let in_line = self.waiting.iter().chain(self.under_way.iter().map(|(one, _)| one));
        let held = held.filter(|alert| self.takes(alert)).filter_map(|alert| alert.entries.map(|(first, _)| first));
        let owed = in_line.filter_map(|one| one.owed).chain(held).chain(self.lost_from);
        SinkState {
            id: self.id,
            name: self.name.clone(),
            waiting: self.waiting.len() + usize::from(self.under_way.is_some()),
            dead_since: self.dead,
            fault: self.fault.clone(),
            lost: self.lost,
            oldest: owed.min(),
        }
    }
}

fn after(now: Timestamp, wait: std::time::Duration) -> Timestamp {
    Timestamp(now.0.saturating_add(i64::try_from(wait.as_millis()).unwrap_or(i64::MAX)))
}
