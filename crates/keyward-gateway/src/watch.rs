//! Connections of callers are looked after: those that wait for a head too long, and those that no
//! longer take what is sent to them, end; and all are told when the gateway is about to stop.

use std::cell::{Cell, RefCell};
use std::io;
use std::pin::Pin;
use std::rc::{Rc, Weak};
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use hyper::body::{Body, Frame, SizeHint};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::alarm::Alarms;
use crate::body::{Broken, Out};
use crate::config::Times;

/// All connections of a core.
#[derive(Default)]
pub(crate) struct Watch {
    all: RefCell<Vec<Weak<Watched>>>,
}

/// One connection.
pub(crate) struct Watched {
    waker: RefCell<Option<Waker>>,
    under_way: Cell<u32>,
    /// Since when no request is under way, in milliseconds of the core's clock.
    idle: Cell<u64>,
    /// Since when the caller takes nothing.
    blocked: Cell<Option<u64>>,
    pub(crate) over: Cell<bool>,
}

/// A request that is under way on a connection, until its answer has been written.
pub(crate) struct Begun {
    watched: Rc<Watched>,
    alarms: Rc<Alarms>,
}

/// An answer, and the mark that it is under way.
pub(crate) struct Reply {
    out: Out,
    _begun: Begun,
}

impl Watch {
    /// A connection that begins now.
    pub(crate) fn begin(&self, now: u64) -> Rc<Watched> {
        let watched = Rc::new(Watched {
            waker: RefCell::default(),
            under_way: Cell::new(0),
            idle: Cell::new(now),
            blocked: Cell::new(None),
            over: Cell::new(false),
        });
        self.all.borrow_mut().push(Rc::downgrade(&watched));
        watched
    }

    /// Ends what has waited too long.
    pub(crate) fn tick(&self, now: u64, times: &Times) {
        let beyond = |since: u64, limit: std::time::Duration| u128::from(now - since.min(now)) > limit.as_millis();
        self.each(|watched| {
            let waits = watched.under_way.get() == 0 && beyond(watched.idle.get(), times.head);
            let stuck = watched.blocked.get().is_some_and(|since| beyond(since, times.idle));
            if waits || stuck {
                watched.over.set(true);
                watched.wake();
            }
        });
    }

    /// Has every connection look around.
    pub(crate) fn wake_all(&self) {
        self.each(Watched::wake);
    }

    fn each(&self, mut look: impl FnMut(&Watched)) {
        self.all.borrow_mut().retain(|watched| {
            let watched = watched.upgrade();
            watched.iter().for_each(|watched| look(watched));
            watched.is_some()
        });
    }
}

impl Watched {
    /// Who is woken.
    pub(crate) fn register(&self, context: &Context<'_>) {
        let mut waker = self.waker.borrow_mut();
        if !waker.as_ref().is_some_and(|waker| waker.will_wake(context.waker())) {
            *waker = Some(context.waker().clone());
        }
    }

    /// What came of writing to the caller.
    pub(crate) fn wrote(&self, pending: bool, now: u64) {
        match (pending, self.blocked.get()) {
            (true, None) => self.blocked.set(Some(now)),
            (false, Some(_)) => self.blocked.set(None),
            _ => {}
        }
    }

    /// A request begins.
    pub(crate) fn request(self: &Rc<Self>, alarms: &Rc<Alarms>) -> Begun {
        self.under_way.set(self.under_way.get() + 1);
        Begun { watched: Rc::clone(self), alarms: Rc::clone(alarms) }
    }

    fn wake(&self) {
        if let Some(waker) = &*self.waker.borrow() {
            waker.wake_by_ref();
        }
    }
}

impl Begun {
    /// The answer to it.
    pub(crate) fn reply(self, out: Out) -> Reply {
        Reply { out, _begun: self }
    }
}

impl Drop for Begun {
    fn drop(&mut self) {
        self.watched.under_way.set(self.watched.under_way.get() - 1);
        self.watched.idle.set(self.alarms.now());
    }
}

/// A caller's stream; whether he takes what is written to it is noted.
pub(crate) struct Noted<S> {
    stream: S,
    watched: Rc<Watched>,
    alarms: Rc<Alarms>,
}

impl<S> Noted<S> {
    pub(crate) fn new(stream: S, watched: &Rc<Watched>, alarms: &Rc<Alarms>) -> Self {
        Self { stream, watched: Rc::clone(watched), alarms: Rc::clone(alarms) }
    }

    fn note<T>(&self, written: Poll<T>) -> Poll<T> {
        self.watched.wrote(written.is_pending(), self.alarms.now());
        written
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Noted<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Noted<S> {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.note(written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(context, bytes);
        self.note(written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

impl Body for Reply {
    type Data = Bytes;
    type Error = Broken;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Broken>>> {
        Pin::new(&mut self.out).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.out.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.out.size_hint()
    }
}
