//! Limits of time that cost next to nothing as long as they are kept.
//!
//! A runtime's timer is put into a wheel and taken out again, three times for a request. These are places
//! in a table that is gone over ten times a second: no limit here is of less than a second, and none has
//! to be exact.

use std::cell::{Cell, RefCell};
use std::pin::pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

/// How often the table is gone over.
pub(crate) const TICK: Duration = Duration::from_millis(100);

/// The alarms of one core.
#[derive(Default)]
pub(crate) struct Alarms {
    /// Milliseconds on a clock that stands still between two ticks.
    now: Cell<u64>,
    table: RefCell<Vec<Entry>>,
    free: RefCell<Vec<usize>>,
}

struct Entry {
    due: u64,
    waker: Option<Waker>,
}

/// One limit of time.
pub(crate) struct Alarm {
    alarms: Rc<Alarms>,
    place: usize,
}

/// It took too long.
#[derive(Debug)]
pub(crate) struct TooLong;

impl Alarms {
    /// Goes over the table and wakes whoever is due.
    pub(crate) fn tick(&self, now: u64) {
        self.now.set(now);
        for entry in self.table.borrow_mut().iter_mut().filter(|entry| entry.due <= now) {
            if let Some(waker) = entry.waker.take() {
                waker.wake();
            }
        }
    }

    /// The time, as of the last tick.
    pub(crate) fn now(&self) -> u64 {
        self.now.get()
    }

    /// An alarm after so long.
    pub(crate) fn after(self: &Rc<Self>, limit: Duration) -> Alarm {
        let entry = Entry { due: self.due(limit), waker: None };
        let mut table = self.table.borrow_mut();
        let place = match self.free.borrow_mut().pop() {
            Some(place) => {
                table[place] = entry;
                place
            }
            None => {
                table.push(entry);
                table.len() - 1
            }
        };
        Alarm { alarms: Rc::clone(self), place }
    }

    /// What comes of a future within a limit of time.
    ///
    /// # Errors
    /// When nothing does.
    pub(crate) async fn within<F: Future>(self: &Rc<Self>, limit: Duration, future: F) -> Result<F::Output, TooLong> {
        let (mut future, mut alarm) = (pin!(future), None);
        std::future::poll_fn(|context| {
            if let Poll::Ready(output) = future.as_mut().poll(context) {
                return Poll::Ready(Ok(output));
            }
            alarm.get_or_insert_with(|| self.after(limit)).poll(context).map(|()| Err(TooLong))
        })
        .await
    }

    /// A tick may be about to come: the limit is counted from behind it.
    fn due(&self, limit: Duration) -> u64 {
        let millis = u64::try_from((limit + TICK).as_millis()).unwrap_or(u64::MAX);
        self.now.get().saturating_add(millis)
    }
}

impl Alarm {
    /// Whether the time is over; else who waits is woken when it is.
    pub(crate) fn poll(&self, context: &mut Context<'_>) -> Poll<()> {
        let entry = &mut self.alarms.table.borrow_mut()[self.place];
        if entry.due <= self.alarms.now() {
            return Poll::Ready(());
        }
        if !entry.waker.as_ref().is_some_and(|waker| waker.will_wake(context.waker())) {
            entry.waker = Some(context.waker().clone());
        }
        Poll::Pending
    }

    /// Begins anew.
    pub(crate) fn reset(&self, limit: Duration) {
        self.alarms.table.borrow_mut()[self.place].due = self.alarms.due(limit);
    }
}

impl Drop for Alarm {
    fn drop(&mut self) {
        self.alarms.table.borrow_mut()[self.place] = Entry { due: u64::MAX, waker: None };
        self.alarms.free.borrow_mut().push(self.place);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_due_after_its_limit_and_not_before() {
        let alarms = Rc::new(Alarms::default());
        let mut context = Context::from_waker(Waker::noop());
        let (first, second) = (alarms.after(Duration::from_secs(1)), alarms.after(Duration::from_secs(2)));
        alarms.tick(1_000);
        assert!(first.poll(&mut context).is_pending());
        alarms.tick(1_100);
        assert!(first.poll(&mut context).is_ready() && second.poll(&mut context).is_pending());
        first.reset(Duration::from_secs(1));
        assert!(first.poll(&mut context).is_pending());
        drop(first);
        let third = alarms.after(Duration::ZERO);
        assert_eq!((third.place, alarms.table.borrow().len()), (0, 2), "places are used again");
    }
}
