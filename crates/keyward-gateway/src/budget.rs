//! What may be spent: reserved before a call, settled after it.
//!
//! A *purse* holds what this process may still spend of a budget. It is filled in chunks, which
//! whoever implements [`Budgets`] has made durable before: after a crash the whole chunk counts as
//! spent. So nothing that happens here can spend more than was reserved, but for a call that turns
//! out dearer than its estimate; that is a debt, and the next chunk pays it first.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use keyward_types::{Clock, Timestamp};
use tokio::sync::Notify;

use crate::grant::BudgetId;
use crate::refusal::{Reason, Refusal};

/// Where chunks of budgets come from. Called on a thread of its own, and may take its time.
pub trait Budgets: Send + Sync {
    /// Reserves at least `want` of the budget, durably, or as much as there is. How much more than
    /// wanted is the stated bound on what a crash may lose; a strict budget gives no more.
    fn refill(&self, budget: BudgetId, want: u64) -> Refill;

    /// Takes back what was reserved and not spent.
    fn give_back(&self, budget: BudgetId, amount: u64);
}

/// What came of asking for a chunk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refill {
    /// So much may be spent until then: the end of the budget's period.
    Granted {
        /// In the budget's unit.
        amount: u64,
        /// When the period ends, and what is left of the chunk with it.
        until: Timestamp,
    },
    /// There is none left until then.
    Exhausted {
        /// When the next period begins.
        until: Timestamp,
    },
    /// It cannot be found out, or not be recorded.
    Unavailable,
}

/// What this process may spend of one budget.
pub(crate) struct Purse {
    id: BudgetId,
    left: AtomicI64,
    /// The end of the period that `left` is of.
    until: AtomicI64,
    asking: AtomicBool,
    answered: Notify,
    last: Mutex<Option<(Refill, Instant)>>,
}

/// How long a word that nothing is left, or that nothing can be asked, is believed.
const BELIEVED: Duration = Duration::from_millis(500);
/// How long a request waits for a chunk.
const PATIENCE: Duration = Duration::from_secs(2);

impl Purse {
    fn new(id: BudgetId) -> Self {
        Self {
            id,
            left: AtomicI64::new(0),
            until: AtomicI64::new(i64::MIN),
            asking: AtomicBool::new(false),
            answered: Notify::new(),
            last: Mutex::new(None),
        }
    }

    /// Takes an amount out, all or nothing.
    fn spend(&self, amount: i64, now: Timestamp) -> bool {
        if now.0 >= self.until.load(Ordering::Acquire) {
            return false;
        }
        let take = |left: i64| (left >= amount).then(|| left - amount);
        self.left.fetch_update(Ordering::AcqRel, Ordering::Acquire, take).is_ok()
    }

    fn last(&self) -> Option<Refill> {
        let last = *self.last.lock().unwrap_or_else(PoisonError::into_inner);
        last.filter(|(_, at)| at.elapsed() < BELIEVED).map(|(refill, _)| refill)
    }

    fn answer(&self, refill: Refill, now: Timestamp) {
        if let Refill::Granted { amount, until } = refill {
            let amount = i64::try_from(amount).unwrap_or(i64::MAX);
            // What was left of another period ended with it; a debt did not.
            if self.until.swap(until.0, Ordering::AcqRel) != until.0 && now.0 < until.0 {
                let _ = self.left.fetch_update(Ordering::AcqRel, Ordering::Acquire, |left| Some(left.min(0)));
            }
            let _ =
                self.left.fetch_update(Ordering::AcqRel, Ordering::Acquire, |left| Some(left.saturating_add(amount)));
        }
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = Some((refill, Instant::now()));
        self.asking.store(false, Ordering::Release);
        self.answered.notify_waiters();
    }
}

/// All purses of the process, and the thread that has them filled.
pub(crate) struct Purses {
    all: Mutex<HashMap<BudgetId, Arc<Purse>>>,
    budgets: Arc<dyn Budgets>,
    asks: Sender<(Arc<Purse>, u64)>,
}

impl Purses {
    pub(crate) fn new(budgets: Arc<dyn Budgets>, clock: Arc<dyn Clock>) -> std::io::Result<Self> {
        let (asks, asked) = channel::<(Arc<Purse>, u64)>();
        let source = Arc::clone(&budgets);
        std::thread::Builder::new().name("gateway-budgets".into()).spawn(move || {
            for (purse, want) in asked {
                let refill = source.refill(purse.id, want);
                purse.answer(refill, clock.now());
            }
        })?;
        Ok(Self { all: Mutex::default(), budgets, asks })
    }

    /// The purse of a budget. Asked once for a key and core, not for a request.
    pub(crate) fn of(&self, id: BudgetId) -> Arc<Purse> {
        let mut all = self.all.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(all.entry(id).or_insert_with(|| Arc::new(Purse::new(id))))
    }

    /// Reserves an amount, waiting for a chunk where the purse is short.
    pub(crate) async fn reserve(&self, purse: &Arc<Purse>, amount: u64, now: Timestamp) -> Result<Reserved, Refusal> {
        let amount = i64::try_from(amount).unwrap_or(i64::MAX);
        let reserved =
            || Reserved { purse: Arc::clone(purse), amount, until: purse.until.load(Ordering::Acquire), before: 0 };
        if purse.spend(amount, now) {
            return Ok(reserved());
        }
        let deadline = tokio::time::Instant::now() + PATIENCE;
        loop {
            let answered = purse.answered.notified();
            tokio::pin!(answered);
            answered.as_mut().enable();
            if purse.spend(amount, now) {
                return Ok(reserved());
            }
            match purse.last() {
                Some(Refill::Exhausted { until }) => return Err(exhausted(until, now)),
                Some(Refill::Unavailable) => return Err(Reason::BudgetUnknown.into()),
                Some(Refill::Granted { .. }) | None => {}
            }
            if !purse.asking.swap(true, Ordering::AcqRel) {
                let debt = purse.left.load(Ordering::Acquire).min(0).unsigned_abs();
                let want = amount.unsigned_abs().saturating_add(debt);
                if self.asks.send((Arc::clone(purse), want)).is_err() {
                    return Err(Reason::BudgetUnknown.into());
                }
            }
            if tokio::time::timeout_at(deadline, answered).await.is_err() {
                return Err(Reason::BudgetUnknown.into());
            }
        }
    }

    /// Gives back what is left in all purses: nothing is under way any more.
    pub(crate) fn give_back(&self, now: Timestamp) {
        for purse in self.all.lock().unwrap_or_else(PoisonError::into_inner).values() {
            let left = purse.left.swap(0, Ordering::AcqRel);
            if let Ok(left @ 1..) = u64::try_from(left)
                && now.0 < purse.until.load(Ordering::Acquire)
            {
                self.budgets.give_back(purse.id, left);
            }
        }
    }
}

fn exhausted(until: Timestamp, now: Timestamp) -> Refusal {
    let wait = u64::try_from(until.0.saturating_sub(now.0)).unwrap_or(0);
    Refusal { reason: Reason::Budget, wait: Some(Duration::from_millis(wait)) }
}

/// An amount that a call may spend. Dropped without being settled, it goes back whole.
pub(crate) struct Reserved {
    purse: Arc<Purse>,
    amount: i64,
    until: i64,
    /// What was spent of periods that have ended since.
    before: i64,
}

impl Reserved {
    /// What is missing of an amount, all that was spent included.
    pub(crate) fn short_of(&self, amount: u64) -> u64 {
        let missing = i64::try_from(amount).unwrap_or(i64::MAX).saturating_sub(self.before.saturating_add(self.amount));
        u64::try_from(missing).unwrap_or(0)
    }

    /// Takes more of the same budget. What was reserved in a period that is over counts as spent in it.
    pub(crate) fn grow(&mut self, mut more: Self) {
        if self.until != more.until {
            self.before = self.before.saturating_add(std::mem::take(&mut self.amount));
            self.until = more.until;
        }
        self.amount = self.amount.saturating_add(std::mem::take(&mut more.amount));
    }

    /// The call cost so much in truth.
    pub(crate) fn settle(mut self, real: u64) {
        let real = i64::try_from(real).unwrap_or(i64::MAX).saturating_sub(self.before).max(0);
        self.put_back(self.amount.saturating_sub(real));
        self.amount = 0;
    }

    fn put_back(&self, rest: i64) {
        // The chunk of a period that is over is not carried into the next one; a debt is.
        if rest != 0 && (rest < 0 || self.purse.until.load(Ordering::Acquire) == self.until) {
            let _ = self
                .purse
                .left
                .fetch_update(Ordering::AcqRel, Ordering::Acquire, |left| Some(left.saturating_add(rest)));
        }
    }
}

impl Drop for Reserved {
    fn drop(&mut self) {
        self.put_back(self.amount);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicU64;

    use super::*;

    struct Still;
    impl Clock for Still {
        fn now(&self) -> Timestamp {
            Timestamp(1_000)
        }
    }

    /// So much is left, and is given out in chunks.
    struct Cap(AtomicU64, u64);
    impl Budgets for Cap {
        fn refill(&self, _: BudgetId, want: u64) -> Refill {
            let chunk = want.max(self.1);
            let left = self.0.fetch_update(Ordering::AcqRel, Ordering::Acquire, |left| Some(left - left.min(chunk)));
            match left.unwrap_or(0).min(chunk) {
                0 => Refill::Exhausted { until: Timestamp(9_000) },
                amount => Refill::Granted { amount, until: Timestamp(9_000) },
            }
        }
        fn give_back(&self, _: BudgetId, amount: u64) {
            self.0.fetch_add(amount, Ordering::AcqRel);
        }
    }

    fn purses(cap: u64, chunk: u64) -> (Arc<Cap>, Purses) {
        let cap = Arc::new(Cap(AtomicU64::new(cap), chunk));
        (Arc::clone(&cap), Purses::new(cap, Arc::new(Still)).unwrap())
    }

    #[tokio::test]
    async fn a_thousand_at_once_against_a_cap_for_ten() {
        for chunk in [1, 3, 70, 1_000] {
            let (_, purses) = purses(70, chunk);
            let (purses, purse) = (&purses, purses.of(BudgetId::from_bytes([1; 16])));
            let all = (0..1_000).map(|_| purses.reserve(&purse, 7, Timestamp(1_000)));
            let mut tasks: Vec<_> = all.map(Box::pin).collect();
            // All are begun before one of them is answered.
            let mut kept = Vec::new();
            for (number, task) in tasks.iter_mut().enumerate() {
                if let std::task::Poll::Ready(done) = once(task.as_mut()).await {
                    kept.push((number, done));
                }
            }
            for (number, task) in tasks.into_iter().enumerate() {
                if kept.iter().all(|(done, _)| *done != number) {
                    kept.push((number, task.await));
                }
            }
            let kept: Vec<_> = kept.into_iter().map(|(_, done)| done).collect();
            assert_eq!(kept.iter().filter(|kept| kept.is_ok()).count(), 10, "chunk {chunk}");
        }
    }

    async fn once<F: Future>(mut task: std::pin::Pin<&mut F>) -> std::task::Poll<F::Output> {
        std::future::poll_fn(|context| std::task::Poll::Ready(task.as_mut().poll(context))).await
    }

    #[tokio::test]
    async fn what_was_not_spent_goes_back_and_what_was_is_gone() {
        let (cap, purses) = purses(100, 100);
        let purse = purses.of(BudgetId::from_bytes([1; 16]));
        let now = Timestamp(1_000);
        let first = purses.reserve(&purse, 60, now).await.unwrap();
        drop(purses.reserve(&purse, 40, now).await.unwrap());
        first.settle(10);
        purses.reserve(&purse, 30, now).await.unwrap().settle(50);
        purses.give_back(now);
        assert_eq!(cap.0.load(Ordering::Acquire), 40);
    }

    #[tokio::test]
    async fn a_debt_is_paid_first() {
        let (cap, purses) = purses(100, 1);
        let purse = purses.of(BudgetId::from_bytes([1; 16]));
        let now = Timestamp(1_000);
        purses.reserve(&purse, 10, now).await.unwrap().settle(35);
        let held = purses.reserve(&purse, 5, now).await.unwrap();
        assert_eq!(cap.0.load(Ordering::Acquire), 100 - 10 - 30);
        drop(held);
    }

    #[tokio::test]
    async fn a_period_that_is_over_leaves_nothing() {
        let (_, purses) = purses(100, 100);
        let purse = purses.of(BudgetId::from_bytes([1; 16]));
        drop(purses.reserve(&purse, 10, Timestamp(1_000)).await.unwrap());
        let refused = purses.reserve(&purse, 10, Timestamp(9_000)).await.err().unwrap();
        assert_eq!(refused.reason, Reason::Budget);
    }
}
