//! Group commit. Callers queue; one of them, the leader, commits for all who wait, in its own
//! thread: a lone caller pays for no thread switch, and a crowd shares one flush. While a group is
//! being written the next one gathers, and its first member leads it.
//!
//! A caller who does not want to wait leaves a call to be made with the answer. Where such callers
//! alone are in the queue, the committer leads: a thread that does nothing else.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::Thread;

use crate::{Batch, Committed, Error, Result};

/// The queue in front of one engine.
#[derive(Default)]
pub(crate) struct CommitQueue {
    state: Mutex<State>,
    summons: Condvar,
}

/// What is done with an answer, in the thread of whoever committed: it has to be quick.
pub(crate) type Call = Box<dyn FnOnce(Result<Committed>) + Send>;

impl CommitQueue {
    /// Commits `batch` together with those that wait, by `apply` in this thread or another's.
    pub(crate) fn commit(
        &self,
        batch: Batch,
        apply: impl FnOnce(&[Batch]) -> Vec<Result<Committed>>,
    ) -> Result<Committed> {
        let request = Arc::new(Request::of_this_thread());
        if self.join(batch, &request) == Role::Follower && request.wait() == Role::Follower {
            return request.answer();
        }
        self.lead(apply);
        request.answer()
    }

    /// Leaves `batch` to be committed, and `call` to be made then. Somebody has to be in
    /// [`CommitQueue::serve`].
    pub(crate) fn submit(&self, batch: Batch, call: Call) {
        let mut state = self.state();
        state.waiting.push((batch, Waiter::Call(call)));
        if !state.led {
            state.led = true;
            self.summon(&mut state);
        }
    }

    /// Leads whenever nobody else does, until [`CommitQueue::close`] and nobody waits any more.
    pub(crate) fn serve(&self, apply: impl Fn(&[Batch]) -> Vec<Result<Committed>>) {
        loop {
            let mut state = self.state();
            while !state.summoned && !state.closed {
                state = self.summons.wait(state).unwrap_or_else(PoisonError::into_inner);
            }
            if !std::mem::take(&mut state.summoned) {
                return;
            }
            drop(state);
            // A panic of the engine ends this group, as its term says, and not the next ones.
            let _ = catch_unwind(AssertUnwindSafe(|| self.lead(&apply)));
        }
    }

    /// Lets [`CommitQueue::serve`] end.
    pub(crate) fn close(&self) {
        self.state().closed = true;
        self.summons.notify_all();
    }

    fn join(&self, batch: Batch, request: &Arc<Request>) -> Role {
        let mut state = self.state();
        state.waiting.push((batch, Waiter::Thread(Arc::clone(request))));
        if state.led {
            return Role::Follower;
        }
        state.led = true;
        Role::Leader
    }

    /// Takes everyone who waits (the leader among them), commits, answers, and hands over.
    fn lead(&self, apply: impl FnOnce(&[Batch]) -> Vec<Result<Committed>>) {
        let (batches, waiters): (Vec<_>, Vec<_>) = std::mem::take(&mut self.state().waiting).into_iter().unzip();
        let mut term = Term { queue: self, waiters, answers: Vec::new() };
        term.answers = apply(&batches);
    }

    fn summon(&self, state: &mut State) {
        state.summoned = true;
        self.summons.notify_one();
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing in here panics while it is held; a poisoned lock still guards a whole state.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[derive(Default)]
struct State {
    waiting: Vec<(Batch, Waiter)>,
    led: bool,
    /// The committer has to lead.
    summoned: bool,
    closed: bool,
}

/// Who wants an answer.
enum Waiter {
    Thread(Arc<Request>),
    Call(Call),
}

/// One leader's time. Its end, also by a panic, answers everyone and names the next leader.
struct Term<'a> {
    queue: &'a CommitQueue,
    waiters: Vec<Waiter>,
    answers: Vec<Result<Committed>>,
}

impl Drop for Term<'_> {
    fn drop(&mut self) {
        // The answers first: whoever comes back with his next batch while the others are being woken
        // joins the next group, and groups of all callers need half the flushes of groups of half.
        let mut answers = self.answers.drain(..);
        for waiter in self.waiters.drain(..) {
            let answer = answers.next().unwrap_or(Err(Error::Interrupted));
            match waiter {
                Waiter::Thread(request) => request.finish(answer),
                // One that panics is reported by the hook, and holds up nobody else.
                Waiter::Call(call) => drop(catch_unwind(AssertUnwindSafe(|| call(answer)))),
            }
        }
        let mut state = self.queue.state();
        state.led = !state.waiting.is_empty();
        let successor = match state.waiting.first() {
            Some((_, Waiter::Thread(request))) => Arc::clone(request),
            Some((_, Waiter::Call(_))) => return self.queue.summon(&mut state),
            None => return,
        };
        drop(state);
        successor.promote();
    }
}

/// One caller's place in the queue.
struct Request {
    state: AtomicU8,
    answer: Mutex<Option<Result<Committed>>>,
    thread: Thread,
}

impl Request {
    fn of_this_thread() -> Self {
        let thread = std::thread::current();
        Self { state: AtomicU8::new(WAITING), answer: Mutex::new(None), thread }
    }

    /// Until there is an answer, or this caller must lead.
    fn wait(&self) -> Role {
        loop {
            match self.state.load(Ordering::Acquire) {
                ANSWERED => return Role::Follower,
                PROMOTED => return Role::Leader,
                _ => std::thread::park(),
            }
        }
    }

    fn promote(&self) {
        self.state.store(PROMOTED, Ordering::Release);
        self.thread.unpark();
    }

    fn finish(&self, answer: Result<Committed>) {
        *self.slot() = Some(answer);
        self.state.store(ANSWERED, Ordering::Release);
        if self.thread.id() != std::thread::current().id() {
            self.thread.unpark();
        }
    }

    fn answer(&self) -> Result<Committed> {
        self.slot().take().unwrap_or(Err(Error::Interrupted))
    }

    fn slot(&self) -> MutexGuard<'_, Option<Result<Committed>>> {
        self.answer.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[derive(PartialEq, Eq)]
enum Role {
    Leader,
    Follower,
}

const WAITING: u8 = 0;
const PROMOTED: u8 = 1;
const ANSWERED: u8 = 2;
