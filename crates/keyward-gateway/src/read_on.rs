//! Calls whose caller is gone before their end. The upstream works on and charges for it, so that going
//! away must not make a call free: its answer is read to the end, for nobody, and counted.
//!
//! An answer in one piece is read as long as any other may take: nothing is saved by hanging up, as it is
//! made anyhow. Of a stream, which its service stops writing when nobody takes it, no more is read than
//! comes in a moment ([`Times::read_on`](crate::Times)): the end of most, and else what passed is counted.

use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;

use hyper::Response;

use crate::body::{Answer, Out};
use crate::call::Pursuit;
use crate::refusal::Refusal;
use crate::worker::{Counted, Worker};

type Answered = Result<Response<Out>, Refusal>;

/// A call that waits for the head of its answer.
pub(crate) struct Waiting {
    worker: Rc<Worker>,
    call: Option<Pin<Box<dyn Future<Output = Answered>>>>,
    pursuit: Rc<Pursuit>,
}

/// An answer in the hands of its caller.
pub(crate) struct Held(Option<Box<Answer>>);

impl Waiting {
    pub(crate) fn new(
        worker: &Rc<Worker>,
        pursuit: Rc<Pursuit>,
        call: impl Future<Output = Answered> + 'static,
    ) -> Self {
        Self { worker: Rc::clone(worker), call: Some(Box::pin(call)), pursuit }
    }
}

impl Future for Waiting {
    type Output = Answered;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Answered> {
        let Some(call) = &mut self.call else { return Poll::Pending };
        let answered = call.as_mut().poll(context);
        if answered.is_ready() {
            self.call = None;
        }
        answered
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        let Some(call) = self.call.take().filter(|_| self.pursuit.is_worth_it()) else { return };
        begin(&self.worker, self.pursuit.stream_patience(&self.worker), async move {
            // An answer that comes is dropped, and so read on itself.
            drop(call.await);
        });
    }
}

impl Held {
    pub(crate) fn new(answer: Box<Answer>) -> Self {
        Self(Some(answer))
    }

    pub(crate) fn answer(&self) -> Option<&Answer> {
        self.0.as_deref()
    }

    pub(crate) fn answer_mut(&mut self) -> Option<&mut Answer> {
        self.0.as_deref_mut()
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        let Some(mut answer) = self.0.take() else { return };
        let Some((worker, patience)) = answer.left_alone() else { return };
        begin(&worker, patience, async move { answer.read_to_end().await });
    }
}

/// Has something go on without its caller, within `patience` or within limits of its own.
fn begin(worker: &Rc<Worker>, patience: Option<Duration>, go_on: impl Future<Output = ()> + 'static) {
    // Spawning is over when the runtime is: then what is dropped is counted as it stands.
    if worker.ended.get() {
        return;
    }
    let counted = Counted::new(worker);
    tokio::task::spawn_local(async move {
        match patience {
            Some(patience) => drop(counted.worker().alarms.within(patience, go_on).await),
            None => go_on.await,
        }
    });
}
