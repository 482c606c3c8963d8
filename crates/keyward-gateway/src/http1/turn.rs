//! Who is ready to write lets go first whoever else is ready.
//!
//! A write to somebody who sleeps wakes him, on another core by an interrupt, which costs as much as the
//! write itself. Of several writes in a row the first one wakes, and the others find him awake. So those
//! whom one look at the sockets has made ready first do all that is to be done, and then write, one after
//! the other. Who is alone loses nothing but a turn.

use std::future::poll_fn;
use std::task::Poll;

/// Waits for one turn of the core's run queue.
pub(crate) async fn after_others() {
    let mut waited = false;
    poll_fn(|context| match std::mem::replace(&mut waited, true) {
        true => Poll::Ready(()),
        false => {
            context.waker().wake_by_ref();
            Poll::Pending
        }
    })
    .await;
}
