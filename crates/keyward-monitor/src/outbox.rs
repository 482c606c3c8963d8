//! The pure core: which alert goes to which sink when. Events go in with the time, steps come out;
//! nothing here sends, sleeps or rolls dice.

mod line;

use keyward_types::{AlertSinkId, Timestamp};

use crate::coalesce::Coalescer;
use crate::{Alert, AlertKind, Fault, Retry, Severity, Subject};
use line::Line;
pub use line::SinkState;

/// What waits to be sent, and how each sink does.
#[derive(Debug)]
pub struct Outbox {
    coalescer: Coalescer,
    lines: Vec<Line>,
    retry: Retry,
    /// Makes ids of parcels that no other process makes.
    prefix: String,
    /// Names the log, for ids of what is about its entries.
    log: String,
    parcels: u64,
}

/// An alert on its way to a sink. Its id stays the same however often it is sent.
#[derive(Clone, Debug, PartialEq)]
pub struct Parcel {
    /// Names it.
    pub id: String,
    /// What is in it.
    pub alert: Alert,
}

/// What happened.
#[derive(Clone, Debug)]
pub enum Event {
    /// Something that somebody should know of.
    Raised(Alert),
    /// So many alerts came faster than they could be taken in.
    Overrun(u64),
    /// A sink took its parcel.
    Sent(AlertSinkId),
    /// A sink took its parcel, but some of those it goes on to did not get it: who, and why.
    SentBut(AlertSinkId, String),
    /// A sink did not; `roll` is uniform over `u32`.
    Failed(AlertSinkId, Fault, u32),
    /// These are the sinks from now on: each with its name, its kinds, and the entry of the log
    /// from which on it is told. A sink that stays goes on where it is.
    Sinks(Vec<(AlertSinkId, String, Vec<AlertKind>, u64)>),
    /// Time went by.
    Tick,
    /// Nothing comes any more: what is held back goes out now.
    Closing,
}

/// What is to be done.
#[derive(Clone, Debug, PartialEq)]
pub enum Step {
    /// Send this to a sink, and tell how it went.
    Send(AlertSinkId, Parcel),
}

impl Outbox {
    /// Without sinks. `prefix` has to be unlike that of every other process, `log` names the log
    /// whatever process reads it.
    pub fn new(prefix: String, log: String, retry: Retry) -> Self {
        Self { coalescer: Coalescer::default(), lines: Vec::new(), retry, prefix, log, parcels: 0 }
    }

    /// Takes an event in and says what is to be done.
    pub fn next(&mut self, event: Event, now: Timestamp) -> Vec<Step> {
        match event {
            Event::Raised(alert) => {
                if let Some(alert) = self.coalescer.take(alert, now) {
                    self.post(&alert, None);
                }
            }
            Event::Overrun(count) => self.post(&overrun(count, now), None),
            Event::Sent(sink) => self.sent(sink, None, now),
            Event::SentBut(sink, who) => self.sent(sink, Some(who), now),
            Event::Failed(sink, fault, roll) => {
                let retry = self.retry;
                let died = self.line(sink).and_then(|line| line.failed(&fault, &retry, roll, now));
                self.raise_dead(sink, died, now);
                self.tell_lost(sink, now);
            }
            Event::Sinks(sinks) => self.replace(sinks),
            Event::Tick => {}
            Event::Closing => {
                for alert in self.coalescer.all() {
                    self.post(&alert, None);
                }
            }
        }
        for alert in self.coalescer.due(now) {
            self.post(&alert, None);
        }
        for sink in self.lines.iter().map(|line| line.id).collect::<Vec<_>>() {
            let retry = self.retry;
            let died = self.line(sink).and_then(|line| line.overdue(&retry, now));
            self.raise_dead(sink, died, now);
        }
        self.lines.iter_mut().filter_map(|line| line.start(now).map(|parcel| Step::Send(line.id, parcel))).collect()
    }

    /// When [`Event::Tick`] is due next.
    pub fn wake(&self) -> Option<Timestamp> {
        let lines = self.lines.iter().filter_map(|line| line.wake(&self.retry));
        lines.chain(self.coalescer.wake()).min()
    }

    /// Whether nothing waits or is under way, but for sinks that are dead.
    pub fn is_idle(&self) -> bool {
        self.lines.iter().all(Line::is_idle)
    }

    /// How each sink does.
    pub fn states(&self) -> Vec<SinkState> {
        self.lines.iter().map(|line| line.state(self.coalescer.held())).collect()
    }

    /// What is about the log has the same id in the next life of this process, so that its
    /// receiver knows it again. What tells of more entries is another alert, with another id.
    fn parcel(&mut self, alert: Alert) -> Parcel {
        self.parcels += 1;
        let id = match alert.entries {
            Some((first, last)) if first == last => format!("msg_{}-{first}", self.log),
            Some((first, last)) => format!("msg_{}-{first}-{last}", self.log),
            None => format!("msg_{}{:08x}", self.prefix, self.parcels),
        };
        Parcel { id, alert }
    }

    fn line(&mut self, sink: AlertSinkId) -> Option<&mut Line> {
        self.lines.iter_mut().find(|line| line.id == sink)
    }

    /// To every sink that takes this kind, but one.
    fn post(&mut self, alert: &Alert, but: Option<AlertSinkId>) {
        let parcel = self.parcel(alert.clone());
        for line in self.lines.iter_mut().filter(|line| Some(line.id) != but && line.takes(alert)) {
            line.push(parcel.clone());
        }
    }

    /// Whoever is left out is told of to every sink: this one reaches others, too.
    fn sent(&mut self, sink: AlertSinkId, but: Option<String>, now: Timestamp) {
        let Some(line) = self.line(sink) else { return };
        if line.sent(but.clone())
            && let Some(who) = but
        {
            let subject = Subject::new("alert sink", sink.to_string()).named(line.name.clone());
            let text = format!("not everybody gets the alerts to `{}`: {who}", line.name);
            self.post(&Alert::new(AlertKind::ChannelDead, Severity::Warning, now, subject, text), None);
        }
        self.tell_lost(sink, now);
    }

    /// A sink that keeps up again is told what it missed.
    fn tell_lost(&mut self, sink: AlertSinkId, now: Timestamp) {
        let Some(line) = self.line(sink) else { return };
        let Some((lost, from)) = line.take_lost() else { return };
        let subject = Subject::new("alert sink", sink.to_string()).named(line.name.clone());
        let text = format!("alerts to `{}` were dropped, because too many waited for it or it refused them", line.name);
        let alert = Alert::new(AlertKind::ChannelDead, Severity::Warning, now, subject, text);
        let parcel = self.parcel(Alert { count: lost, ..alert });
        if let Some(line) = self.line(sink) {
            line.push_owed(parcel, from);
        }
    }

    /// Tells the others that a sink is dead.
    fn raise_dead(&mut self, sink: AlertSinkId, died: Option<String>, now: Timestamp) {
        let (Some(why), Some(line)) = (died, self.line(sink)) else { return };
        let subject = Subject::new("alert sink", sink.to_string()).named(line.name.clone());
        let text = format!("the alert sink `{}` takes no alerts: {why}", line.name);
        self.post(&Alert::new(AlertKind::ChannelDead, Severity::Critical, now, subject, text), Some(sink));
    }

    /// Sinks that stay keep what waits for them.
    fn replace(&mut self, sinks: Vec<(AlertSinkId, String, Vec<AlertKind>, u64)>) {
        let mut old = std::mem::take(&mut self.lines);
        self.lines = sinks
            .into_iter()
            .map(|(id, name, only, from)| match old.iter().position(|line| line.id == id) {
                Some(place) => old.swap_remove(place).renamed(name, only),
                None => Line::new(id, name, only, from),
            })
            .collect();
    }
}

fn overrun(count: u64, now: Timestamp) -> Alert {
    let text = "alerts came too fast to be kept; the log has what they were about";
    let alert = Alert::new(AlertKind::ChannelDead, Severity::Critical, now, Subject::new("process", "alerts"), text);
    Alert { count, ..alert }
}

#[cfg(test)]
mod tests;
