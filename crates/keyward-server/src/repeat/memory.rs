//! The answers that one server remembers, and which requests are under way.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::repeat::answer::Answer;

/// The answers of one server.
#[derive(Default)]
pub(crate) struct Repeats(Mutex<HashMap<Id, Known>>);

/// Who asked, and under which key.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(super) struct Id(pub(super) String, pub(super) String);

/// A request that was asked with a key.
pub(super) struct Known {
    since: Instant,
    /// Of method, path and body: a key is for one request.
    request: [u8; 32],
    /// `None` while the first one is under way.
    answer: Option<Answer>,
}

/// What a request with a key is told.
pub(super) enum Begin {
    First,
    UnderWay,
    Other,
    Again(Answer),
}

impl Repeats {
    pub(super) fn begin(&self, id: &Id, request: [u8; 32]) -> Begin {
        let mut known = self.known();
        let now = Instant::now();
        match known.get(id) {
            Some(first) if now.duration_since(first.since) < KEPT => {
                return match &first.answer {
                    _ if first.request != request => Begin::Other,
                    None => Begin::UnderWay,
                    Some(answer) => Begin::Again(answer.clone()),
                };
            }
            _ => {}
        }
        if known.len() >= MOST {
            make_room(&mut known, now);
        }
        known.insert(id.clone(), Known { since: now, request, answer: None });
        Begin::First
    }

    pub(super) fn finish(&self, id: &Id, answer: Answer) {
        if let Some(first) = self.known().get_mut(id) {
            first.answer = Some(answer);
        }
    }

    pub(super) fn forget(&self, id: &Id) {
        self.known().remove(id);
    }

    pub(super) fn known(&self) -> MutexGuard<'_, HashMap<Id, Known>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What is over goes; when nothing is, the older half does.
fn make_room(known: &mut HashMap<Id, Known>, now: Instant) {
    known.retain(|_, first| now.duration_since(first.since) < KEPT);
    if known.len() < MOST {
        return;
    }
    let mut times: Vec<Instant> = known.values().map(|first| first.since).collect();
    let middle = times.len() / 2;
    let (_, middle, _) = times.select_nth_unstable(middle);
    let middle = *middle;
    known.retain(|_, first| first.since > middle);
}

/// How long an answer is kept.
const KEPT: Duration = Duration::from_secs(24 * 3600);
/// Most answers kept; of more, the oldest go.
pub(super) const MOST: usize = 10_000;
