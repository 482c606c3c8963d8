//! Connections: how many, how long they may take over their headers, and how they end.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use hyper::body::Incoming;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, UnixListener};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_rustls::TlsAcceptor;
use tower_service::Service;

use crate::address::{self, Peer};
use crate::config::{Config, Limits};
use crate::gate::Gate;
use crate::listener::{Bound, Socket};
use crate::origin::Encrypted;
use crate::stop::Stop;
use crate::tls::{Certificates, LOOK_EVERY};

/// How long a client may take to agree on keys.
const HANDSHAKE: Duration = Duration::from_secs(10);
/// How long to wait when no connection can be taken, for example for want of file descriptors.
const BREATH: Duration = Duration::from_millis(50);

/// What all connections share.
pub(crate) struct Serving {
    gate: Arc<Gate>,
    protocols: Arc<Protocols>,
    room: Arc<Semaphore>,
    /// Who is waited for when the server ends.
    open: Arc<GracefulShutdown>,
}

/// One connection that was taken.
struct Taken {
    gate: Arc<Gate>,
    protocols: Arc<Protocols>,
    watcher: Watcher,
    _room: OwnedSemaphorePermit,
}

/// What is spoken over a connection. To find that out from its first bytes takes another eight kilobytes of
/// each connection for as long as it lives.
struct Protocols {
    http1: Builder<TokioExecutor>,
    http2: Builder<TokioExecutor>,
    /// Whichever the first bytes say.
    either: Builder<TokioExecutor>,
}

/// How a client is known to speak.
#[derive(Clone, Copy)]
enum Speech {
    Http1,
    Http2,
    Unknown,
}

impl Serving {
    pub(crate) fn new(gate: Arc<Gate>, open: Arc<GracefulShutdown>) -> Self {
        let limits = &gate.edge().config.limits;
        let room = Arc::new(Semaphore::new(limits.connections));
        Self { protocols: Arc::new(Protocols::new(limits)), room, open, gate }
    }

    fn take(&self, room: OwnedSemaphorePermit) -> Taken {
        let gate = Arc::clone(&self.gate);
        Taken { gate, protocols: Arc::clone(&self.protocols), watcher: self.open.watcher(), _room: room }
    }
}

impl Taken {
    async fn serve<I>(self, io: I, peer: Peer, encrypted: Encrypted, speech: Speech)
    where
        I: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let _counted = self.gate.edge().metrics.connection();
        let gate = Arc::clone(&self.gate);
        let service = hyper::service::service_fn(move |request: hyper::Request<Incoming>| {
            let mut request = request.map(Body::new);
            request.extensions_mut().insert(peer);
            request.extensions_mut().insert(encrypted);
            request.extensions_mut().insert(Arc::clone(&gate));
            // Open or sealed as it is now, not as it was when the connection was made.
            gate.router().call(request)
        });
        let connection = self.protocols.of(speech).serve_connection(TokioIo::new(io), service);
        // A connection that breaks is its client's affair.
        let _ = self.watcher.watch(connection.into_owned()).await;
    }
}

impl Protocols {
    fn new(limits: &Limits) -> Self {
        let either = protocol(limits);
        Self { http1: either.clone().http1_only(), http2: either.clone().http2_only(), either }
    }

    fn of(&self, speech: Speech) -> &Builder<TokioExecutor> {
        match speech {
            Speech::Http1 => &self.http1,
            Speech::Http2 => &self.http2,
            Speech::Unknown => &self.either,
        }
    }
}

impl Speech {
    /// What was agreed on with the keys. Who agreed on nothing speaks HTTP/1.1: over TLS nobody begins
    /// HTTP/2 otherwise (RFC 9113, section 3.3).
    fn agreed(protocol: Option<&[u8]>) -> Self {
        if protocol == Some(b"h2") { Self::Http2 } else { Self::Http1 }
    }
}

fn protocol(limits: &Limits) -> Builder<TokioExecutor> {
    let mut builder = Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(Duration::from_secs(limits.header_seconds))
        .max_buf_size(limits.headers.max(8 << 10))
        .max_headers(64)
        .half_close(false);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_header_list_size(u32::try_from(limits.headers).unwrap_or(u32::MAX))
        .max_concurrent_streams(128)
        .keep_alive_interval(Duration::from_secs(30))
        .keep_alive_timeout(Duration::from_secs(10));
    builder
}

/// Takes connections of one address until the server ends.
pub(crate) async fn accept(bound: Bound, serving: Arc<Serving>, stop: Stop) -> std::io::Result<()> {
    let Bound { socket, tls } = bound;
    match socket {
        Socket::Tcp(listener, _) => {
            let listener = TcpListener::from_std(listener)?;
            if let Some(certificates) = tls.clone() {
                tokio::spawn(look_at(certificates, stop.clone()));
            }
            until(&stop, tcp(&listener, tls.as_ref(), &serving)).await;
        }
        Socket::Unix(listener, path) => {
            let listener = UnixListener::from_std(listener)?;
            until(&stop, unix(&listener, &serving)).await;
            let _ = std::fs::remove_file(path);
        }
    }
    Ok(())
}

async fn until(stop: &Stop, work: impl Future<Output = ()>) {
    tokio::select! {
        () = work => {}
        () = stop.stopped() => {}
    }
}

async fn look_at(certificates: Certificates, stop: Stop) {
    until(&stop, async {
        loop {
            tokio::time::sleep(LOOK_EVERY).await;
            let certificates = certificates.clone();
            let _ = tokio::task::spawn_blocking(move || certificates.look()).await;
        }
    })
    .await;
}

async fn tcp(listener: &TcpListener, tls: Option<&Certificates>, serving: &Serving) {
    loop {
        // Whoever finds no room waits in the system's queue.
        let Ok(room) = Arc::clone(&serving.room).acquire_owned().await else { return };
        let (stream, address) = match listener.accept().await {
            Ok(accepted) => accepted,
            Err(_) => {
                tokio::time::sleep(BREATH).await;
                continue;
            }
        };
        if !may_connect(&serving.gate.edge().config, address.ip()) {
            serving.gate.edge().metrics.refused();
            continue;
        }
        let _ = stream.set_nodelay(true);
        let peer = Peer(Some(address.ip()));
        let taken = serving.take(room);
        let acceptor = tls.map(|certificates| TlsAcceptor::from(certificates.config()));
        tokio::spawn(async move {
            match acceptor {
                None => taken.serve(stream, peer, Encrypted(false), Speech::Unknown).await,
                Some(acceptor) => {
                    if let Ok(Ok(stream)) = tokio::time::timeout(HANDSHAKE, acceptor.accept(stream)).await {
                        let speech = Speech::agreed(stream.get_ref().1.alpn_protocol());
                        taken.serve(stream, peer, Encrypted(true), speech).await;
                    }
                }
            }
        });
    }
}

async fn unix(listener: &UnixListener, serving: &Serving) {
    loop {
        let Ok(room) = Arc::clone(&serving.room).acquire_owned().await else { return };
        match listener.accept().await {
            Ok((stream, _)) => {
                tokio::spawn(serving.take(room).serve(stream, Peer(None), Encrypted(false), Speech::Unknown));
            }
            Err(_) => tokio::time::sleep(BREATH).await,
        }
    }
}

/// Before a byte is exchanged: the peer's network is allowed, or the peer is a proxy for others.
fn may_connect(config: &Config, address: IpAddr) -> bool {
    config.allow.is_empty()
        || address::contains(&config.allow, address)
        || address::contains(&config.trusted_proxies, address)
}
