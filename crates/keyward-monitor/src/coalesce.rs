//! Many alerts of one kind about one subject, made into one.

use std::collections::BTreeMap;

use keyward_types::Timestamp;

use crate::{Alert, AlertKind, Severity, Subject};

/// Makes one alert of many alike: the first of a kind and subject goes out at once, what follows
/// within five minutes goes out as one with a count when they are over. Critical ones are alike only
/// where they say the same: who takes emergency rights in a harmless place first must not hide the
/// place that matters behind it. What is remembered is bounded: above that, subjects of a kind are
/// counted together, and none is lost.
#[derive(Debug, Default)]
pub(crate) struct Coalescer {
    windows: BTreeMap<(AlertKind, Option<Alike>), Window>,
}

/// What alerts of one kind have in common: their subject, and for critical ones what they say.
type Alike = (Subject, Option<String>);

#[derive(Debug)]
struct Window {
    closes: Timestamp,
    held: Option<Alert>,
}

const WINDOW: i64 = 5 * 60 * 1000;
/// Somebody who tries a million logins makes a million subjects. A line has room for all of these.
const MOST_WINDOWS: usize = 256;

impl Coalescer {
    /// Takes an alert in; gives it back if it is to go out at once.
    pub(crate) fn take(&mut self, alert: Alert, now: Timestamp) -> Option<Alert> {
        let said = (alert.severity == Severity::Critical).then(|| alert.text.clone());
        let own = (alert.kind, Some((alert.subject.clone(), said)));
        let full = self.windows.len() >= MOST_WINDOWS && !self.windows.contains_key(&own);
        let (key, alert) = match full {
            true => ((alert.kind, None), of_many(alert)),
            false => (own, alert),
        };
        match self.windows.get_mut(&key) {
            Some(window) => {
                window.held = Some(match window.held.take() {
                    Some(held) => together(held, alert),
                    None => alert,
                });
                None
            }
            None => {
                self.windows.insert(key, Window { closes: later(now), held: None });
                Some(alert)
            }
        }
    }

    /// What was held back and is to go out now. Where there was something, the next window begins.
    pub(crate) fn due(&mut self, now: Timestamp) -> Vec<Alert> {
        let mut due = Vec::new();
        self.windows.retain(|_, window| {
            if window.closes > now {
                // A clock that was set back must not hold alerts back with it.
                window.closes = window.closes.min(later(now));
                return true;
            }
            let held = window.held.take();
            let busy = held.is_some();
            due.extend(held);
            window.closes = later(now);
            busy
        });
        due
    }

    /// Everything that is held back, since nothing comes after.
    pub(crate) fn all(&mut self) -> Vec<Alert> {
        std::mem::take(&mut self.windows).into_values().filter_map(|window| window.held).collect()
    }

    /// What is held back.
    pub(crate) fn held(&self) -> impl Iterator<Item = &Alert> {
        self.windows.values().filter_map(|window| window.held.as_ref())
    }

    /// When the next window closes.
    pub(crate) fn wake(&self) -> Option<Timestamp> {
        self.windows.values().map(|window| window.closes).min()
    }
}

fn later(now: Timestamp) -> Timestamp {
    Timestamp(now.0.saturating_add(WINDOW))
}

fn together(held: Alert, new: Alert) -> Alert {
    let entries = match (held.entries, new.entries) {
        (Some((first, last)), Some((other_first, other_last))) => Some((first.min(other_first), last.max(other_last))),
        (one, other) => one.or(other),
    };
    Alert { count: held.count.saturating_add(new.count), severity: held.severity.max(new.severity), entries, ..new }
}

fn of_many(alert: Alert) -> Alert {
    let subject = Subject::new(&alert.subject.noun, "*").named("several");
    let text = format!("several subjects, the last: {}", alert.text);
    Alert { subject, text, ..alert }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn alert(subject: &str, at: i64) -> Alert {
        let subject = Subject::new("account", subject);
        Alert::new(AlertKind::FailedSignIns, Severity::Warning, Timestamp(at), subject, "a sign-in failed")
    }

    #[test]
    fn the_first_goes_at_once_and_the_rest_as_one() {
        let mut coalescer = Coalescer::default();
        assert_eq!(coalescer.take(alert("a", 0), Timestamp(0)).unwrap().count, 1);
        for at in 1..=40 {
            assert!(coalescer.take(alert("a", at), Timestamp(at)).is_none());
        }
        assert!(coalescer.take(alert("b", 1), Timestamp(1)).is_some(), "another subject");
        assert!(coalescer.due(Timestamp(WINDOW - 1)).is_empty());
        assert_eq!(coalescer.wake(), Some(Timestamp(WINDOW)));
        let due = coalescer.due(Timestamp(WINDOW));
        assert_eq!((due.len(), due[0].count, due[0].time), (1, 40, Timestamp(40)));
        assert!(coalescer.take(alert("a", 0), Timestamp(WINDOW + 1)).is_none(), "the storm goes on");
        assert_eq!(coalescer.due(Timestamp(2 * WINDOW))[0].count, 1);
        assert!(coalescer.due(Timestamp(3 * WINDOW)).is_empty());
        assert!(coalescer.take(alert("a", 0), Timestamp(3 * WINDOW)).is_some(), "it was quiet");
    }

    #[test]
    fn an_emergency_in_one_place_hides_none_in_another() {
        let mut coalescer = Coalescer::default();
        let taken = |place: &str| {
            let text = format!("`ada` took emergency rights in `{place}`");
            Alert::new(AlertKind::BreakGlass, Severity::Critical, Timestamp(0), Subject::new("account", "ada"), &text)
        };
        assert!(coalescer.take(taken("default/staging"), Timestamp(0)).is_some());
        let production = coalescer.take(taken("shop/production"), Timestamp(1)).unwrap();
        assert!(production.text.contains("shop/production"));
        assert!(coalescer.take(taken("shop/production"), Timestamp(2)).is_none(), "the same again");
        let due = coalescer.due(Timestamp(WINDOW + 1));
        assert_eq!(due.iter().map(|alert| alert.count).collect::<Vec<_>>(), [1]);
    }

    #[test]
    fn a_million_subjects_are_bounded_and_all_are_counted() {
        let mut coalescer = Coalescer::default();
        let at_once: u64 = (0..10_000)
            .filter_map(|n| coalescer.take(alert(&n.to_string(), 0), Timestamp(0)))
            .map(|one| one.count)
            .sum();
        assert!(coalescer.windows.len() <= MOST_WINDOWS + 1);
        let due = coalescer.due(Timestamp(WINDOW));
        assert_eq!(at_once + due.iter().map(|one| one.count).sum::<u64>(), 10_000);
        assert_eq!(due.len(), 1);
        assert_eq!(due[0].subject.called(), "several");
    }

    #[test]
    fn a_clock_that_is_set_back_holds_nothing_back_for_long() {
        let mut coalescer = Coalescer::default();
        coalescer.take(alert("a", 0), Timestamp(1_000 * WINDOW));
        coalescer.take(alert("a", 0), Timestamp(1_000 * WINDOW));
        assert!(coalescer.due(Timestamp(0)).is_empty());
        assert_eq!(coalescer.due(Timestamp(WINDOW)).len(), 1);
    }
}
