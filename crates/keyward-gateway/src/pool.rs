//! Connections to upstreams, kept by each core for itself.
//!
//! An HTTP/1.1 connection belongs to one call until the end of its answer's body, and whether the upstream
//! has closed it is seen when it is taken out. An HTTP/2 connection is shared, and driven by a task of its
//! own.

use std::cell::RefCell;
use std::collections::HashMap;
use std::future::poll_fn;
use std::rc::Rc;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use hyper::client::conn::http2;
use hyper::header::HeaderValue;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio_rustls::rustls::ClientConfig;

use crate::alarm::Alarms;
use crate::body::Upload;
use crate::dial::dial;
use crate::http1::buffers::Buffers;
use crate::http1::client::Http1;
use crate::refusal::Reason;
use crate::upstream::{Transport, Upstream};

/// All that one core keeps.
pub(crate) struct Pool {
    places: RefCell<HashMap<Box<str>, Vec<Rc<Place>>>>,
    tls: Arc<ClientConfig>,
    /// The same for what HTTP/2 does not carry.
    tls_http1: Arc<ClientConfig>,
    buffers: Rc<Buffers>,
    alarms: Rc<Alarms>,
    connect: Duration,
    /// Milliseconds that a connection is kept.
    keep: u64,
    kept: usize,
}

/// One upstream's connections.
pub(crate) struct Place {
    port: u16,
    transport: Transport,
    private: bool,
    /// It is spoken to by gRPC, and so by HTTP/2 alone.
    grpc: bool,
    pub(crate) host: HeaderValue,
    /// Each with the millisecond of the core's clock at which it came back.
    idle: RefCell<Vec<(Box<Http1>, u64)>>,
    shared: RefCell<Option<http2::SendRequest<Upload>>>,
    most: usize,
    alarms: Rc<Alarms>,
}

/// A connection, for one call.
pub(crate) enum Connection {
    Http1(Box<Http1>),
    Http2(http2::SendRequest<Upload>),
}

impl Pool {
    pub(crate) fn new(
        tls: Arc<ClientConfig>,
        (buffers, alarms): (&Rc<Buffers>, &Rc<Alarms>),
        connect: Duration,
        keep: Duration,
        kept: usize,
    ) -> Self {
        let mut tls_http1 = ClientConfig::clone(&tls);
        tls_http1.alpn_protocols = vec![b"http/1.1".to_vec()];
        let tls_http1 = Arc::new(tls_http1);
        let keep = u64::try_from(keep.as_millis()).unwrap_or(u64::MAX);
        let (buffers, alarms) = (Rc::clone(buffers), Rc::clone(alarms));
        Self { places: RefCell::default(), tls, tls_http1, buffers, alarms, connect, keep, kept }
    }

    /// The connections of an upstream. Two that differ in how they are reached share none.
    pub(crate) fn place(&self, upstream: &Upstream, grpc: bool) -> Rc<Place> {
        let port = upstream.port_of(grpc);
        let reached = (port, upstream.transport, upstream.private, grpc);
        let same = |place: &&Rc<Place>| (place.port, place.transport, place.private, place.grpc) == reached;
        if let Some(place) = self.places.borrow().get(&upstream.host).and_then(|places| places.iter().find(same)) {
            return Rc::clone(place);
        }
        let host = HeaderValue::try_from(upstream.authority(port));
        let place = Rc::new(Place {
            port,
            transport: upstream.transport,
            private: upstream.private,
            grpc,
            host: host.unwrap_or_else(|_| HeaderValue::from_static("invalid")),
            idle: RefCell::default(),
            shared: RefCell::default(),
            most: self.kept,
            alarms: Rc::clone(&self.alarms),
        });
        self.places.borrow_mut().entry(upstream.host.clone()).or_default().push(Rc::clone(&place));
        place
    }

    /// A connection that was kept, else a new one.
    pub(crate) async fn take(&self, place: &Rc<Place>, upstream: &Upstream) -> Result<Connection, Reason> {
        if let Some(connection) = place.kept(self.keep).await {
            return Ok(connection);
        }
        // It is seldom done, and too large to be kept room for in every call.
        Box::pin(self.connect(place, upstream)).await
    }

    /// A new connection.
    pub(crate) async fn connect(&self, place: &Rc<Place>, upstream: &Upstream) -> Result<Connection, Reason> {
        match tokio::time::timeout(self.connect, self.dial(place, upstream)).await {
            Ok(connection) => connection,
            Err(_) => Err(Reason::Connection),
        }
    }

    /// A new connection that speaks HTTP/1.1 and will belong to one caller.
    pub(crate) async fn alone(&self, upstream: &Upstream) -> Result<Connection, Reason> {
        let dialled = dial(upstream, upstream.port, &self.tls_http1);
        let stream = tokio::time::timeout(self.connect, dialled).await.map_err(|_| Reason::Connection)??;
        Ok(Connection::Http1(Box::new(Http1::new(stream, &self.buffers))))
    }

    async fn dial(&self, place: &Rc<Place>, upstream: &Upstream) -> Result<Connection, Reason> {
        let stream = dial(upstream, place.port, &self.tls).await?;
        if place.grpc && stream.is_tls() && !stream.is_http2() {
            return Err(Reason::Connection);
        }
        // Without TLS nobody asks what is spoken: it is known beforehand (RFC 9113, 3.3).
        if !place.grpc && !stream.is_http2() {
            return Ok(Connection::Http1(Box::new(Http1::new(stream, &self.buffers))));
        }
        let mut builder = http2::Builder::new(Local);
        builder.timer(TokioTimer::new()).adaptive_window(true).keep_alive_interval(Duration::from_secs(30));
        let (send, driver) = builder.handshake(TokioIo::new(stream)).await.map_err(|_| Reason::Connection)?;
        tokio::task::spawn_local(async move {
            // Its end is seen by whoever uses it.
            let _ = driver.await;
        });
        *place.shared.borrow_mut() = Some(send.clone());
        Ok(Connection::Http2(send))
    }

    /// Closes what nobody has used for long.
    pub(crate) fn sweep(&self) {
        let now = self.alarms.now();
        for place in self.places.borrow().values().flatten() {
            place.idle.borrow_mut().retain(|(_, since)| now - since < self.keep);
        }
    }
}

impl Place {
    async fn kept(&self, keep: u64) -> Option<Connection> {
        let shared = self.shared.borrow().as_ref().filter(|send| !send.is_closed()).cloned();
        if let Some(send) = shared {
            return Some(Connection::Http2(send));
        }
        loop {
            // The one that was used last is the one that the upstream still has.
            let (mut connection, since) = self.idle.borrow_mut().pop()?;
            if self.alarms.now() - since < keep && poll_fn(|context| Poll::Ready(connection.is_usable(context))).await {
                return Some(Connection::Http1(connection));
            }
        }
    }

    /// Takes a connection back: its answer has been read to the end.
    pub(crate) fn give_back(&self, connection: Box<Http1>) {
        let mut idle = self.idle.borrow_mut();
        if idle.len() < self.most && connection.is_reusable() {
            idle.push((connection, self.alarms.now()));
        }
    }
}

impl Connection {
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
