//! Connections to upstreams, kept by each core for itself.
//!
//! An HTTP/1.1 connection belongs to one call until the end of its answer's body, and is driven by the
//! task of that call: there is no other task to be woken, and whether the upstream has closed it is
//! seen when it is taken out. An HTTP/2 connection is shared, and driven by a task of its own.

use std::cell::RefCell;
use std::collections::HashMap;
use std::future::poll_fn;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use hyper::body::Incoming;
use hyper::client::conn::{http1, http2};
use hyper::header::HeaderValue;
use hyper::{Request, Response};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio_rustls::rustls::ClientConfig;

use crate::body::Upload;
use crate::dial::{Dialled, dial};
use crate::refusal::Reason;
use crate::upstream::{Transport, Upstream};

/// All that one core keeps.
pub(crate) struct Pool {
    places: RefCell<HashMap<Box<str>, Vec<Rc<Place>>>>,
    tls: Arc<ClientConfig>,
    connect: Duration,
    keep: Duration,
    kept: usize,
}

/// One upstream's connections.
pub(crate) struct Place {
    port: u16,
    transport: Transport,
    private: bool,
    pub(crate) host: HeaderValue,
    idle: RefCell<Vec<(Http1, Instant)>>,
    shared: RefCell<Option<http2::SendRequest<Upload>>>,
    most: usize,
}

/// A connection that a call has to itself.
pub(crate) struct Http1 {
    send: http1::SendRequest<Upload>,
    driver: Pin<Box<http1::Connection<TokioIo<Dialled>, Upload>>>,
}

/// A connection, for one call.
pub(crate) enum Connection {
    Http1(Http1),
    Http2(http2::SendRequest<Upload>),
}

/// A request that did not get through.
pub(crate) enum Failed {
    /// Nothing of it was sent, so that it may be sent again.
    Unsent(Box<Request<Upload>>),
    /// It broke off.
    Broken,
}

impl Pool {
    pub(crate) fn new(tls: Arc<ClientConfig>, connect: Duration, keep: Duration, kept: usize) -> Self {
        Self { places: RefCell::default(), tls, connect, keep, kept }
    }

    /// The connections of an upstream. Two that differ in how they are reached share none.
    pub(crate) fn place(&self, upstream: &Upstream) -> Rc<Place> {
        let same = |place: &&Rc<Place>| {
            (place.port, place.transport, place.private) == (upstream.port, upstream.transport, upstream.private)
        };
        if let Some(place) = self.places.borrow().get(&upstream.host).and_then(|places| places.iter().find(same)) {
            return Rc::clone(place);
        }
        let host = HeaderValue::try_from(upstream.authority());
        let place = Rc::new(Place {
            port: upstream.port,
            transport: upstream.transport,
            private: upstream.private,
            host: host.unwrap_or_else(|_| HeaderValue::from_static("invalid")),
            idle: RefCell::default(),
            shared: RefCell::default(),
            most: self.kept,
        });
        self.places.borrow_mut().entry(upstream.host.clone()).or_default().push(Rc::clone(&place));
        place
    }

    /// A connection that was kept, else a new one.
    pub(crate) async fn take(&self, place: &Rc<Place>, upstream: &Upstream) -> Result<Connection, Reason> {
        if let Some(connection) = place.kept(self.keep).await {
            return Ok(connection);
        }
        self.connect(place, upstream).await
    }

    /// A new connection.
    pub(crate) async fn connect(&self, place: &Rc<Place>, upstream: &Upstream) -> Result<Connection, Reason> {
        match tokio::time::timeout(self.connect, self.dial(place, upstream)).await {
            Ok(connection) => connection,
            Err(_) => Err(Reason::Connection),
        }
    }

    async fn dial(&self, place: &Rc<Place>, upstream: &Upstream) -> Result<Connection, Reason> {
        let stream = dial(upstream, &self.tls).await?;
        let both = matches!(&stream, Dialled::Tls(stream) if stream.get_ref().1.alpn_protocol() == Some(b"h2"));
        let stream = TokioIo::new(stream);
        if !both {
            let built = http1::Builder::new().writev(false).max_headers(128).handshake(stream).await;
            let (send, driver) = built.map_err(|_| Reason::Connection)?;
            return Ok(Connection::Http1(Http1 { send, driver: Box::pin(driver) }));
        }
        let mut builder = http2::Builder::new(Local);
        builder.timer(TokioTimer::new()).adaptive_window(true).keep_alive_interval(Duration::from_secs(30));
        let (send, driver) = builder.handshake(stream).await.map_err(|_| Reason::Connection)?;
        tokio::task::spawn_local(async move {
            // Its end is seen by whoever uses it.
            let _ = driver.await;
        });
        *place.shared.borrow_mut() = Some(send.clone());
        Ok(Connection::Http2(send))
    }

    /// Closes what nobody has used for long.
    pub(crate) fn sweep(&self, now: Instant) {
        for place in self.places.borrow().values().flatten() {
            place.idle.borrow_mut().retain(|(_, since)| now.duration_since(*since) < self.keep);
        }
    }
}

impl Place {
    async fn kept(&self, keep: Duration) -> Option<Connection> {
        let shared = self.shared.borrow().as_ref().filter(|send| !send.is_closed()).cloned();
        if let Some(send) = shared {
            return Some(Connection::Http2(send));
        }
        loop {
            // The one that was used last is the one that the upstream still has.
            let (mut connection, since) = self.idle.borrow_mut().pop()?;
            if since.elapsed() < keep && poll_fn(|context| Poll::Ready(connection.is_usable(context))).await {
                return Some(Connection::Http1(connection));
            }
        }
    }

    /// Takes a connection back: its answer has been read to the end.
    pub(crate) fn give_back(&self, connection: Http1) {
        let mut idle = self.idle.borrow_mut();
        if idle.len() < self.most && !connection.send.is_closed() {
            idle.push((connection, Instant::now()));
        }
    }
}

impl Http1 {
    /// Lets the connection read and write what there is.
    pub(crate) fn drive(&mut self, context: &mut Context<'_>) -> Poll<()> {
        self.driver.as_mut().poll(context).map(|_| ())
    }

    fn is_usable(&mut self, context: &mut Context<'_>) -> bool {
        self.drive(context).is_pending() && matches!(self.send.poll_ready(context), Poll::Ready(Ok(())))
    }

    async fn send(&mut self, request: Request<Upload>) -> Result<Response<Incoming>, Failed> {
        let Self { send, driver } = self;
        let mut answer = std::pin::pin!(send.try_send_request(request));
        let mut over = false;
        // The answer comes by way of the driver alone, which is polled before it: nobody else has to wake us.
        let answered = poll_fn(|context| {
            over = over || driver.as_mut().poll(context).is_ready();
            match answer.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
                Poll::Pending if over => Poll::Ready(None),
                answered => answered.map(Some),
            }
        });
        match answered.await {
            Some(Ok(response)) => Ok(response),
            Some(Err(mut error)) => {
                Err(error.take_message().map_or(Failed::Broken, |request| Failed::Unsent(Box::new(request))))
            }
            None => Err(Failed::Broken),
        }
    }
}

impl Connection {
    /// Sends a request and waits for the head of its answer.
    pub(crate) async fn send(&mut self, request: Request<Upload>) -> Result<Response<Incoming>, Failed> {
        match self {
            Self::Http1(connection) => connection.send(request).await,
            Self::Http2(send) => {
                if send.ready().await.is_err() {
                    return Err(Failed::Unsent(Box::new(request)));
                }
                send.try_send_request(request).await.map_err(|mut error| {
                    error.take_message().map_or(Failed::Broken, |request| Failed::Unsent(Box::new(request)))
                })
            }
        }
    }

    pub(crate) fn is_http2(&self) -> bool {
        matches!(self, Self::Http2(_))
    }
}

/// Runs the tasks of HTTP/2 on the core that they belong to.
#[derive(Clone, Copy)]
pub(crate) struct Local;

impl<F: Future + 'static> hyper::rt::Executor<F> for Local {
    fn execute(&self, task: F) {
        tokio::task::spawn_local(async move {
            task.await;
        });
    }
}
