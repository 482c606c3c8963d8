//! Starting and stopping: one thread, one runtime and one socket a core.

use std::convert::Infallible;
use std::future::poll_fn;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::mpsc::Sender;
use std::task::Poll;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper::{Request, Response, body::Incoming};
use hyper_util::rt::{TokioIo, TokioTimer};
use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio_rustls::TlsAcceptor;

use crate::alarm::TICK;
use crate::body::Inbound;
use crate::config::Config;
use crate::http1::server::serve as serve_http1;
use crate::pool::Local;
use crate::proxy::answer;
use crate::refusal::Reason;
use crate::shared::Shared;
use crate::usage::{Gathered, hand_over};
use crate::watch::{Noted, Reply, Watched};
use crate::wire::Wire;
use crate::worker::{Counted, Worker};

/// The gateway's data plane.
pub struct Gateway;

/// A gateway that runs.
pub struct Running {
    address: SocketAddr,
    stop: watch::Sender<Option<Instant>>,
    cores: Vec<JoinHandle<()>>,
    recorder: JoinHandle<()>,
    shared: Arc<Shared>,
}

/// Records are handed over every so many ticks: four times a second or more.
const HAND_OVER: u32 = 2;

impl Gateway {
    /// Binds the address and serves, until [`Running::drain`].
    ///
    /// # Errors
    /// When the address cannot be bound, or is not loopback's and there is no TLS.
    pub fn bind(config: Config, shared: Arc<Shared>) -> io::Result<Running> {
        if config.tls.is_none() && !config.listen.ip().to_canonical().is_loopback() {
            let why = format!("{} is reached from outside, and there is no TLS for it", config.listen);
            return Err(io::Error::new(io::ErrorKind::InvalidInput, why));
        }
        is_free(config.listen)?;
        let first = listen(config.listen)?;
        let address = first.local_addr()?;
        let mut sockets = vec![first];
        for _ in 1..config.cores.max(1) {
            sockets.push(listen(address)?);
        }
        let config = Arc::new(config);
        let (stop, stopped) = watch::channel(None);
        let (gathered, from) = std::sync::mpsc::channel();
        let sink = Arc::clone(&shared.usage);
        let recorder = thread("gateway-usage", move || hand_over(&*sink, &from))?;
        let mut cores = Vec::new();
        for (number, socket) in sockets.into_iter().enumerate() {
            let core = Core {
                shared: Arc::clone(&shared),
                config: Arc::clone(&config),
                stopped: stopped.clone(),
                gathered: gathered.clone(),
            };
            cores.push(thread(&format!("gateway-{number}"), move || core.run(socket))?);
        }
        Ok(Running { address, stop, cores, recorder, shared })
    }
}

impl Running {
    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Stops: takes no more connections, lets what is under way end within `patience`, hands the last
    /// records over and gives back what was reserved. Returns when that is done.
    pub fn drain(self, patience: Duration) {
        self.stop.send_replace(Some(Instant::now() + patience));
        for core in self.cores {
            // A core that panicked has nothing under way.
            let _ = core.join();
        }
        let _ = self.recorder.join();
        self.shared.purses.give_back(self.shared.clock.now());
    }
}

fn thread(name: &str, run: impl FnOnce() + Send + 'static) -> io::Result<JoinHandle<()>> {
    std::thread::Builder::new().name(name.to_owned()).spawn(run)
}

/// With `SO_REUSEPORT` another process of this user would share the port, and with it the callers.
fn is_free(address: SocketAddr) -> io::Result<()> {
    if address.port() == 0 {
        return Ok(());
    }
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    socket.bind(&address.into())?;
    socket.listen(1)
}

fn listen(address: SocketAddr) -> io::Result<std::net::TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    #[cfg(all(unix, not(any(target_os = "solaris", target_os = "illumos"))))]
    socket.set_reuse_port(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(1024)?;
    Ok(socket.into())
}

/// What a core's thread starts with.
struct Core {
    shared: Arc<Shared>,
    config: Arc<Config>,
    stopped: watch::Receiver<Option<Instant>>,
    gathered: Sender<Gathered>,
}

impl Core {
    fn run(self, socket: std::net::TcpListener) {
        let built = tokio::runtime::Builder::new_current_thread().enable_all().build_local(Default::default());
        let runtime = match built {
            Ok(runtime) => runtime,
            Err(error) => return tracing::error!(target: "keyward::gateway", "a core cannot start: {error}"),
        };
        runtime.block_on(self.serve(socket));
    }

    async fn serve(self, socket: std::net::TcpListener) {
        let listener = match TcpListener::from_std(socket) {
            Ok(listener) => listener,
            Err(error) => return tracing::error!(target: "keyward::gateway", "a core cannot listen: {error}"),
        };
        let Self { shared, config, mut stopped, gathered } = self;
        let worker = Rc::new(Worker::new(shared, Arc::clone(&config), gathered, table_key()));
        worker.tick();
        let mut tick = tokio::time::interval(TICK);
        let mut ticks: u32 = 0;
        let deadline = loop {
            tokio::select! {
                accepted = listener.accept() => match accepted {
                    Ok((stream, peer)) => {
                        let tls = config.tls.as_ref().map(|tls| TlsAcceptor::from(tls()));
                        accept(&worker, tls, stream, peer.ip());
                    }
                    // No more files: those that are open will end.
                    Err(_) => tokio::time::sleep(Duration::from_millis(10)).await,
                },
                _ = tick.tick() => {
                    worker.tick();
                    ticks = ticks.wrapping_add(1);
                    if ticks.is_multiple_of(HAND_OVER) {
                        worker.pool.sweep();
                        worker.hand_over();
                    }
                }
                changed = stopped.changed() => match *stopped.borrow() {
                    Some(deadline) => break deadline,
                    // Whoever held it is gone.
                    None if changed.is_err() => break Instant::now(),
                    None => {}
                },
            }
        };
        drop(listener);
        worker.stopping.set(true);
        worker.watch.wake_all();
        while worker.connections.get() > 0 && Instant::now() < deadline {
            tokio::time::sleep(Duration::from_millis(10)).await;
            worker.tick();
            // Those that were not served yet when the stop came have not been told.
            worker.watch.wake_all();
        }
        // What is still under way ends with the runtime, and is recorded when it does.
        worker.ended.set(true);
    }
}

/// A key of this core's own table.
fn table_key() -> [u8; 32] {
    // The standard library's own seeds, drawn from the system: 128 bits a state.
    use std::hash::{BuildHasher as _, RandomState};
    let mut key = [0; 32];
    for (i, part) in key.chunks_mut(8).enumerate() {
        part.copy_from_slice(&RandomState::new().hash_one(i).to_le_bytes());
    }
    key
}

fn accept(worker: &Rc<Worker>, tls: Option<TlsAcceptor>, stream: TcpStream, peer: IpAddr) {
    if worker.connections.get() >= worker.config.limits.connections {
        worker.deny(None, peer, Reason::Busy);
        return;
    }
    let counted = Counted::new(worker);
    let _ = stream.set_nodelay(true);
    tokio::task::spawn_local(async move {
        let worker = counted.worker();
        match tls {
            None if speaks_http2(worker, &stream).await => serve_http2(worker, Wire::Plain(stream), peer).await,
            None => serve_http1(worker, Wire::Plain(stream), peer).await,
            Some(tls) => {
                let greeted = tokio::time::timeout(worker.config.times.connect, tls.accept(stream)).await;
                let Ok(Ok(stream)) = greeted else { return };
                let socket = Wire::Tls(Box::new(stream.into()));
                match socket.is_http2() {
                    true => serve_http2(worker, socket, peer).await,
                    false => serve_http1(worker, socket, peer).await,
                }
            }
        }
    });
}

/// Whether a plain connection begins as HTTP/2 does (RFC 9113, 3.4).
async fn speaks_http2(worker: &Worker, stream: &TcpStream) -> bool {
    const BEGINNING: &[u8] = b"PRI * HTTP/2.0\r\n";
    let end = tokio::time::Instant::now() + worker.config.times.head;
    let mut seen = [0; BEGINNING.len()];
    loop {
        let Ok(Ok(length)) = tokio::time::timeout_at(end, stream.peek(&mut seen)).await else { return false };
        if length == 0 || !BEGINNING.starts_with(&seen[..length]) {
            return false;
        }
        if length == BEGINNING.len() {
            return true;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

async fn serve_http2(worker: &Rc<Worker>, socket: Wire, peer: IpAddr) {
    let watched = worker.watch.begin(worker.alarms.now());
    let stream = Noted::new(socket, &watched, &worker.alarms);
    let mut builder = http2::Builder::new(Local);
    builder
        .timer(TokioTimer::new())
        .max_concurrent_streams(256)
        .max_header_list_size(u32::try_from(worker.config.limits.head).unwrap_or(u32::MAX))
        .keep_alive_interval(Some(Duration::from_secs(30)))
        .keep_alive_timeout(worker.config.times.head);
    let service = {
        // Its streams are tasks of their own, and outlive this one's frame.
        let (worker, watched) = (Rc::clone(worker), Rc::clone(&watched));
        service_fn(move |request: Request<Incoming>| {
            let (worker, watched) = (Rc::clone(&worker), Rc::clone(&watched));
            async move { reply(&worker, &watched, request, peer).await }
        })
    };
    let connection = builder.serve_connection(TokioIo::new(stream), service);
    let mut connection = pin!(connection);
    let mut told = false;
    let end = poll_fn(|context| {
        watched.register(context);
        if watched.over.get() {
            return Poll::Ready(Ok(()));
        }
        if worker.stopping.get() && !std::mem::replace(&mut told, true) {
            connection.as_mut().graceful_shutdown();
        }
        connection.as_mut().poll(context)
    })
    .await;
    if end.is_err_and(|error| error.is_parse()) {
        worker.deny(None, peer, Reason::Framing);
    }
}

async fn reply(
    worker: &Rc<Worker>,
    watched: &Rc<Watched>,
    request: Request<Incoming>,
    peer: IpAddr,
) -> Result<Response<Reply>, Infallible> {
    let begun = watched.request(&worker.alarms);
    let response = answer(worker, request.map(Inbound::Http2), peer).await;
    Ok(response.map(|out| begun.reply(out)))
}
