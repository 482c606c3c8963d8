//! A waker that does not wake whoever is awake.
//!
//! A connection's task holds both sides of a call: what one of them does wakes the other, and each such
//! wake would have the runtime run the task once more to find nothing to do. While the task runs, a wake
//! is only noted here, and the task goes on at once instead.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Wake, Waker};

/// One task's gate.
pub(crate) struct Gate {
    inner: Arc<Inner>,
    waker: Waker,
}

#[derive(Default)]
struct Inner {
    outer: Mutex<Option<Waker>>,
    running: AtomicBool,
    woken: AtomicBool,
}

/// How often a task goes on at once before others have their turn.
const TURNS: usize = 8;

impl Gate {
    pub(crate) fn new() -> Self {
        let inner = Arc::<Inner>::default();
        let waker = Waker::from(Arc::clone(&inner));
        Self { inner, waker }
    }

    /// Polls until nothing more can be done now.
    pub(crate) fn poll<T>(
        &self,
        context: &mut Context<'_>,
        mut poll: impl FnMut(&mut Context<'_>) -> Poll<T>,
    ) -> Poll<T> {
        self.inner.wakes(context.waker());
        self.inner.running.store(true, Ordering::SeqCst);
        for _ in 0..TURNS {
            self.inner.woken.store(false, Ordering::SeqCst);
            if let ready @ Poll::Ready(_) = poll(&mut Context::from_waker(&self.waker)) {
                self.inner.running.store(false, Ordering::SeqCst);
                return ready;
            }
            if !self.inner.woken.load(Ordering::SeqCst) {
                break;
            }
        }
        self.inner.running.store(false, Ordering::SeqCst);
        // Another thread may have looked at `running` before; one of the two sees the other.
        if self.inner.woken.load(Ordering::SeqCst) {
            context.waker().wake_by_ref();
        }
        Poll::Pending
    }
}

impl Inner {
    fn wakes(&self, waker: &Waker) {
        let mut outer = self.outer.lock().unwrap_or_else(PoisonError::into_inner);
        if !outer.as_ref().is_some_and(|outer| outer.will_wake(waker)) {
            *outer = Some(waker.clone());
        }
    }
}

impl Wake for Inner {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.woken.store(true, Ordering::SeqCst);
        if !self.running.load(Ordering::SeqCst)
            && let Some(outer) = &*self.outer.lock().unwrap_or_else(PoisonError::into_inner)
        {
            outer.wake_by_ref();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicUsize;

    use super::*;

    #[derive(Default)]
    struct Count(AtomicUsize);

    impl Wake for Count {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }

    #[test]
    fn a_wake_from_within_goes_on_and_one_from_outside_wakes() {
        let (count, gate) = (Arc::new(Count::default()), Gate::new());
        let waker = Waker::from(Arc::clone(&count));
        let mut context = Context::from_waker(&waker);
        let (mut polls, mut kept) = (0, None);
        let pending = gate.poll::<()>(&mut context, |context| {
            polls += 1;
            if polls < 3 {
                context.waker().wake_by_ref();
            }
            kept = Some(context.waker().clone());
            Poll::Pending
        });
        assert!(pending.is_pending());
        assert_eq!((polls, count.0.load(Ordering::SeqCst)), (3, 0));
        kept.unwrap().wake();
        assert_eq!(count.0.load(Ordering::SeqCst), 1);
    }

    #[test]
    fn whoever_wakes_himself_for_ever_gives_others_their_turn() {
        let (count, gate) = (Arc::new(Count::default()), Gate::new());
        let waker = Waker::from(Arc::clone(&count));
        let pending = gate.poll::<()>(&mut Context::from_waker(&waker), |context| {
            context.waker().wake_by_ref();
            Poll::Pending
        });
        assert!(pending.is_pending());
        assert_eq!(count.0.load(Ordering::SeqCst), 1);
    }
}
